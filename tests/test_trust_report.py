"""Whatever texts a report is given, its pages show them and do nothing else."""

from __future__ import annotations

import copy
import csv
import html.parser
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from made_up_results import made_up_results, write
from project import Project

from nnbench.errors import NnbenchError
from nnbench.records.results import read_results
from nnbench.report.csvs import no_formula
from nnbench.report.markdown import html_text

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> [a](javascript:alert(3)) "
    "' onmouseover='alert(4) \" onfocus=\"alert(5) | `x` {{ 7 * 7 }} {% raw %} ${x} &lt; ]]> --> "
    "</style></svg><a href=javascript:alert(6)>x</a>\n\n# heading\n- item"
)
TEXTS = (  # every field that holds somebody's words
    "title", "quote", "answer", "experiment", "limits", "second_look", "document_title", "reason",
    "dataset_title", "variant_title", "verdict_reason", "sentence", "derived", "metric_title", "text",
    "not_measured", "source", "licence", "target_name", "target_unit", "hostname", "platform",
    "device_name", "device", "command", "error", "name", "tier", "git_commit", "config_sha256",
)  # fmt: skip
LISTS = ("caveats", "notes", "machines", "class_names")


def hostile(data: Any, *, key: str = "") -> Any:
    """The data with hostile words wherever there were words."""
    if isinstance(data, dict):
        return {name: hostile(value, key=name) for name, value in data.items()}
    if isinstance(data, list):
        return [hostile(value, key="title" if key in LISTS else "") for value in data]
    return f"{data} {HOSTILE}" if isinstance(data, str) and key in TEXTS else data


def with_levels(results: dict[str, Any]) -> dict[str, Any]:
    """Levels are named by several fields, which have to agree."""
    for claim in results["claims"]:
        for result in claim["results"]:
            for level in result["levels"]:
                level["level"] = f"{level['level']}{HOSTILE.split(' ', 1)[0]}"
                level["settings"] = {"<b>key": HOSTILE, **level["settings"]}
                level["facts"] = {**level["facts"], "<i>fact": HOSTILE}
            for pair in result["pairs"]:
                pair["a"], pair["b"] = f"{pair['a']}{HOSTILE}", f"{pair['b']}{HOSTILE}"
    return results


class Elements(html.parser.HTMLParser):
    """The elements that a browser would make of a page, with their attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile")
    write(hostile(with_levels(copy.deepcopy(made_up_results()))), path)
    return path


def elements(source: str) -> list[tuple[str, dict[str, str | None]]]:
    return Elements(source).found


def test_the_page_has_no_element_or_attribute_but_its_own(folder: Path, tmp_path: Path) -> None:
    write(made_up_results(), tmp_path)
    own = elements((tmp_path / "index.html").read_text(encoding="utf-8"))
    found = elements((folder / "index.html").read_text(encoding="utf-8"))
    assert {tag for tag, _ in found} <= {tag for tag, _ in own}
    assert {name for _, attributes in found for name in attributes} <= {
        name for _, attributes in own for name in attributes
    }
    assert not any(name.startswith("on") for _, attributes in found for name in attributes)


def test_every_address_leads_into_the_page_or_to_a_file_of_the_report(folder: Path) -> None:
    page = elements((folder / "index.html").read_text(encoding="utf-8"))
    addresses = [a[n] or "" for _, a in page for n in ("href", "src") if n in a]
    allowed = ("#", "data:image/svg+xml", "data:image/png;base64,")
    assert addresses
    beside = [address for address in addresses if not address.startswith(allowed)]
    ours = r"claims/[a-z0-9_.-]+\.svg|data/[a-z0-9_.-]+\.csv"
    assert all(re.fullmatch(ours, address) for address in beside)
    assert all((folder / address).is_file() for address in beside)


def test_the_words_are_shown_and_the_pages_policy_forbids_all_scripts_but_its_own(
    folder: Path,
) -> None:
    source = (folder / "index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source
    assert "default-src 'none'" in source
    assert re.findall(r"script-src ([^;]*);", source) == re.findall(r"'sha256-[\w+/=]+'", source)
    assert source.count("<script") == source.count("<script>") == 1


def test_no_figure_holds_a_script_or_an_address(folder: Path) -> None:
    files = [*(folder / "figures").glob("*.svg"), *(folder / "claims").glob("*.svg")]
    assert files
    known = {"svg", "style", "g", "path", "text", "rect", "circle", "title", "image", "a"}
    for file in files:
        for tag, attributes in elements(file.read_text(encoding="utf-8")):
            assert tag in known
            assert not any(name.startswith("on") for name in attributes)
            link = attributes.get("href") or "#"
            assert link.startswith(("#", "data:image/png;base64,", "../index.html#"))


def test_markdown_shows_the_words_as_they_are(folder: Path) -> None:
    readme = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.md"))
    block = re.compile(r"^<details>.*$", re.MULTILINE)  # up to a blank line, Markdown means nothing
    for text in block.findall(readme):
        assert set(re.findall(r"</?\w+", text)) == {"<details", "<summary", "</summary"}
    for text in re.split(r"(?<!\\)`+", block.sub("", readme))[::2]:  # what is no code span
        assert not re.search(r"<(script|img|/?style|/?svg|a href)", text)
        assert not re.search(r"(?<!\\)\]\(javascript:", text)
    assert "\n# heading" not in readme
    assert "\n- item" not in readme


def test_text_inside_an_html_block_cannot_end_it() -> None:
    assert html_text("a\n\n[x](y)<b>") == "a [x](y)&lt;b&gt;"


@pytest.mark.parametrize(
    ("text", "written"),
    [("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"), ("@SUM(A1)", "'@SUM(A1)"), ("+a", "'+a"),
     ("- b", "'- b"), (" =1", "' =1"), ("\t=1", "'\t=1"), ("-1.5", "-1.5"), ("+3e4", "+3e4"),
     ("a=b", "a=b"), ("", ""), (None, None), (-1.5, -1.5)],
)  # fmt: skip
def test_a_spreadsheet_computes_no_text(text: object, written: object) -> None:
    assert no_formula(text) == written


def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path) -> None:
    results = copy.deepcopy(made_up_results())
    for claim in results["claims"]:
        claim["reason"] = claim["reason"] and f"={claim['reason']}"
        for result in claim["results"]:
            result["levels"][0]["level"] = "=HYPERLINK(A1)"
    write(results, tmp_path)
    for path in (tmp_path / "data").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "@"))], path.name
    assert "'=HYPERLINK(A1)" in "".join(p.read_text() for p in (tmp_path / "data").glob("*.csv"))


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("claims",), {}, "claims: "),
        (("claims", 0, "id"), "../../x", r"claims\.0\.id: "),
        (("claims", 0, "verdict"), "sure", r"claims\.0\.verdict: "),
        (("claims", 0, "results", 0, "metric"), "luck", r"metric: no metric of this nnbench"),
        (("claims", 0, "results", 0, "levels", 0, "mean"), "0.1", r"levels\.0\.mean: "),
        (("claims", 0, "results", 0, "levels", 0, "values"), {"x": 1.0}, r"values\.x"),
        (("provenance", "generated"), "yesterday", r"provenance\.generated: "),
        (("provenance", "machines"), [3], r"provenance\.machines\.0: "),
        (("summary", "claims"), -1, r"summary\.claims: "),
    ],
)
def test_results_of_a_wrong_shape_name_the_field(
    place: tuple[Any, ...], value: Any, words: str, tmp_path: Path
) -> None:
    results = copy.deepcopy(made_up_results())
    *outer, key = place
    inside: Any = results
    for name in outer:
        inside = inside[name]
    inside[key] = value
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    with pytest.raises(NnbenchError, match=rf"results\.json: (.|\n)*{words}"):
        read_results(path)


def test_results_that_disagree_write_nothing(tmp_path: Path) -> None:
    results = copy.deepcopy(made_up_results())
    dataset = next(d for d in results["provenance"]["datasets"] if d["samples"])
    dataset["samples"][0]["label"] = 99  # of ten classes
    with pytest.raises(NnbenchError, match=r"cannot be shown(.|\n)*IndexError"):
        write(results, tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_curve_without_an_epoch_writes_nothing(tmp_path: Path) -> None:
    results = copy.deepcopy(made_up_results())
    results["claims"][0]["results"][0]["levels"][0]["curves"]["epochs"][3] = None
    with pytest.raises(NnbenchError, match=r"cannot be shown(.|\n)*IndexError"):
        write(results, tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


SHELL = "; touch executed; $(touch executed) `touch executed` 'q' \"d\" & x > executed #*?[a]~ é"


@pytest.mark.dag
def test_nothing_in_a_config_is_run_by_a_shell(tmp_path: Path) -> None:
    """Folders, levels and titles that a shell or Snakemake would take for commands, from end to end."""
    project = Project(tmp_path)
    results, reports = f"r{SHELL}", f"o{SHELL}"
    project.config |= {"results": results, "reports": reports, "data_folder": f"d{SHELL}"}
    del project.document["claims"]["coins"]
    claim = project.document["claims"]["rate"]
    claim["title"] = f"{SHELL} {{params.config}} {{input}} %s \\ <script>alert(1)</script>"
    claim["settings"] |= {"hidden": [4], "train_for": "1 epochs"}
    claim["levels"] = {f"a{SHELL}"[:60]: {"lr": 0.1}, "$(touch executed) {output}": {"lr": 1e-4}}
    claim["claimed"] = dict(zip(claim["levels"], (0.2, 0.9), strict=True))
    project.save()
    done = project.run()
    assert done.returncode == 0, done.stdout
    assert (tmp_path / reports / "index.html").exists()
    assert len(list((tmp_path / results / "cells").glob("*/record-*.json"))) == 2
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        results,
        reports,
        "nnbench",
        "snakemake_logger_plugin_nnbench",
        "workflow",
        "profiles",
        "config",
        "Snakefile",
        ".snakemake",
    }
    assert not [path for path in tmp_path.rglob("*") if path.name == "executed"]
    shutil.rmtree(tmp_path / results)  # pytest's own clean-up takes no such names on every system
