"""Every verdict of every kind of claim, and the blocks it rests on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired  # type: ignore[import-untyped]
from verdict_cases import (
    MARGIN,
    Values,
    chain,
    levels,
    only_pair,
    random_levels,
    rule,
    statuses,
    verdict_of,
)

from nnbench.claims.kinds import Kind, order_rules
from nnbench.verdicts.rules import PairTest

# --- verdicts


@pytest.mark.parametrize(
    ("offsets", "spread", "outcome", "reason"),
    [
        ((2, 1, 0), 0.5, "reproduced", "every pair is as claimed"),
        (
            (1.2, 0.6, 0),
            0.8,
            "reproduced",
            "every pair is as claimed",
        ),  # up, uncorrected, is enough
        ((0.9, 0.4, 0), 0.5, "reproduced, small", "below the margin: B against C"),
        ((1.2, 0.6, 0), 1, "partly", "A against B is unclear; B against C is unclear"),
        ((0, -1, 2), 0.5, "contradicted", "C came out ahead of A"),  # in spite of A over B
        ((0, 1, 0.6), 1, "contradicted", "B came out ahead of A"),
        ((0.05, 0, -0.05), 0.2, "contradicted", "A and C differ by less than the margin"),
        ((0, -1, 0), 0.3, "partly", "C came out ahead of B"),  # A over B stands
        ((1, 0, 0), 0.3, "partly", "B and C differ by less than the margin"),
        ((1, 0, -0.3), 1, "partly", "B against C is unclear"),
        ((0.3, 0, -0.3), 1.5, "inconclusive", "A against B is unclear; B against C is unclear"),
    ],
)
def test_an_order_of_three(
    offsets: tuple[float, ...], spread: float, outcome: str, reason: str
) -> None:
    verdict = verdict_of(levels(*offsets, spread=spread), chain())
    assert (verdict.verdict, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("gap", "spread", "outcome", "reason"),
    [
        (1, 0.5, "reproduced", "every pair is as claimed"),
        (0.4, 0.5, "reproduced, small", "below the margin: A against B"),
        (-1, 0.5, "contradicted", "B came out ahead of A"),
        (0.1, 0.2, "contradicted", "A and B differ by less than the margin"),
        (0.3, 1, "inconclusive", "A against B is unclear"),
    ],
)
def test_in_an_order_of_two_the_one_pair_is_first_against_last(
    gap: float, spread: float, outcome: str, reason: str
) -> None:
    verdict = verdict_of(levels(gap, 0, spread=spread), chain("AB"))
    assert (verdict.verdict, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("offsets", "spread", "outcome", "reason"),
    [
        ((1, 1, 0), 0.3, "reproduced", "every pair is as claimed"),
        ((2, 1, 0), 0.3, "partly", "A and B differ by more than the margin"),
        ((1.3, 1, 0), 0.6, "partly", "A against B is unclear"),
        ((0.1, 0, 0), 0.2, "contradicted", "A and C differ by less than the margin"),
        ((0, 0, 1), 0.3, "contradicted", "C came out ahead of A"),
    ],
)
def test_an_order_with_a_claimed_tie_needs_the_tie_to_hold(
    offsets: tuple[float, ...], spread: float, outcome: str, reason: str
) -> None:
    rules = order_rules(
        {"A": 2, "B": 2, "C": 1}, lower_is_better=False, scale="raw", default_margin=MARGIN
    )
    verdict = verdict_of(levels(*offsets, spread=spread), rules)
    assert (verdict.verdict, verdict.reason) == (outcome, reason)


def test_an_order_of_nothing_but_ties_is_judged_as_a_claim_of_equality() -> None:
    ties = [rule("A", "B", tie=True), rule("B", "C", tie=True)]
    for offsets, outcome in (((0, 0, 0), "reproduced"), ((3, 0, 0), "contradicted")):
        assert verdict_of(levels(*offsets, spread=0.3), ties).verdict == outcome


BEST = [rule("A", "B"), rule("A", "C")]


@pytest.mark.parametrize(
    ("offsets", "spread", "outcome", "reason"),
    [
        ((1, 0, 0), 0.5, "reproduced", "every pair is as claimed"),
        ((0.4, 0, -0.2), 0.5, "reproduced, small", "below the margin: A against B"),
        ((1, 2, 0), 0.5, "contradicted", "B came out ahead of A"),
        ((1, 1.4, 0), 0.5, "contradicted", "B came out ahead of A, by less than the margin"),
        (
            (0, 1, 1),
            0.5,
            "contradicted",
            "B came out ahead of A; C came out ahead of A",
        ),
        ((1, 1, 0), 0.3, "partly", "A and B differ by less than the margin"),
        ((1, 0, 0.7), 1, "partly", "A against C is unclear"),
        (
            (0, 0, 0),
            0.2,
            "contradicted",
            "A and B differ by less than the margin; A and C differ by less than the margin",
        ),
        (
            (0.25, 0.25, 0),
            0.6,
            "inconclusive",
            "A against C is unclear",
        ),
        ((0.3, 0, 0), 1.5, "inconclusive", "A against B is unclear; A against C is unclear"),
    ],
)
def test_a_claim_of_being_best(
    offsets: tuple[float, ...], spread: float, outcome: str, reason: str
) -> None:
    verdict = verdict_of(levels(*offsets, spread=spread), BEST, kind="best")
    assert (verdict.verdict, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("offsets", "spread", "outcome", "reason"),
    [
        ((0.1, 0, 0), 0.3, "reproduced", "every pair is as claimed"),
        ((2, 0, 0), 0.3, "contradicted", "A and B differ by more than the margin"),
        ((-2, 0, 0), 0.3, "contradicted", "A and B differ by more than the margin"),
        ((0.5, 0, 0), 0.5, "partly", "A against B is unclear"),
        ((-0.5, 0, 0), 0.5, "partly", "A against B is unclear"),
        ((0, 0, 0), 2, "inconclusive", "A against B is unclear; B against C is unclear"),
    ],
)
def test_a_claim_of_equality(
    offsets: tuple[float, ...], spread: float, outcome: str, reason: str
) -> None:
    rules = [rule("A", "B"), rule("B", "C")]
    verdict = verdict_of(levels(*offsets, spread=spread), rules, kind="equal")
    assert (verdict.verdict, verdict.reason) == (outcome, reason)
    assert all(pair.tie for pair in verdict.pairs)


def test_ties_share_their_error_so_that_two_are_harder_to_violate_than_one() -> None:
    standard_errors = 2.45  # between t(9) at 97.5 % and at 98.75 %: 2.26 and 2.69
    values = levels(MARGIN + standard_errors / math.sqrt(10), 0, 0)
    one, two = [rule("A", "B")], [rule("A", "B"), rule("B", "C")]
    assert statuses(verdict_of(values, one, kind="equal")) == ["violated"]
    assert statuses(verdict_of(values, two, kind="equal"))[0] == "unclear"


@pytest.mark.parametrize(
    ("offsets", "spread", "outcome", "reason"),
    [
        ((1, 0), 0.5, "reproduced", "A and B differ"),
        ((0, 1), 0.5, "reproduced", "A and B differ"),
        ((0, 0), 0.2, "contradicted", "A and B differ by less than the margin"),
        ((0.4, 0), 0.5, "reproduced, small", "A and B differ"),
        ((0.65, 0), 1, "inconclusive", "A against B is unclear"),  # one-sided p = 0.035
    ],
)
def test_a_claim_of_a_difference(
    offsets: tuple[float, ...], spread: float, outcome: str, reason: str
) -> None:
    rules = [rule("A", "B", tie=True)]  # a tie flag means nothing here
    verdict = verdict_of(levels(*offsets, spread=spread), rules, kind="differs")
    assert (verdict.verdict, verdict.reason) == (outcome, reason)


def test_one_differing_pair_is_enough_for_differs_and_one_unclear_one_keeps_it_open() -> None:
    rules = [rule("A", "B"), rule("A", "C")]
    assert verdict_of(levels(0, 0, 1, spread=0.3), rules, kind="differs").verdict == "reproduced"
    verdict = verdict_of(levels(0, 0, 0.25, spread=0.6), rules, kind="differs")
    assert statuses(verdict) == ["equal", "unclear"]
    assert verdict.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("offsets", "spread", "outcome", "reason"),
    [
        ((1, 0, 1), 0.5, "reproduced", "A against B"),  # one case is enough
        ((0.9, 0, 0.5), 0.5, "reproduced", "A against B"),  # the one that reaches the margin
        ((0.4, 0, 0.4), 0.4, "reproduced, small", "A against B"),
        ((0.75, 0, 0.75), 1, "inconclusive", "A against B is unclear; A against C is unclear"),
        ((0, 0, 0), 0.2, "inconclusive", "A and B differ by less than the margin; A and C differ by less than the margin"),
        ((0, 1, 1), 0.5, "inconclusive", "B came out ahead of A; C came out ahead of A"),
    ],
)  # fmt: skip
def test_a_possibility_is_shown_by_one_case_and_never_contradicted(
    offsets: tuple[float, ...], spread: float, outcome: str, reason: str
) -> None:
    verdict = verdict_of(levels(*offsets, spread=spread), BEST, kind="exists")
    assert (verdict.verdict, verdict.reason) == (outcome, reason)


def test_the_more_cases_were_tried_the_more_a_case_has_to_show() -> None:
    values = levels(0.7, 0, spread=0.7)  # p = 0.012
    alone = verdict_of(values, [rule("A", "B")], kind="exists")
    among = verdict_of(values, [rule("A", "B")], kind="exists", elsewhere=[0.5] * 9)
    assert (alone.verdict, among.verdict) == ("reproduced", "inconclusive")


@pytest.mark.parametrize(
    ("kind", "offsets", "p_of"),
    [
        ("order", (2, 1, 0), lambda pairs: max(pair.p for pair in pairs[:2])),
        ("best", (0.6, 0.2, 0), lambda pairs: max(pair.p for pair in pairs)),
        ("exists", (0.6, 0.2, 0), lambda pairs: min(pair.p_holm for pair in pairs)),
        ("differs", (0, 0.6, 0.7), lambda pairs: min(pair.p_holm for pair in pairs)),
        ("best", (0, 1, 1), lambda _: 1.0),
        ("exists", (0, 1, 1), lambda _: 1.0),
    ],
)
def test_a_claim_has_the_p_value_of_its_weakest_step_or_of_its_best_case(
    kind: Kind, offsets: tuple[float, ...], p_of: Callable[[Sequence[PairTest]], float]
) -> None:
    rules = chain() if kind == "order" else BEST
    verdict = verdict_of(levels(*offsets), rules, kind=kind)
    assert verdict.p == pytest.approx(p_of(verdict.pairs))


def test_the_p_value_of_a_claimed_equality_is_that_of_tost() -> None:
    values = levels(0.1, 0, spread=0.5)
    p = ttost_paired(np.array(values["A"]), np.array(values["B"]), -MARGIN, MARGIN)[0]
    assert verdict_of(values, [rule("A", "B")], kind="equal").p == pytest.approx(p)


def test_a_reason_names_no_more_than_three_pairs() -> None:
    rules = [rule("A", other) for other in "BCDEF"]
    verdict = verdict_of(levels(*[0] * 6, spread=3), rules, kind="best")
    assert (
        verdict.reason
        == "A against B is unclear; A against C is unclear; A against D is unclear; and 2 more"
    )


# --- blocks


@pytest.mark.parametrize("kind", ["order", "best", "exists", "equal", "differs"])
def test_fewer_than_five_blocks_give_no_verdict(kind: Kind) -> None:
    four = verdict_of(levels(9, 0, spread=0.1, blocks=4), [rule("A", "B")], kind=kind)
    assert (four.verdict, four.blocks) == ("inconclusive", 4)
    assert four.reason == "fewer than five complete blocks (4)"
    five = verdict_of(levels(9, 0, spread=0.1, blocks=5), [rule("A", "B")], kind=kind)
    assert five.verdict != "inconclusive"


@pytest.mark.parametrize("finished", [0, 1])
def test_with_one_block_or_none_pairs_are_unclear_without_interval(finished: int) -> None:
    values = {"A": [1.0] * finished + [math.nan] * 3, "B": [0.0] * (finished + 3)}
    pair = only_pair(values)
    assert (pair.n, pair.status, pair.p, pair.power) == (finished, "unclear", 1, None)
    assert math.isnan(pair.low)
    assert math.isnan(pair.high)


def test_a_missing_run_removes_its_block_from_every_pair() -> None:
    values = levels(2, 1, 0)
    holed = {name: list(row) for name, row in values.items()}
    holed["B"][3] = math.nan
    without = {name: [*row[:3], *row[4:]] for name, row in values.items()}
    assert verdict_of(holed, chain()) == verdict_of(without, chain())
    assert [pair.n for pair in verdict_of(holed, chain()).pairs] == [9, 9, 9]


def test_a_missing_run_of_a_level_that_no_rule_names_costs_nothing() -> None:
    values = levels(2, 1, 0)
    assert verdict_of({**values, "C": [math.nan] * 10}, [rule("A", "B")]).blocks == 10


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", ["order", "best", "equal", "differs"])
def test_the_order_of_the_blocks_does_not_matter(seed: int, kind: Kind) -> None:
    values = random_levels(seed)
    order = np.random.default_rng(seed).permutation(len(values["A"]))
    shuffled: Values = {name: [row[i] for i in order] for name, row in values.items()}
    one, other = (verdict_of(v, chain(), kind=kind) for v in (values, shuffled))
    assert (one.verdict, one.reason, statuses(one)) == (
        other.verdict,
        other.reason,
        statuses(other),
    )


def test_what_a_block_adds_to_all_its_levels_does_not_matter() -> None:
    values = levels(1, 0.4, 0)
    moved: Values = {name: [v + 100 * i for i, v in enumerate(row)] for name, row in values.items()}
    for one, other in zip(
        verdict_of(values, chain()).pairs, verdict_of(moved, chain()).pairs, strict=True
    ):
        assert one.p == pytest.approx(other.p)
