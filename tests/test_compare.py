"""Two reports side by side: what changed, what merely wobbled, what cannot be told, and why."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_parts import claim, level, result
from made_up_results import made_up_results

from nnbench.audit.compare import compare
from nnbench.audit.compare_text import compare_text
from nnbench.audit.published import Published, read_published
from nnbench.cli import main
from nnbench.errors import NnbenchError
from nnbench.schema import parse

ROOT = Path(__file__).parent.parent
Json = dict[str, Any]
Change = Callable[[Json], Any]


def report() -> Json:
    """Four claims: two about losses, one about an accuracy, one about time."""
    losses = [level("high", 0.1, 0.2, spread=0.01, lr=0.1), level("low", 0.2, 0.4, spread=0.02)]
    other = [level("few", 0.1, 0.9, spread=0.01), level("many", 0.2, 0.8, spread=0.02)]
    right = [level("raw", 0.5, 0.5, spread=0.01), level("scaled", 0.6, 0.6, spread=0.01)]
    times = [level("jax", 9, 2.0, spread=0.02), level("keras", 19, 4.0, spread=0.02)]
    claims = [
        claim("loss/rate", "Rates", quote="q",
              results=[result("mnist5k", "test_loss", losses, verdict="reproduced"),
                       result("mnist1d", "test_loss", other, verdict="partly", decides=False)]),
        claim("loss/size", "Sizes", quote="q",
              results=[result("mnist1d", "test_loss", other, verdict="partly")]),
        claim("resolve/scaling", "Scaling", quote="q",
              results=[result("mnist5k", "test_accuracy", right, verdict="reproduced")]),
        claim("learn/framework", "Frameworks", quote="q",
              results=[result("mnist5k", "seconds", times, verdict="reproduced")]),
    ]  # fmt: skip
    # through JSON, so that claims share nothing in memory
    content: Json = json.loads(json.dumps({**made_up_results(), "claims": claims}))
    return content


def changed(*changes: Change) -> Json:
    content = report()
    for change in changes:
        change(content)
    return content


def found(a: Json, b: Json) -> Json:
    """As a program gets it: through JSON."""
    sides = (parse(Published, side, where=name) for side, name in ((a, "A"), (b, "B")))
    content: Json = json.loads(json.dumps(compare(*sides), allow_nan=False))
    return content


def text(content: Json) -> str:
    return compare_text(content, names=("a.json", "b.json"))


def moved(content: Json) -> dict[str, Json]:
    return {
        f"{entry['claim']} {entry['dataset']} {entry['level']}": entry
        for entry in content["levels"]
        if entry["outcome"] == "moved"
    }


def levels_of(content: Json, claim_id: str, *, at: int = 0) -> list[Json]:
    claims = {item["id"]: item for item in content["claims"]}
    levels: list[Json] = claims[claim_id]["results"][at]["levels"]
    return levels


def times(claim_id: str, factor: float, *, at: int = 0, name: str | None = None) -> Change:
    """Multiply the values of a result's levels."""

    def change(content: Json) -> None:
        for item in levels_of(content, claim_id, at=at):
            if name in (None, item["level"]):
                item["values"] = {seed: factor * v for seed, v in item["values"].items()}

    return change


def verdict(claim_id: str, word: str | None) -> Change:
    def change(content: Json) -> None:
        for item in content["claims"]:
            if item["id"] == claim_id:
                item["verdict"] = item["results"][0]["verdict"] = word

    return change


def machine(name: str) -> Change:
    def change(content: Json) -> None:
        content["provenance"]["machines"][0]["device_name"] = name
        for item in content["claims"]:
            for part in item["results"]:
                part["machines"] = [f"{name}, 8 cores"]

    return change


def every_level(key: str, value: Any) -> Change:
    def change(content: Json) -> None:
        for item in content["claims"]:
            for part in item["results"]:
                for one in part["levels"]:
                    one[key] = value

    return change


# --- what changed


def test_a_report_is_the_same_as_itself() -> None:
    content = found(report(), report())
    assert content["differs"] is False
    assert content["summary"]["levels"]["identical"] == 10
    assert content["provenance"] == []
    assert "Nothing changed beyond noise in 4 claims (10 identical)." in text(content)


def test_a_difference_below_the_noise_of_seeds_is_none() -> None:
    content = found(report(), changed(times("loss/rate", 1.01)))
    assert content["differs"] is False
    assert content["summary"]["levels"]["within noise"] == 2


def test_a_mean_that_moved_is_named_with_both_means_and_what_it_makes() -> None:
    content = found(report(), changed(times("loss/rate", 1.2, name="high")))
    assert content["differs"] is True
    assert list(moved(content)) == ["loss/rate mnist5k high"]
    entry = moved(content)["loss/rate mnist5k high"]
    assert entry["percent"] == pytest.approx(20)
    assert entry["mean_b"] == pytest.approx(1.2 * entry["mean_a"])
    assert entry["p_holm"] < 0.05
    shown = text(content)
    assert "Levels that moved beyond noise" in shown
    assert "+20" in shown
    assert "0 verdicts changed, 1 level moved beyond noise (9 identical)." in shown


def test_an_accuracy_that_moved_is_told_in_points() -> None:
    content = found(report(), changed(times("resolve/scaling", 0.8, name="raw")))
    entry = moved(content)["resolve/scaling mnist5k raw"]
    assert (entry["scale"], entry["percent"]) == ("raw", None)
    assert entry["difference"] == pytest.approx(-0.1, abs=0.005)
    assert "−10" in text(content)


def test_a_level_that_stands_in_two_claims_is_tested_once() -> None:
    """What claims share would otherwise weigh more, and hide what only one of them measures."""
    both = changed(times("loss/rate", 1.05, at=1), times("loss/size", 1.05))
    content = found(report(), both)
    shared = [e["p_holm"] for e in content["levels"] if e["dataset"] == "mnist1d"]
    assert shared[:2] == shared[2:]
    assert shared[0] == pytest.approx(
        found(report(), changed(times("loss/size", 1.05)))["levels"][4]["p_holm"]
    )


def test_a_verdict_that_changed_is_named_even_where_all_levels_are_within_noise() -> None:
    content = found(report(), changed(verdict("loss/rate", "partly")))
    assert content["differs"] is True
    [entry] = content["verdicts"]
    assert (entry["claim"], entry["a"], entry["b"]) == ("loss/rate", "reproduced", "partly")
    shown = text(content)
    assert "loss/rate: reproduced -> partly (its levels are within noise)" in shown
    assert "mnist5k, as-written: reproduced -> partly" in shown
    assert "1 verdict changed" in shown


def test_a_verdict_of_one_dataset_counts_though_it_does_not_decide() -> None:
    def change(content: Json) -> None:
        content["claims"][0]["results"][1]["verdict"] = "contradicted"

    content = found(report(), changed(change))
    assert content["differs"] is True
    assert "loss/rate: reproduced in both" in text(content)
    assert "mnist1d, as-written: partly -> contradicted" in text(content)


def test_runs_that_diverge_on_one_side_only_are_a_change() -> None:
    def change(content: Json) -> None:
        levels = levels_of(content, "loss/rate")
        levels[0] = level("high", 0.1, 0.2, spread=0.01, diverged=range(8), lr=0.1)

    entry = moved(found(report(), changed(change)))["loss/rate mnist5k high"]
    assert entry["test"] in ("diverged", "means")
    lost = changed(change)
    levels_of(lost, "loss/rate")[0]["values"] = dict.fromkeys(map(str, range(10)))
    assert moved(found(report(), lost))["loss/rate mnist5k high"]["test"] == "diverged"
    assert "diverged runs" in text(found(report(), lost))


def test_the_sides_can_be_swapped() -> None:
    other = changed(times("loss/rate", 1.2), times("loss/size", 1.01), verdict("loss/size", None))
    there, back = found(report(), other), found(other, report())
    assert there["summary"] == back["summary"]
    for a, b in zip(there["levels"], back["levels"], strict=True):
        assert (a["outcome"], a["mean_a"], a["mean_b"]) == (b["outcome"], b["mean_b"], b["mean_a"])


# --- what cannot be told


def test_times_of_other_hardware_are_skipped_and_their_verdicts_do_not_count() -> None:
    slower = changed(
        machine("Other CPU"), times("learn/framework", 3), verdict("learn/framework", "partly")
    )
    content = found(report(), slower)
    assert content["differs"] is False
    assert content["summary"]["levels"]["skipped"] == 2
    shown = text(content)
    assert "learn/framework: reproduced -> partly (not counted: times of other hardware" in shown
    assert "times of other hardware: Example CPU, 8 cores in A, Other CPU, 8 cores in B" in shown
    assert "Nothing changed beyond noise" in shown


def test_times_of_the_same_hardware_have_to_differ_by_more_than_their_margin() -> None:
    """Blocks of one run differ less than two runs do: the machine is in one state."""
    assert found(report(), changed(times("learn/framework", 1.08)))["differs"] is False
    assert len(moved(found(report(), changed(times("learn/framework", 1.2))))) == 2


def test_claims_and_levels_of_one_side_are_named_and_are_no_change() -> None:
    def change(content: Json) -> None:
        content["claims"].pop(1)
        levels_of(content, "loss/rate").pop()
        content["claims"][1] |= {"status": "not run", "results": [], "verdict": None}

    content = found(report(), changed(change))
    assert content["differs"] is False
    assert (content["only_a"], content["only_b"]) == (["loss/size"], [])
    shown = text(content)
    assert "Claims in A only: loss/size" in shown
    assert "loss/rate, mnist5k, as-written: level low in A only" in shown
    assert "Judged in A, not run in B: resolve/scaling" in shown


def test_a_verdict_that_rests_on_a_dataset_of_one_side_does_not_count() -> None:
    def change(content: Json) -> None:
        del content["claims"][0]["results"][0]
        content["claims"][0]["results"][0]["decides"] = True

    content = found(report(), changed(change, verdict("loss/rate", "partly")))
    assert content["summary"]["levels"]["identical"] == 8
    assert content["differs"] is False
    shown = text(content)
    assert "reproduced -> partly (not counted: other results decide in A and B)" in shown


def test_a_verdict_over_other_levels_does_not_count() -> None:
    def change(content: Json) -> None:
        levels_of(content, "loss/rate").pop()
        content["claims"][0]["results"][0]["verdict"] = "partly"

    content = found(report(), changed(change, verdict("loss/rate", "partly")))
    assert content["differs"] is False
    assert "partly (not counted: other levels in A and B)" in text(content)


def test_reports_that_share_no_result_cannot_be_compared() -> None:
    """For a program that goes by the exit status, nothing compared must not read as nothing changed."""

    def change(content: Json) -> None:
        for item in content["claims"]:
            item |= {"status": "not run", "results": [], "verdict": None}

    with pytest.raises(NnbenchError, match="no claim was measured in both"):
        found(report(), changed(change))


def test_a_level_that_was_not_measured_on_one_side_says_why() -> None:
    def change(content: Json) -> None:
        gone = levels_of(content, "learn/framework")[0]
        gone["values"], gone["seed_status"] = {}, {}
        gone["not_measured"] = "jax is not installed"

    content = found(report(), changed(change))
    assert content["differs"] is False
    assert "not comparable (not measured in B: jax is not installed)" in text(content)


def test_results_that_read_another_metric_are_not_compared() -> None:
    def change(content: Json) -> None:
        content["claims"][2]["results"][0]["metric"] = "validation_accuracy"

    content = found(report(), changed(change))
    assert content["summary"]["levels"]["skipped"] == 2
    assert "skipped, it reads test_accuracy in A and validation_accuracy in B" in text(content)


# --- why


def test_the_same_cells_moved_by_what_is_around_them() -> None:
    def change(content: Json) -> None:
        content["provenance"]["versions"][0]["torch"] = "99.0"
        content["provenance"]["git_commit"] = "f" * 40

    a, b = report(), changed(change, times("loss/rate", 1.2))
    torch = a["provenance"]["versions"][0]["torch"]
    reasons = moved(found(a, b))["loss/rate mnist5k high"]["reasons"]
    assert reasons == [f"torch {torch} -> 99.0"]  # the cells are the same: the commit is no reason
    assert f"torch {torch} -> 99.0" in text(found(a, b))
    assert "commit 01234567 with changes -> ffffffff with changes" in text(found(a, b))


def test_other_data_are_a_reason_for_their_own_claims_alone() -> None:
    def change(content: Json) -> None:
        content["provenance"]["datasets"][0]["sha256"]["test"] = "ee" * 32

    content = found(report(), changed(change, times("loss/rate", 1.2), times("loss/size", 1.2)))
    found_in = {key: entry["reasons"][0] for key, entry in moved(content).items()}
    assert "data mnist5k" in found_in["loss/rate mnist5k high"]
    assert "nothing that the results tell" in found_in["loss/size mnist1d few"]


def test_other_settings_come_first_then_seeds_then_code() -> None:
    def settings(content: Json) -> None:
        one = levels_of(content, "loss/rate")[0]
        one["settings"] = {**one["settings"], "lr": 0.5, "of_a_newer_version": 1}

    moving = times("loss/rate", 1.2)
    other = every_level("cells", ["f" * 16])

    def reasons(*changes: Change) -> list[str]:
        return moved(found(report(), changed(moving, *changes)))["loss/rate mnist5k high"][
            "reasons"
        ]

    def seeds(content: Json) -> None:
        for one in levels_of(content, "loss/rate"):
            one["values"] = {str(s): v for s in range(20) for v in [one["values"][str(s % 10)]]}
            one["seed_status"] = dict.fromkeys(one["values"], "ok")

    assert reasons(other, settings) == ["lr 0.1 -> 0.5"]
    assert reasons(other, seeds) == ["10 -> 20 seeds"]
    assert reasons(other) == ["training code (other cells, with the same settings and seeds)"]
    assert reasons(other, machine("Other CPU"))[1] == "device_name Example CPU -> Other CPU"


# --- files and the command line


@pytest.fixture
def files(tmp_path: Path) -> Callable[[Json], str]:
    def write(content: Json) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    return write


def test_the_exit_status_is_that_of_diff(
    files: Callable[[Json], str], capsys: pytest.CaptureFixture[str]
) -> None:
    a = files(report())
    assert main(["compare", a, files(report())]) == 0
    assert main(["compare", a, files(changed(times("loss/rate", 1.2)))]) == 1
    assert main(["compare", a, files(changed(verdict("loss/rate", "partly")))]) == 1
    assert capsys.readouterr().err == ""
    assert main(["compare", a, "/nowhere.json"]) == 2
    assert "/nowhere.json: cannot be read" in capsys.readouterr().err


def test_programs_get_everything_as_json(
    files: Callable[[Json], str], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = report(), changed(times("loss/rate", 1.2))
    main(["compare", "--json", files(a), files(b)])
    assert json.loads(capsys.readouterr().out) == found(a, b)


def test_a_folder_stands_for_the_results_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    reports = ROOT / "reports"
    if not (reports / "results.json").exists():
        pytest.skip("no committed report")
    assert main(["compare", str(reports), str(reports / "results.json")]) == 0
    assert "Nothing changed beyond noise" in capsys.readouterr().out


BROKEN: dict[str, tuple[str, str]] = {
    "nothing": ("", "cannot be read"),
    "no JSON": ("{", "cannot be read"),
    "a list": ("[]", "not a results.json of this schema"),
    "nesting": ("[" * 100_000, "cannot be read"),
    "bytes": ("\udcff", "cannot be read"),
    "another schema": ('{"schema_version": 2}', "schema_version 2"),
    "no claims": ('{"schema_version": 1}', "claims: required key is missing"),
    "NaN": ('{"schema_version": 1, "claims": NaN}', "NaN is no JSON"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_report_is_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(NnbenchError, match=words) as error:
        read_published(tmp_path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("kind", ["claim", "result", "level"])
def test_what_stands_there_twice_is_refused(kind: str) -> None:
    content = report()
    claims = content["claims"]
    whole = {
        "claim": claims,
        "result": claims[0]["results"],
        "level": levels_of(content, "loss/rate"),
    }
    whole[kind].append(whole[kind][0])
    with pytest.raises(NnbenchError, match=f"{kind} .* stands there twice"):
        parse(Published, content, where="A")


def test_a_number_that_cannot_be_computed_with_is_refused() -> None:
    content = report()
    levels_of(content, "loss/rate")[0]["values"]["0"] = 1.7e308
    with pytest.raises(NnbenchError, match=r"values\.0"):
        parse(Published, content, where="A")


def test_an_error_in_every_level_is_shown_a_few_times(tmp_path: Path) -> None:
    content = report()
    for item in content["claims"]:
        for part in item["results"]:
            for one in part["levels"]:
                del one["cells"]
    file = tmp_path / "results.json"
    file.write_text(json.dumps(content))
    with pytest.raises(NnbenchError, match="required key is missing") as error:
        read_published(file)
    assert str(error.value).startswith(f"{file}: 10 problems")
    assert len(str(error.value).splitlines()) == 7


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside plain data, the first of each list and of each mapping by seed."""
    inner = content.items() if isinstance(content, dict) else enumerate(content[:1])
    found_here = []
    for key, value in inner:
        found_here.append((*path, key))
        if isinstance(value, dict | list):
            found_here += places(value, (*path, key))
    return found_here


def test_whatever_is_retyped_or_lost_a_report_is_compared_or_refused(tmp_path: Path) -> None:
    """Every key of a report in turn, replaced by each kind of value or removed."""
    whole = report()
    whole["claims"] = whole["claims"][:2]
    text_, tried = json.dumps(whole), 0
    against = parse(Published, whole, where="A")
    for place in places({key: whole[key] for key in ("claims", "provenance")}):
        for value in (None, -1, "x", [], {"x": -1}, "gone"):
            content = json.loads(text_)
            here = content
            for key in place[:-1]:
                here = here[key]
            here[place[-1]] = value
            if value == "gone":
                del here[place[-1]]
            tried += 1
            try:
                outcome = compare(against, parse(Published, content, where="B"))
            except NnbenchError as error:
                assert str(error)  # noqa: PT017 - any other error fails the test
            else:
                compare_text(outcome, names=("a", "b"))
                json.dumps(outcome, allow_nan=False)
    assert tried > 1000


def test_nothing_moves_between_two_runs_of_made_up_seeds() -> None:
    """Two reports whose values are drawn from the same distributions."""
    rng = np.random.default_rng(4)

    def drawn() -> Json:
        content = report()
        for item in content["claims"]:
            for part in item["results"]:
                for one in part["levels"]:
                    centre = math.log(next(iter(one["values"].values())))
                    one["values"] = {s: math.exp(rng.normal(centre, 0.05)) for s in one["values"]}
        return content

    alarms = sum(found(drawn(), drawn())["differs"] for _ in range(40))
    assert alarms <= 5  # of 40, 5 % is two; a binomial count above five has p < 0.005
