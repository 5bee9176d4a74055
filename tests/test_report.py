"""The report: complete, escaped, self-contained, and the same every time."""

from __future__ import annotations

import copy
import csv
import html.parser
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_parts import HOSTILE
from made_up_results import made_up_results

from nnbench.errors import NnbenchError
from nnbench.report import markdown, write_report
from nnbench.report.drill_tables import by_default, fact_text, flat
from nnbench.report.result_tables import pair_table
from nnbench.report.table import make_table
from nnbench.text.vocabulary import pair_chip

GOLDEN = Path(__file__).parent / "golden" / "report.md"


class Page(html.parser.HTMLParser):
    """What the HTML says: elements with their attributes, and texts."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports")
    write_report(made_up_results(), path)
    return path


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def readme(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_markdown_is_the_golden_one(readme):
    """After a wanted change: UPDATE_GOLDEN=1 pytest tests/test_report.py, then read the diff."""
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(readme, encoding="utf-8")
    assert readme == GOLDEN.read_text(encoding="utf-8")


def test_another_process_writes_the_same_bytes_and_needs_no_torch(folder, tmp_path):
    source = tmp_path / "results.json"
    source.write_text(json.dumps(made_up_results()))
    script = (
        "import json, pathlib, sys; from nnbench.report import write_report\n"
        "write_report(json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2]))\n"
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
        write_report(made_up_results(), tmp_path / "file")


def test_results_of_another_schema_are_refused(tmp_path):
    with pytest.raises(NnbenchError, match=r"schema version[\s\S]*got: 2[\s\S]*allowed: 1"):
        write_report({**made_up_results(), "schema_version": 2}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_any_measurement_still_has_a_report(tmp_path):
    results = copy.deepcopy(made_up_results())
    results["claims"] = [c for c in results["claims"] if c["status"] in ("not run", "qualitative")]
    provenance = results["provenance"]
    provenance |= {"generated": None, "git_commit": None, "machines": [], "versions": []}
    provenance["run"] |= {"first_start": None, "last_end": None, "peak_memory_mb": None}
    provenance["datasets"] = [{"name": "mnist5k", "error": "the folder is empty"}]
    write_report(results, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "nothing has run yet" in text
    assert "the folder is empty" in text
    assert not (tmp_path / "figures").exists() or not list((tmp_path / "figures").iterdir())


def test_the_first_sentence_counts_the_verdicts_and_the_facts_name_machine_and_time(page):
    assert "Of 16 claims about neural networks:" in page.text
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


def test_the_page_needs_nothing_but_itself_and_runs_no_script(page):
    assert not page.all("script", "iframe", "object", "form")
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    links = [a["href"] for a in page.all("a", "link")]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert "default-src 'none'" in policy


def test_tables_and_figures_speak_to_those_who_cannot_see_them(page):
    assert all("scope" in attributes for attributes in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    alts = [image["alt"] for image in page.all("img")]
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
            assert (folder / target).is_file(), target


def test_a_diverged_run_is_a_result_and_is_shown(page, readme):
    text = page.text
    assert "2.303 ✕ diverged" in text
    assert "300.0 ▷ capped" in text
    assert "missing" in text
    failed = text.partition("Runs that diverged")[2]
    assert "Extreme rates MNIST-5k, as written 10 3/10" in failed
    assert "| 10 | 4.18 ± 1.21 | 10/10 | 3/10 |" in readme


def test_what_was_not_measured_is_listed_with_its_reason(page):
    assert "needs the full tier" in page.text
    assert "0000000000c0ffee loss/depth no record" in page.text
    assert "00000000deadbeef checksum does not match" in page.text


def test_verdicts_that_depend_on_tuning_are_flagged_and_the_choice_is_shown(page):
    assert "The verdict depends on the track" in page.text
    assert "0.310 ◂" in page.text
    assert "sigmoid: lr = 0.01" in page.text.partition("As written against tuned")[2]


def test_a_level_that_was_not_measured_says_why_in_its_row(page, readme):
    why = "not measured: 1.9 GB of memory are free, and it needs 4 GB"
    assert f"Inception 3rd – – {why} 0/10 –" in page.text
    assert f"| Inception | 3rd | – | – | {why} | 0/10 | – |" in readme


def test_an_order_without_numbers_shows_ranks_and_no_diamonds(page, readme):
    assert "| wide | 1st | 1,409 | 0.610 ± 0.011 |" in readme
    assert "Claimed rank" in page.text
    assert "| Level | Measured, nats | Runs | Diverged |" in readme, "nothing claimed: no column"


def test_sizes_are_columns_where_levels_differ_in_them(readme):
    assert "| ResNet-50 | 1st | 25,557,032 | 4.09\u00a0billion | 31.00 ± 0.22 |" in readme
    assert "| sigmoid | 0.35 | 0.220 ± 0.004 | 10/10 | 0/10 |" in readme


def test_times_name_their_machine_and_derived_ones_say_so(page):
    assert "On this machine: Example CPU, 8 cores. Two processes share 2 cores." in page.text
    assert "Derived: images of the stated workload / measured images per second." in page.text
    assert "Training time (derived): geometric mean" in page.text
    assert "Each run: training time (derived), hours" in page.text


def test_a_picked_level_says_how_and_lists_its_candidates(page):
    chosen = "in each block the candidate with the lowest validation loss, of 2 drawn from 4."
    assert f"searched: {chosen}" in page.text
    assert "Candidates of searched" in page.text
    assert "lr = 0.0003 0.3 ± 0.6 0.4 ± 0.6 5/10 6/10 0/10" in page.text
    assert "4 candidates" in page.text


def test_facts_of_places_stand_in_a_table_of_their_own(page):
    assert "Facts about each level" in page.text
    assert "VGG16 224 8 2.15.0 138,357,544" in page.text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "yes"), (224, "224"), (4_000_000, "4,000,000"), (0.12345, "0.1235"),
     ([1, 2.5], "1, 2.500"), ({"8": 3.5}, "8: 3.500"), ("2.15.0", "2.15.0")],
)  # fmt: skip
def test_facts_read_as_text(value, text):
    assert fact_text(value) == text


def test_losses_of_a_regression_are_no_nats(page, readme):
    assert "Losses are mean squared errors, in squared deviations of the targets." in page.text
    assert "Test loss: wide 0.610" in readme


def in_own_objectives():
    """The made-up results, in which the first claim's levels minimise different objectives."""
    results = copy.deepcopy(made_up_results())
    for result in results["claims"][0]["results"]:
        result |= {"objective": None, "unit": "own objective"}
        for level in result["levels"]:
            level["metrics"]["train_loss"] = {"mean": 0.2, "low": 0.1, "high": 0.3}
    return results


def test_losses_of_different_objectives_share_no_unit(tmp_path):
    results = in_own_objectives()
    write_report({**results, "claims": results["claims"][:1]}, tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    section = readme.partition("### Activation functions")[2].partition("###")[0]
    assert "| Level | Claimed, own objective | Measured, own objective |" in section
    assert "Losses are those of each level's own objective, which are not comparable." in section
    assert "nats" not in section
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Training loss, own objective" in page
    assert "Training loss, nats" not in page


@pytest.mark.parametrize(
    ("objective", "unit", "text"),
    [
        ("mae", "deviations", "Losses are mean absolute errors, in deviations of the targets."),
        ("huber", "ratio", "Losses are Huber's: half the squared error up to one deviation"),
    ],
)
def test_a_regression_names_the_error_that_it_minimises(tmp_path, objective, unit, text):
    results = copy.deepcopy(made_up_results())
    width = next(claim for claim in results["claims"] if claim["id"] == "loss/width")
    width["results"][0] |= {"objective": objective, "unit": unit}
    write_report({**results, "claims": [width]}, tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text in readme
    assert "mean squared errors" not in readme


def test_a_metric_without_a_better_end_has_no_better_level():
    result = copy.deepcopy(made_up_results()["claims"][0]["results"][0])
    said = [str(row[0]) for row in pair_table(result).rows]
    assert said == [
        "ReLU better than tanh",
        "tanh better than sigmoid",
        "ReLU better than sigmoid (best and worst)",
    ]
    result["directed"] = False
    said = [str(row[0]) for row in pair_table(result).rows]
    assert said == [
        "ReLU smaller than tanh",
        "tanh smaller than sigmoid",
        "ReLU smaller than sigmoid (smallest and largest)",
    ]
    result["kind"] = "equal"
    assert str(pair_table(result).rows[0][0]) == "ReLU as large as tanh"


def test_the_command_of_a_claim_reminds_of_the_runs_own_config(page, readme):
    assert "if one was given" in page.text
    assert "with the same `--configfile`, if one was given: `snakemake --cores 8" in readme


def test_a_second_look_stands_beside_a_contradiction_alone(page, tmp_path):
    look = "Second look. Half of the seeds were run again"
    assert look in page.text
    results = copy.deepcopy(made_up_results())
    claim = next(c for c in results["claims"] if c["id"] == "loss/width")
    claim["verdict"] = claim["results"][0]["verdict"] = "reproduced"
    write_report(results, tmp_path)
    assert look not in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text


def test_data_say_what_is_to_be_predicted_and_many_classes_are_summed_up(page, tmp_path):
    assert "Target progression" in page.text
    results = copy.deepcopy(made_up_results())
    many = {"class_names": [f"c{k}" for k in range(100)]}
    many["class_counts"] = {"trainval": [400 + k for k in range(100)]}
    results["provenance"]["datasets"][1] |= many
    write_report(results, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "Part Fewest Most trainval 400 499" in text


def test_a_claim_that_was_not_run_says_what_it_would_cost(page):
    text = page.text.replace("\u00a0", " ")
    assert "needs the full tier (about 3 h of core time)" in text


def test_common_places_are_columns_of_the_matrix_and_all_else_is_named(page):
    matrix = page.text.partition("each mark leads to its evidence")[2]
    assert "On other data, or read otherwise" in matrix.replace("\u00a0", " ")
    assert "MNIST-5k, as written, read as training" in matrix.replace("\u00a0", " ")


def test_values_of_zero_on_a_log_scale_are_explained(tmp_path):
    results = copy.deepcopy(made_up_results())
    claim = next(c for c in results["claims"] if c["id"] == "resolve/rate-extremes")
    claim["results"][0]["levels"][1]["values"]["3"] = 0.0
    write_report(results, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert text.count("a value of 0 counts as 1e−12") == 1


def test_each_claims_csv_has_one_row_a_run(folder):
    for claim in made_up_results()["claims"]:
        path = folder / "data" / f"{claim['id'].replace('/', '-')}.csv"
        runs = [level for result in claim["results"] for level in result["levels"]]
        assert path.exists() == bool(runs)
        if runs:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            assert len(rows) == sum(len(level["values"]) for level in runs)


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


def test_a_pair_is_read_in_the_light_of_what_is_claimed():
    assert str(pair_chip("REV", kind="order")) == "✗\u00a0reversed"
    assert pair_chip("REV", kind="differs").tone == "reproduced"
    assert pair_chip("equal", kind="equal").tone == "reproduced"
    assert pair_chip("equal", kind="order").tone == "contradicted"


def test_a_claim_without_pairs_has_no_pair_table():
    assert pair_table({"pairs": [], "kind": "order"}) is None


def test_nested_settings_become_dotted_keys():
    assert flat({"a": {"b": 1, "c": None}, "d": "x"}) == {"a.b": "1", "a.c": "none", "d": "x"}


def test_a_table_refuses_rows_that_do_not_fit():
    with pytest.raises(ValueError, match="2 columns"):
        make_table("t", ("a", "b"), rows=[("1",)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a | b", "a &#124; b"),
        ("<b>", "&lt;b>"),
        ("p < 0.05 & more", "p < 0.05 & more"),
        ("*x* _y_ snake_case", "\\*x\\* \\_y\\_ snake_case"),
        ("# no heading", "\\# no heading"),
        ("- no list", "\\- no list"),
        ("1. no list", "1\\. no list"),
        ("two\nlines", "two lines"),
        ("$5 and $6", "&#36;5 and &#36;6"),
        ("-", "\\-"),
        ("---", "\\---"),
        ("--- ", "\\--- "),
        ("===", "\\==="),
        ("+", "\\+"),
        ("#", "\\#"),
        ("1.", "1\\."),
        ("--x", "--x"),
        ("-5 degrees", "-5 degrees"),
    ],
)
def test_text_is_literal_in_markdown(text, expected):
    assert markdown.escape(text) == expected


def test_code_may_contain_backticks():
    assert markdown.code("a `b` c") == "``a `b` c``"


def test_settings_at_their_defaults_are_folded_away():
    stated, defaults = by_default((("lr", "0.1"), ("optimizer", "adam"), ("hidden", "[128]")))
    assert stated == (("lr", "0.1"),)
    assert defaults == (("optimizer", "adam"), ("hidden", "[128]"))
