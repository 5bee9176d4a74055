"""The report: complete, escaped, self-contained, and the same every time."""

from __future__ import annotations

import base64
import copy
import csv
import gzip
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_parts import HOSTILE
from made_up_results import Page, made_up_results, write

from nnbench.errors import NnbenchError
from nnbench.records.results import read_results
from nnbench.report.write import write_report

pytest_plugins = ["shown_report"]
GOLDEN = Path(__file__).parent / "golden" / "report.md"


def test_the_markdown_is_the_golden_one(readme):
    """After a wanted change: UPDATE_GOLDEN=1 pytest tests/test_report.py, then read the diff."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(readme, encoding="utf-8")
    assert readme == GOLDEN.read_text(encoding="utf-8")


def test_another_process_writes_the_same_bytes_and_needs_no_torch(folder, tmp_path):
    source = tmp_path / "results.json"
    source.write_text(json.dumps(made_up_results()))
    script = (
        "import pathlib, sys; from nnbench.records.results import read_results\n"
        "from nnbench.report.write import write_report\n"
        "write_report(read_results(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]))\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(source), str(tmp_path / "out")],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "False"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        NnbenchError, match=r"file.*cannot be written[\s\S]*do: make the folder writable"
    ):
        write(made_up_results(), tmp_path / "file")


def test_results_of_another_schema_are_refused(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**made_up_results(), "schema_version": 3}))
    with pytest.raises(NnbenchError, match=r"schema version[\s\S]*got: 3[\s\S]*allowed: 1 or 2"):
        read_results(path)


def test_results_of_an_older_schema_are_read_and_not_explained_by_the_newer_rules(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps({**made_up_results(), "schema_version": 1}))
    older = read_results(path)
    assert older.claims[0].results[0].pairs[0].detectable is None
    with pytest.raises(NnbenchError, match=r"judged by other rules[\s\S]*do: run `nnbench judge`"):
        write_report(older, tmp_path)


def test_a_run_without_any_measurement_still_has_a_report(tmp_path):
    results = copy.deepcopy(made_up_results())
    results["claims"] = [c for c in results["claims"] if c["status"] in ("not run", "qualitative")]
    provenance = results["provenance"]
    provenance |= {"generated": None, "git_commit": None, "machines": [], "versions": []}
    provenance["run"] |= {"first_start": None, "last_end": None, "peak_memory_mb": None}
    unread = {"error": "the folder is empty", "sizes": {}, "class_counts": {}, "samples": []}
    provenance["datasets"] = [{**provenance["datasets"][0], **unread}]
    write(results, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "nothing has run yet" in text
    assert "the folder is empty" in text
    assert not (tmp_path / "figures").exists() or not list((tmp_path / "figures").iterdir())


def test_the_first_lines_count_the_verdicts_and_the_facts_name_machine_and_time(page):
    assert "18 claims about neural networks, 15 of them measured" in page.text
    for part in ("6 reproduced", "2 partly", "2 contradicted", "2 inconclusive", "2 not run"):
        assert part in page.text.replace("\u00a0", " ")
    assert "Example CPU, 8 cores" in page.text
    assert "13\u00a0min 32\u00a0s" in "".join(page.texts)


def test_every_claim_and_result_has_its_place_and_every_link_leads_somewhere(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for claim in made_up_results()["claims"]:
        assert claim["id"].replace("/", "-") in ids
    targets = [a["href"] for a in page.all("a") if a["href"].startswith("#")]
    assert len(targets) > 50
    assert {target[1:] for target in targets} <= set(ids)


def test_the_page_needs_nothing_but_itself_and_runs_no_script_but_its_own(page, folder):
    source = (folder / "index.html").read_text(encoding="utf-8")
    assert page.all("script") == [{}], "one, inline"
    script = source.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in source
    assert not page.all("iframe", "object")
    assert not any("action" in form for form in page.all("form"))
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    links = [a["href"] for a in page.all("a", "link")]
    beside = {link for link in links if not link.startswith(("#", "data:"))}
    assert {link.partition("/")[0] for link in beside} == {"claims", "data"}, "what it only offers"
    assert all((folder / link).exists() for link in beside)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy


def test_tables_and_figures_speak_to_those_who_cannot_see_them(page):
    assert all("scope" in attributes for attributes in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    alts = [image["aria-label"] for image in page.all("svg")]
    assert min(map(len, alts)) > 20
    assert any("ReLU 0.275 ± 0.004" in alt for alt in alts)


def test_foreign_text_stays_text(page, readme):
    assert HOSTILE in page.text
    assert "<script" not in readme
    assert "&lt;script" in readme


def test_markdown_tables_keep_their_columns(readme):
    rows = [line for line in readme.splitlines() if line.startswith("|")]
    assert len(rows) > 80
    for above, below in itertools.pairwise(rows):
        if below.startswith("| ---"):
            assert above.count("|") == below.count("|"), above
    widths = {row.count("|") for row in rows if "three" in row}
    assert widths <= {5, 6, 7, 8}, "a pipe in a level's name must not open a column"


def test_markdown_links_lead_to_files_and_anchors_that_exist(folder, readme):
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        if target.startswith("#"):
            assert f'<a id="{target[1:]}"></a>' in readme
        elif target not in {"results.json", "x"}:  # x stands in the hostile text
            file, _, anchor = target.partition("#")
            assert (folder / file).is_file(), target
            assert not anchor or f'<a id="{anchor}"></a>' in readme or anchor.startswith("document")


def test_each_claims_csv_has_one_row_a_run(folder):
    for claim in made_up_results()["claims"]:
        path = folder / "data" / f"{claim['id'].replace('/', '-')}.csv"
        runs = [level for result in claim["results"] for level in result["levels"]]
        assert path.exists() == bool(runs)
        if runs:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            assert len(rows) == sum(len(level["values"]) for level in runs)


def test_the_page_carries_every_csv_file_that_it_links_to(page, folder):
    links = [a for a in page.all("a") if a["href"].startswith("data/")]
    assert {a["href"] for a in links} == {f"data/{path.name}" for path in folder.glob("data/*.csv")}
    for link in links:
        carried = gzip.decompress(base64.b64decode(link["data-gzip"]))
        assert carried == (folder / link["href"]).read_bytes()


def test_csv_values_are_exact_and_carry_their_status(folder):
    with (folder / "data" / "resolve-rate-extremes.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["level"] == "10"]
    result = next(c for c in made_up_results()["claims"] if c["id"] == "resolve/rate-extremes")[
        "results"
    ][0]
    expected = result["levels"][2]["values"]
    assert {row["seed"]: float(row["value"]) for row in rows} == expected
    assert [row["seed"] for row in rows if row["status"] == "diverged"] == ["0", "4", "7"]


def test_the_page_of_a_full_run_stays_below_five_megabytes(folder):
    results = sum(len(claim["results"]) for claim in made_up_results()["claims"])
    size = (folder / "index.html").stat().st_size
    assert size / results * 100 < 5e6, "one hundred results must fit"
