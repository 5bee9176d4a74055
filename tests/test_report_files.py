"""Every part of a report has a name of its own, and a report touches no file but its own."""

from __future__ import annotations

import copy
import csv
import html.parser
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_up_results import made_up_results, typed, write

from nnbench.records.results import Results
from nnbench.records.store import write_atomically
from nnbench.report.anchors import Anchors, anchors_of, slug
from nnbench.report.terminal import closing, headline
from nnbench.report.write import LIST, write_report


def few(number: int) -> dict[str, Any]:
    """The made-up results with their first claims alone, which are drawn faster than all."""
    results = copy.deepcopy(made_up_results())
    return {**results, "claims": results["claims"][:number]}


def renamed(names: Mapping[str, str]) -> dict[str, Any]:
    """Two of the made-up claims, with other ids."""
    results = few(2)
    for claim in results["claims"]:
        if claim["id"] in names:
            claim["id"] = names[claim["id"]]
            claim["name"] = claim["id"].partition("/")[2]
    return results


def with_data(results: dict[str, Any], *names: str) -> dict[str, Any]:
    """Own data in place of the first claim's datasets; a path each, and all of one name."""
    claim, known = results["claims"][0], results["provenance"]["datasets"]
    for result, name in zip(claim["results"], names, strict=True):
        result |= {"dataset": name, "track": "as-written"}
    known += [{**known[0], "name": "iris", "title": name} for name in names]
    return results


def named(results: Mapping[str, Any]) -> Anchors:
    return anchors_of(typed(Results, results))


def all_names(anchors: Anchors) -> list[str]:
    by_kind = (anchors.claims, anchors.documents, anchors.findings)
    return [*(name for names in by_kind for name in names.values()), *anchors.datasets]


class Ids(html.parser.HTMLParser):
    """The ids of a page, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, _: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.targets += [v[1:] for key, v in attrs if key == "href" and v and v.startswith("#")]


# --- names


def test_a_name_keeps_what_a_file_may_have() -> None:
    assert slug("loss/batch_size") == "loss-batch_size"
    assert slug("Daten/Mein Haus.yaml") == "daten-mein-haus.yaml"
    assert slug("数据") == "x"


def test_the_usual_names_carry_no_number() -> None:
    found = named(made_up_results())
    assert found.claims["loss/activation"] == "loss-activation"
    assert found.documents["loss"] == "document-loss"
    coins = found.findings["keras/scaling", "coin_flip", "as-written", None]
    assert coins == "keras-scaling-coin_flip-as-written"
    assert found.datasets[0] == "dataset-mnist5k"


@pytest.mark.parametrize(
    "names",
    [
        {"loss/activation": "a-b/c", "loss/learning-rate": "a/b-c"},
        {"loss/activation": "a/b_c", "loss/learning-rate": "a/b-c"},
        {"loss/activation": "a/b-", "loss/learning-rate": "a/b"},
        {"loss/activation": "a/b", "loss/learning-rate": "a/b-mnist5k-as-written"},
        {"loss/activation": "a/b", "loss/learning-rate": "a/b-title"},
        {"loss/activation": "verdicts/title", "loss/learning-rate": "document/loss"},
        {"loss/activation": f"a/{'long' * 60}", "loss/learning-rate": f"a/{'long' * 61}"},
    ],
)
def test_no_two_parts_of_a_report_share_a_name(names: Mapping[str, str], tmp_path: Path) -> None:
    results = renamed(names)
    anchors = named(results)
    found = all_names(anchors)
    assert len(found) == len(set(found))
    assert max(map(len, found)) < 130
    write(results, tmp_path)
    page = Ids(tmp_path / "index.html")
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    for claim_id in names.values():
        with (tmp_path / f"data/{anchors.claims[claim_id]}.csv").open(
            newline="", encoding="utf-8"
        ) as file:
            assert {row["claim"] for row in csv.DictReader(file)} == {claim_id}


def test_own_data_whose_names_have_no_latin_letter_keep_their_own_pictures(tmp_path: Path) -> None:
    names = ("数据/猫.yaml", "数据/犬.yaml", "данные.yaml")
    results = with_data(few(1), *names)
    anchors = named(results)
    found = all_names(anchors)
    assert len(found) == len(set(found))
    write(results, tmp_path)
    drawn = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert set(anchors.findings.values()) <= drawn
    assert {"dataset-iris", "dataset-iris-2", "dataset-iris-3"} <= drawn


# --- files


def test_a_report_removes_what_an_earlier_one_wrote_and_nothing_else(tmp_path: Path) -> None:
    mine = ("data/iris.csv", "figures/photo.png", "figures/notes.txt", "results.json")
    for name in mine:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    results = few(2)
    write(results, tmp_path)
    assert (tmp_path / "data/loss-activation.csv").exists()
    results["claims"] = results["claims"][1:]
    write(results, tmp_path)
    assert not (tmp_path / "data/loss-activation.csv").exists()
    assert not list((tmp_path / "figures").glob("loss-activation-*"))
    assert (tmp_path / "data/loss-learning-rate.csv").exists()
    assert [(tmp_path / name).read_text() for name in mine] == ["mine"] * 4
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', '[3, "../iris.csv", "data/../../iris.csv"]'])
def test_a_list_that_is_none_of_ours_removes_nothing(text: str, tmp_path: Path) -> None:
    reports = tmp_path / "deep" / "reports"
    reports.mkdir(parents=True)
    mine = [tmp_path / "iris.csv", tmp_path / "deep/iris.csv", reports / "iris.csv"]
    for path in mine:
        path.write_text("mine")
    (reports / LIST).write_text(text)
    write(few(1), reports)
    assert [path.read_text() for path in mine] == ["mine"] * 3
    listed = json.loads((reports / LIST).read_bytes())
    there = (path.relative_to(reports).as_posix() for path in reports.glob("*/*"))
    assert listed == sorted(there)


def test_what_an_interrupted_report_wrote_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, content: bytes) -> None:
        if path.name == "index.html":
            raise KeyboardInterrupt
        write_atomically(path, content)

    with monkeypatch.context() as patched:
        patched.setattr("nnbench.report.write.write_atomically", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write(few(2), tmp_path)
    assert (tmp_path / "data/loss-learning-rate.csv").exists()
    write(few(1), tmp_path)
    assert not (tmp_path / "data/loss-learning-rate.csv").exists()


def test_a_run_ends_with_the_headline_that_the_report_keeps(tmp_path: Path) -> None:
    results = typed(Results, made_up_results())
    assert closing(tmp_path) == []
    write_report(results, tmp_path)
    assert closing(tmp_path) == [*headline(results), f"Report: {tmp_path / 'index.html'}"]
