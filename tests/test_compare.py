"""Two reports side by side: what changed, what merely wobbled, what cannot be told, and why."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made_up_parts import level
from made_up_reports import (
    Json,
    all_levels,
    changed,
    compared,
    found,
    levels_of,
    machine,
    moved,
    report,
    times,
    verdict,
)

from nnbench.audit.text import compare_text
from nnbench.errors import NnbenchError


def text(a: Json, b: Json) -> str:
    return compare_text(compared(a, b), names=("a.json", "b.json"))


# --- what changed


def test_a_report_is_the_same_as_itself() -> None:
    sides = report(), report()
    content = found(*sides)
    assert content["differs"] is False
    assert content["summary"]["levels"]["identical"] == 10
    assert content["provenance"] == []
    assert "Nothing changed beyond noise in 4 claims (10 identical)." in text(*sides)


def test_a_difference_below_the_noise_of_seeds_is_none() -> None:
    content = found(report(), changed(times("loss/rate", 1.01)))
    assert content["differs"] is False
    assert content["summary"]["levels"]["within noise"] == 2


def test_a_mean_that_moved_is_named_with_both_means_and_what_it_makes() -> None:
    sides = report(), changed(times("loss/rate", 1.2, name="high"))
    content = found(*sides)
    assert content["differs"] is True
    assert list(moved(content)) == ["loss/rate mnist5k high"]
    entry = moved(content)["loss/rate mnist5k high"]
    assert entry["percent"] == pytest.approx(20)
    assert entry["mean_b"] == pytest.approx(1.2 * entry["mean_a"])
    assert entry["p_holm"] < 0.05
    shown = text(*sides)
    assert "Levels that moved beyond noise" in shown
    assert "+20" in shown
    assert "0 verdicts changed, 1 level moved beyond noise (9 identical)." in shown


def test_an_accuracy_that_moved_is_told_in_points() -> None:
    sides = report(), changed(times("resolve/scaling", 0.8, name="raw"))
    content = found(*sides)
    entry = moved(content)["resolve/scaling mnist5k raw"]
    assert (entry["scale"], entry["percent"]) == ("raw", None)
    assert entry["difference"] == pytest.approx(-0.1, abs=0.005)
    assert "−10" in text(*sides)


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
    sides = report(), changed(verdict("loss/rate", "partly"))
    content = found(*sides)
    assert content["differs"] is True
    [entry] = content["verdicts"]
    assert (entry["claim"], entry["a"], entry["b"]) == ("loss/rate", "reproduced", "partly")
    shown = text(*sides)
    assert "loss/rate: reproduced -> partly (its levels are within noise)" in shown
    assert "mnist5k, as-written: reproduced -> partly" in shown
    assert "1 verdict changed" in shown


def test_a_verdict_of_one_dataset_counts_though_it_does_not_decide() -> None:
    def change(content: Json) -> None:
        content["claims"][0]["results"][1]["verdict"] = "contradicted"

    sides = report(), changed(change)
    content = found(*sides)
    assert content["differs"] is True
    assert "loss/rate: reproduced in both" in text(*sides)
    assert "mnist1d, as-written: partly -> contradicted" in text(*sides)


def test_runs_that_diverge_on_one_side_only_are_a_change() -> None:
    def change(content: Json) -> None:
        levels = levels_of(content, "loss/rate")
        levels[0] = level("high", 0.1, 0.2, spread=0.01, diverged=range(8), lr=0.1)

    entry = moved(found(report(), changed(change)))["loss/rate mnist5k high"]
    assert entry["test"] in ("diverged", "means")
    lost = changed(change)
    levels_of(lost, "loss/rate")[0]["values"] = dict.fromkeys(map(str, range(10)))
    assert moved(found(report(), lost))["loss/rate mnist5k high"]["test"] == "diverged"
    assert "diverged runs" in text(report(), lost)


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
    sides = report(), slower
    content = found(*sides)
    assert content["differs"] is False
    assert content["summary"]["levels"]["skipped"] == 2
    shown = text(*sides)
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

    sides = report(), changed(change)
    content = found(*sides)
    assert content["differs"] is False
    assert (content["only_a"], content["only_b"]) == (["loss/size"], [])
    shown = text(*sides)
    assert "Claims in A only: loss/size" in shown
    assert "loss/rate, mnist5k, as-written: level low in A only" in shown
    assert "Judged in A, not run in B: resolve/scaling" in shown


def test_a_verdict_that_rests_on_a_dataset_of_one_side_does_not_count() -> None:
    def change(content: Json) -> None:
        del content["claims"][0]["results"][0]
        content["claims"][0]["results"][0]["decides"] = True

    sides = report(), changed(change, verdict("loss/rate", "partly"))
    content = found(*sides)
    assert content["summary"]["levels"]["identical"] == 8
    assert content["differs"] is False
    shown = text(*sides)
    assert "reproduced -> partly (not counted: other results decide in A and B)" in shown


def test_a_verdict_over_other_levels_does_not_count() -> None:
    def change(content: Json) -> None:
        levels_of(content, "loss/rate").pop()
        content["claims"][0]["results"][0]["verdict"] = "partly"

    sides = report(), changed(change, verdict("loss/rate", "partly"))
    content = found(*sides)
    assert content["differs"] is False
    assert "partly (not counted: other levels in A and B)" in text(*sides)


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

    sides = report(), changed(change)
    content = found(*sides)
    assert content["differs"] is False
    assert "not comparable (not measured in B: jax is not installed)" in text(*sides)


def test_results_that_read_another_metric_are_not_compared() -> None:
    def change(content: Json) -> None:
        content["claims"][2]["results"][0]["metric"] = "validation_accuracy"

    sides = report(), changed(change)
    content = found(*sides)
    assert content["summary"]["levels"]["skipped"] == 2
    assert "skipped, it reads test_accuracy in A and validation_accuracy in B" in text(*sides)


# --- how often it is wrong


def test_nothing_moves_between_two_runs_of_made_up_seeds() -> None:
    """Two reports whose values are drawn from the same distributions."""
    rng = np.random.default_rng(4)

    def drawn() -> Json:
        content = report()
        for one in all_levels(content):
            centre = math.log(next(iter(one["values"].values())))
            one["values"] = {s: math.exp(rng.normal(centre, 0.05)) for s in one["values"]}
        return content

    alarms = sum(found(drawn(), drawn())["differs"] for _ in range(40))
    assert alarms <= 5  # of 40, 5 % is two; a binomial count above five has p < 0.005
