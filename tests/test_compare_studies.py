"""Factor studies of two reports side by side: shares, the order of factors, points."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from made_up_reports import Json, compared, found, report
from made_up_studies import share, study

from nnbench.audit.page import page
from nnbench.audit.studies import share_p
from nnbench.audit.text import compare_text
from nnbench.records.studies import ShareResult

SHARES = {"rate": 0.6, "depth": 0.3, "size": 0.1}


def with_studies(*studies: Json) -> Json:
    return {**report(), "studies": list(studies)}


def both(other: Json) -> tuple[Json, str]:
    """What a program and what a reader get of the study of SHARES and another one."""
    sides = with_studies(study(SHARES)), with_studies(other)
    return found(*sides), compare_text(compared(*sides), names=("a", "b"))


def outcomes(content: Json) -> dict[str, str]:
    return {entry["what"]: entry["outcome"] for entry in content["studies"]}


def test_a_study_is_the_same_as_itself() -> None:
    content, text = both(study(SHARES))
    assert content["differs"] is False
    assert set(outcomes(content).values()) == {"identical"}
    assert content["summary"]["studies"] == 1
    assert content["summary"]["of_studies"]["identical"] == len(content["studies"]) == 6
    assert "in 4 claims (10 identical) and 1 study (6 identical)." in text


@pytest.mark.parametrize(("value", "outcome"), [(0.61, "within noise"), (0.85, "moved")])
def test_a_share_moves_where_it_leaves_both_intervals(value: float, outcome: str) -> None:
    content, text = both(study({**SHARES, "rate": value}))
    assert outcomes(content)["share of rate"] == outcome
    assert outcomes(content)["share of depth"] == "identical"
    assert content["differs"] is (outcome == "moved")
    if outcome == "moved":
        assert "study/mine  digits  share of rate  60\u00a0% [55, 65]  85\u00a0% [80, 90]" in text
        assert "In 1 study, 1 value moved beyond noise (5 identical)." in text
        assert "may be: nothing that the results tell" in text


@pytest.mark.parametrize(("half", "outcome"), [(0.05, "moved"), (0.4, "within noise")])
def test_an_order_moves_where_a_report_tells_the_swapped_factors_apart(
    half: float, outcome: str
) -> None:
    swapped = {"rate": 0.3, "depth": 0.6, "size": 0.1}
    sides = [with_studies(study(one, half=half)) for one in (SHARES, swapped)]
    content = found(*sides)
    assert outcomes(content)["order of the factors"] == outcome
    (order,) = (one for one in content["studies"] if one["what"] == "order of the factors")
    assert (order["a"], order["b"], order["dataset"]) == ("rate, depth", "depth, rate", None)


@pytest.mark.parametrize(("lost", "outcome"), [(1, "within noise"), (9, "moved")])
@pytest.mark.parametrize("how", ["lost", "fallen"])
def test_points_that_are_lost_or_diverge_are_counted(lost: int, outcome: str, how: str) -> None:
    content, _ = both(study(SHARES, **{how: lost}))
    what = {"lost": "points without runs", "fallen": "points with diverged runs"}[how]
    (entry,) = (one for one in content["studies"] if one["what"] == what)
    assert (entry["a"], entry["b"], entry["outcome"]) == ("0 of 16", f"{lost} of 16", outcome)


def test_the_page_shows_what_moved_and_what_did_not() -> None:
    sides = with_studies(study(SHARES)), with_studies(study({**SHARES, "rate": 0.9}))
    shown = page(compared(*sides), names=("a", "b"))
    moved, _, others = shown.partition("Of factor studies: what did not")
    assert "share of rate" in moved
    assert "beyond noise" in moved
    assert "share of depth" in others
    assert "Of factor studies" not in page(compared(report(), report()), names=("a", "b"))


def other_metric(content: Json) -> None:
    content["metric"] = "test_loss"


def other_factor(content: Json) -> None:
    content["factors"][0]["factor"] = "speed"


def other_level(content: Json) -> None:
    content["datasets"][0]["factors"][0]["levels"] = {"none": 0.0, "more": 0.0}


def no_shares(content: Json) -> None:
    content["datasets"][0] |= {"factors": [], "not_measured": "no record"}


SKIPPED = {
    "reads test_accuracy in A and test_loss in B": other_metric,
    "other factors in A and B: rate, speed": other_factor,
    "other levels in A and B: rate": other_level,
    "no shares in B: no record": no_shares,
}


@pytest.mark.parametrize("told", SKIPPED)
def test_shares_of_other_things_are_skipped_with_the_reason(told: str) -> None:
    other = study(SHARES)
    SKIPPED[told](other)
    content, text = both(other)
    assert content["differs"] is False
    assert told in text


def test_a_report_that_is_older_than_studies_is_told_in_words() -> None:
    sides = with_studies(study(SHARES)), {**report(), "schema_version": 1}
    sides[1].pop("studies", None)
    assert found(*sides)["differs"] is False
    told = "Studies in A only: study/mine (B is older than studies)"
    assert told in compare_text(compared(*sides), names=("a", "b"))
    empty = compare_text(compared(sides[0], with_studies()), names=("a", "b"))
    assert "Studies in A only: study/mine\n" in empty


def test_a_data_set_of_one_side_is_named() -> None:
    other = study(SHARES)
    other["datasets"][0]["dataset"] = "letter"
    _, text = both(other)
    assert "study/mine: digits in A only\nstudy/mine: letter in B only" in text


def test_reports_that_share_nothing_but_a_study_are_compared() -> None:
    alone: Json = {**with_studies(study(SHARES)), "claims": []}
    assert found(alone, alone)["differs"] is False


def test_a_verdict_that_rests_on_a_study_names_it() -> None:
    a, b = (with_studies(study(SHARES)) for _ in "ab")
    for side, word in ((a, "reproduced"), (b, "partly")):
        side["claims"][0] |= {"results": [], "study": "study/mine", "verdict": word}
    assert "loss/rate: reproduced -> partly (it rests on study/mine)" in compare_text(
        compared(a, b), names=("a", "b")
    )


def test_shares_of_independent_studies_seldom_differ() -> None:
    """Estimates of one share whose intervals cover it with 95 %."""
    draws = np.random.default_rng(1).normal(0.5, 0.02, (4000, 2))
    intervals = [[ShareResult(**share(value, 1.96 * 0.02)) for value in pair] for pair in draws]
    alarms: list[Any] = [share_p(a, b) < 0.05 for a, b in intervals]
    assert 0.035 < np.mean(alarms) < 0.065
    assert all(share_p(a, b) == share_p(b, a) for a, b in itertools.islice(intervals, 20))


def test_a_difference_of_rounding_is_none() -> None:
    same = (
        ShareResult(value=0.5, low=0.5, high=0.5),
        ShareResult(value=0.500001, low=0.5, high=0.500001),
    )
    assert share_p(*same) == 1.0
    assert share_p(same[0], ShareResult(value=0.6, low=0.6, high=0.6)) == 0.0
