"""Sentences say which level has more, by how much, and in the metric's own unit."""

from __future__ import annotations

import math
from typing import Any

import pytest
from made_up_parts import level, pair, result
from made_up_results import typed

from nnbench.claims.claim import Claim
from nnbench.claims.kinds import Kind
from nnbench.claims.outcomes import named
from nnbench.metrics import METRICS
from nnbench.records.pair import PairResult
from nnbench.records.results import Finding
from nnbench.text import wording


def entry(difference: float, low: float | None, high: float | None) -> PairResult:
    return typed(PairResult, {**pair("A", "B", difference, "UP"), "low": low, "high": high})


def over_samples(given: PairResult, low: float, high: float) -> PairResult:
    return given.model_copy(update={"low_samples": low, "high_samples": high})


def log(*factors: float) -> PairResult:
    """A difference and its interval, given as ratios."""
    return entry(*(math.log(factor) for factor in factors))


@pytest.mark.parametrize(
    ("metric", "given", "text"),
    [
        # of A, better: positive differences
        ("test_loss", log(1.25, 1.2, 1.3), "Test loss of B is 25.0 % larger than that of A (95 % CI 20.0 to 30.0 %)"),
        ("images_per_second", log(1.25, 1.2, 1.3), "Images per second of A are 25.0 % more than those of B (95 % CI 20.0 to 30.0 %)"),
        ("seconds", log(1.25, 1.2, 1.3), "Training time of B is 25.0 % longer than that of A (95 % CI 20.0 to 30.0 %)"),
        ("hours", log(20.0, 15.0, 30.0), "Training time (derived) of B is 20 times that of A (95 % CI 15 to 30 times)"),
        ("epochs_to_target", entry(math.log(2), None, None), "Epochs to the target of B are 100 % more than those of A"),
        # of A, worse: the sentence turns round, and its interval with it
        ("test_loss", log(0.8, 0.75, 0.9), "Test loss of A is 25.0 % larger than that of B (95 % CI 11.1 to 33.3 %)"),
        ("images_per_second", log(0.8, 0.75, 0.9), "Images per second of B are 25.0 % more than those of A (95 % CI 11.1 to 33.3 %)"),
        ("test_loss", over_samples(log(0.8, 0.75, 0.9), math.log(0.5), math.log(1.1)), "Test loss of A is 25 % larger than that of B (95 % CI 11 to 33 %; over new test samples too −9 to 100 %)"),
        # raw scales
        ("test_accuracy", entry(0.021, 0.01, 0.032), "Test accuracy of A is 2.10 points higher than that of B (95 % CI 1.00 to 3.20)"),
        ("dead_units", entry(0.07, -0.01, 0.15), "Dead units of A are 7.00 points lower than those of B (95 % CI −1.00 to 15.00)"),
        ("loss_gap", entry(-0.13, -0.2, -0.06), "Loss gap (test minus training) of B is 0.130 nats lower than that of A (95 % CI 0.060 to 0.200)"),
        ("rank_correlation", entry(0.3, 0.1, 0.5), "Rank correlation of A is 0.300 higher than that of B (95 % CI 0.100 to 0.500)"),
    ],
)  # fmt: skip
def test_a_pair_is_one_sentence(metric: str, given: PairResult, text: str) -> None:
    assert wording.pair(given, METRICS[metric]) == text


def test_a_pair_that_was_not_measured_says_so() -> None:
    given = entry(0.1, 0.0, 0.2).model_copy(update={"difference": None})
    assert wording.pair(given, METRICS["seconds"]) == "A against B: not measured"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.85, "fraction", "85.0 %"),
        (12.34, "seconds", "12.3 s"),
        (3.2, "hours", "3.20 h"),
        (1234.0, "per second", "1,234/s"),
        (0.25, "correlation", "0.250"),
        (15.47e9, "count", "15.47\u00a0billion"),
        (None, "seconds", "–"),
    ],
)
def test_a_number_carries_a_short_unit(value: float | None, unit: str, text: str) -> None:
    assert wording.number(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(40.0, "about 40\u00a0s"), (1500.0, "about 25\u00a0min"), (10_800.0, "about 3\u00a0h"),
     (9_000.0, "about 2.5\u00a0h"), (360_000.0, "about 100\u00a0h")],
)  # fmt: skip
def test_a_cost_is_a_round_number(seconds: float, text: str) -> None:
    assert wording.cost(seconds) == f"{text} of core time"


def test_what_is_not_run_has_a_reason_and_a_cost() -> None:
    assert wording.not_run("not run", "full tier") == "Not run: full tier."
    assert wording.not_run("not run", "full tier", seconds=7200) == (
        "Not run: full tier (about 2\u00a0h of core time)."
    )


def finding(metric: str = "images_per_second", **more: Any) -> Finding:
    levels = [level(name, None, mean, spread=0.0) for name, mean in (("A", 30.0), ("B", 9.0))]
    shown = result("mnist5k", metric, levels, verdict="reproduced", verdict_reason="")
    return typed(Finding, {**shown, **more})


def claim(**more: Any) -> Claim:
    return Claim.model_validate({"title": "t", "quote": "q", "kind": "qualitative"}).model_copy(
        update=more
    )


def test_the_ranking_follows_the_metrics_direction() -> None:
    text = wording.sentence(finding(), claim(kind="order"))
    assert text == (
        "Yes, the claimed order holds. Images per second, best first: A (30.0/s), B (9.00/s)."
    )
    counted = finding(unit="count", lower_is_better=True, directed=False)
    assert "smallest first: B (9), A (30)" in wording.sentence(counted, claim(kind="order"))


@pytest.mark.parametrize("name", METRICS)
def test_only_what_has_a_better_end_has_a_best_level(name: str) -> None:
    metric = METRICS[name]
    ends = {"gradient_ratio_start", "gradient_ratio", "parameters", "flops"}
    assert metric.directed == (name not in ends)
    shown = finding(
        unit=metric.unit, lower_is_better=metric.lower_is_better, directed=metric.directed
    )
    text = wording.sentence(shown, claim(kind="differs"))
    assert ("best first" in text) == metric.directed
    assert ("smallest first: B" in text) == (not metric.directed)


def test_a_level_of_an_undirected_metric_is_smaller_and_not_better() -> None:
    shown = finding(unit="ratio", lower_is_better=True, directed=False)
    text = wording.sentence(shown, claim(kind="best", better=("B",), than=("A", "C", "D", "E")))
    assert text == (
        "Yes, B came out smaller than A, C, D and E, as claimed. "
        "Images per second, smallest first: B (9.00), A (30.0)."
    )


def test_an_inconclusive_result_says_what_was_not_measured() -> None:
    found = finding(verdict="inconclusive", verdict_reason="C not measured: not installed")
    text = wording.sentence(found, claim(kind="order"))
    assert text.startswith("These runs cannot tell: C not measured: not installed. Images")


@pytest.mark.parametrize(
    ("kind", "verdict", "text"),
    [
        ("order", "reproduced, small", "Yes, the claimed order holds, though some steps are small (why)."),
        ("best", "reproduced, small", "Yes, A came out ahead of B, though only a little (why)."),
        ("best", "partly", "A came out ahead of B only in part: why."),
        ("exists", "reproduced", "Yes, there is such a case: why."),
        ("exists", "reproduced, small", "Yes, there is such a case, though a small one: why."),
        ("exists", "inconclusive", "No case that was tried here shows it: why."),
        ("differs", "reproduced, small", "Yes, the outcome changes, though by less than what counts: why."),
        ("best", "contradicted", "No: why."),
        ("order", "not testable here", "This machine cannot decide it: why."),
    ],
)  # fmt: skip
def test_each_outcome_has_a_sentence_that_says_why(kind: Kind, verdict: str, text: str) -> None:
    found = finding(verdict=verdict, verdict_reason="why")
    said = wording.sentence(found, claim(kind=kind, better=("A",), than=("B",), factor="size"))
    assert said.startswith(f"{text} Images per second by size, best first: A (30.0/s)")


def test_names_that_are_no_names_stand_in_quotation_marks() -> None:
    bare = ("ReLU", "ResNet-50", "tanh", "batch_norm")
    assert [named(name) for name in bare] == list(bare)
    others = ("none", "0.1", "100 %", "two layers", "leaky ReLU, rate 0.01", "Both")
    assert [named(name) for name in others] == [f"“{name}”" for name in others]


def test_a_difference_that_rounds_to_nothing_is_not_called_zero() -> None:
    accuracy = wording.pair(entry(0.00001, 0.0, 0.00002), METRICS["test_accuracy"])
    assert "is within 0.01 points of that of B" in accuracy
    assert "is within 0.1 % of that of A" in wording.pair(
        log(1.0001, 1.0, 1.0002), METRICS["test_loss"]
    )


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, "–"),
        ({"detectable": 0.07}, "0.07 or more"),
        ({"detectable": 0.07, "blocks_needed": 34}, "0.07 or more; 34 blocks would settle it (24 more)"),
        ({"detectable": 0.07, "blocks_needed": 34, "seconds_needed": 7200.0},
         "0.07 or more; 34 blocks would settle it (24 more, about 2\u00a0h of core time)"),
    ],
)  # fmt: skip
def test_an_unclear_pair_says_what_it_could_have_seen(known: dict[str, Any], text: str) -> None:
    given = typed(PairResult, {**pair("A", "B", 0.02, "unclear"), **known})
    assert wording.power(given, "{:g}".format) == text


def test_a_definition_counts_what_its_metric_says() -> None:
    title = "Floating-point operations of one image"
    flops = finding("flops", metric_title=title, verdict=None)
    assert wording.sentence(flops, claim(kind="definition")) == (
        "Counted (floating-point operations of one image): A = 30, B = 9."
    )
    gone = finding(
        "parameters", levels=[level("A", None, 0.0, spread=0.0, missing=range(10))], verdict=None
    )
    assert "have no count: A." in wording.sentence(gone, claim(kind="definition"))


def counted(first: float, second: float, **more: Any) -> str:
    """What is said of two counts of which 30 and 9 are claimed."""
    sizes = (("A", first, 30.0), ("B", second, 9.0))
    levels = [level(name, claimed, mean, spread=0.0) for name, mean, claimed in sizes]
    shown = finding("parameters", levels=levels, verdict=None)
    return wording.sentence(shown, claim(kind="definition", **more))


def test_counts_are_compared_with_the_claimed_ones_by_the_margin() -> None:
    head = "Counted (parameters): A = {} (claimed: 30), B = {} (claimed: 9)."
    assert counted(30, 9) == f"{head.format(30, 9)} Each is within 5 % of the claimed number."
    assert counted(31, 9).endswith("Each is within 5 % of the claimed number.")
    assert counted(32, 9).endswith(
        "B = 9 (claimed: 9). Further than 5 % from the claimed number: A."
    )
    assert counted(28, 9).endswith("Further than 5 % from the claimed number: A.")
    assert counted(40, 0).endswith("All are further than 5 % from the claimed number.")
    assert counted(40, 9, margin=0.5).endswith("Each is within 50 % of the claimed number.")


def test_a_reading_that_is_not_judged_contradicts_nobody() -> None:
    deciding = finding(sentence="Yes.", dataset_title="D", track="tuned")
    counted = deciding.model_copy(update={"verdict": None})
    other = deciding.model_copy(update={"verdict": "partly", "variant_title": "by loss"})
    assert wording.answer(deciding, [deciding, counted]) == "Yes."
    assert wording.answer(deciding, [deciding, other]) == (
        "Yes. Elsewhere the verdict differs: partly on D (tuned, by loss)."
    )


def test_levels_that_are_equal_or_small_say_by_which_margin() -> None:
    pairs = [{**pair("A", "B", 0.05, "equal"), "margin": 0.1}]

    def text(reason: str, **own: Any) -> str:
        found = finding(
            "test_accuracy",
            verdict="contradicted",
            verdict_reason=reason,
            unit="fraction",
            pairs=pairs,
        )
        return wording.sentence(found, claim(kind="best", better=("A",), than=("B",), **own))

    equal = text("A and B differ by less than the margin")
    assert equal.startswith("No: A and B differ by less than the margin of 10 points. ")
    assert "The margin is 10 points." in text("B came out ahead of A", margin=0.1)
    assert "margin" not in text("B came out ahead of A")


def test_a_number_says_of_what_it_is_once() -> None:
    levels = [level(name, None, mean, spread=0.0) for name, mean in (("0", 0.2), ("0.5", 0.3))]
    found = finding(
        verdict="contradicted", verdict_reason="“0” came out ahead of “0.5”", levels=levels
    )
    text = wording.sentence(found, claim(kind="best", factor="dropout rate, and more"))
    assert text.startswith("No: dropout rate 0 came out ahead of 0.5. ")


def test_a_difference_below_its_margin_does_not_read_as_the_margin() -> None:
    more = {"margin": 0.01, "small": True}
    shown = entry(0.00996, None, None).model_copy(update=more)
    assert "0.996 points" in wording.pair(shown, METRICS["test_accuracy"])


def test_a_number_in_a_unit_stands_with_its_unit() -> None:
    levels = [level(name, None, mean, spread=0.0) for name, mean in (("20", 0.2), ("5", 0.3))]
    found = finding(
        verdict="contradicted", verdict_reason="“20” came out ahead of “5”", levels=levels
    )
    duration = "training duration in hours (here 17 steps each)"
    text = wording.sentence(found, claim(kind="best", factor=duration))
    assert text.startswith("No: 20 hours (training duration) came out ahead of 5. ")
