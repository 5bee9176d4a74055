"""Verdicts: hand-computed numbers, other libraries as oracles, every branch, error rates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
from statsmodels.stats.weightstats import ttost_paired  # type: ignore[import-untyped]

from nnbench.verdict import (
    Kind,
    Outcome,
    PairResult,
    PairRule,
    Scale,
    Verdict,
    judge,
    log_scale,
    mean_interval,
    order_rules,
    percent_change,
)

Floats = npt.NDArray[np.float64]
Values = Mapping[str, Sequence[float]]
MARGIN = 0.5


def levels(*offsets: float, spread: float = 1.0, blocks: int = 10) -> Values:
    """Levels A, B, … whose paired differences have exactly these means and this SD."""
    powers = np.vander(np.arange(blocks) - 0.3, len(offsets) + 1, increasing=True)
    noise = np.linalg.qr(powers)[0][:, 1:] * math.sqrt((blocks - 1) / 2) * spread
    common = np.sin(np.arange(blocks)) * 7  # what a block shares cancels
    return {
        name: (offset + common + noise[:, column]).tolist()
        for column, (name, offset) in enumerate(zip("ABCDEF", offsets, strict=False))
    }


def rule(better: str, worse: str, *, tie: bool = False, margin: float = MARGIN) -> PairRule:
    return PairRule(better=better, worse=worse, margin=margin, tie=tie)


def chain(names: str = "ABC", *, margin: float = MARGIN) -> list[PairRule]:
    """The rules of an order claim with one margin for every pair."""
    claimed = {name: -float(place) for place, name in enumerate(names)}
    return [
        PairRule(better=r.better, worse=r.worse, margin=margin, role=r.role)
        for r in order_rules(claimed, lower_is_better=False, scale="raw", default_margin=margin)
    ]


def verdict_of(
    values: Values,
    rules: Sequence[PairRule],
    *,
    kind: Kind = "order",
    lower_is_better: bool = False,
    scale: Scale = "raw",
    censored: dict[str, list[bool]] | None = None,
    excluded: dict[str, list[bool]] | None = None,
) -> Verdict:
    return judge(
        values,
        rules=rules,
        kind=kind,
        lower_is_better=lower_is_better,
        scale=scale,
        censored=censored,
        excluded=excluded,
    )


def statuses(verdict: Verdict) -> list[str]:
    return [pair.status for pair in verdict.pairs]


def only_pair(values: Values, *, tie: bool = False) -> PairResult:
    return verdict_of(values, [rule("A", "B", tie=tie)]).pairs[0]


def random_levels(seed: int) -> Values:
    """Three noisy levels: gaps, spreads and the number of blocks differ from seed to seed."""
    rng = np.random.default_rng(seed)
    blocks, gap = int(rng.integers(5, 13)), float(rng.choice([0, 0.1, 0.5, 1]))
    scale = float(rng.choice([0.1, 0.5, 1]))
    return {
        name: (place * gap + rng.normal(0, scale, blocks)).tolist()
        for place, name in enumerate("CBA")
    }


# --- intervals and scales


@pytest.mark.parametrize(("level", "half"), [(0.95, 2.776445), (0.90, 2.131847)])
def test_the_interval_of_one_to_five_is_three_plus_or_minus_t_times_the_standard_error(
    level: float, half: float
) -> None:
    mean, low, high = mean_interval([1, 2, 3, 4, 5], level=level)
    assert (mean, low, high) == pytest.approx((3, 3 - half / 2**0.5, 3 + half / 2**0.5))


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_of_differences_is_scipys_paired_one(seed: int) -> None:
    values = random_levels(seed)
    interval = stats.ttest_rel(values["A"], values["B"]).confidence_interval(0.95)
    pair = only_pair(values)
    assert (pair.low, pair.high) == pytest.approx((interval.low, interval.high))


def test_one_value_has_a_mean_but_no_interval_and_none_has_neither() -> None:
    mean, low, high = mean_interval([2.5])
    assert mean == 2.5
    assert math.isnan(low)
    assert math.isnan(high)
    assert all(math.isnan(number) for number in mean_interval([]))


def test_the_interval_of_a_constant_is_the_constant_even_if_it_was_rounded() -> None:
    assert mean_interval([0.25] * 7) == (0.25, 0.25, 0.25)
    rounded = [x - (x - 0.1) for x in (0.3, 0.7, 0.9, 0.11, 0.13)]
    mean, low, high = mean_interval(rounded)
    assert low == mean == high


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_interval_refuses_values_that_are_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match=r"needs finite values.*drop failed runs"):
        mean_interval([1.0, bad])


def test_logarithms_have_a_floor_and_keep_what_is_missing() -> None:
    assert log_scale([0, 1, math.e]).tolist() == pytest.approx([math.log(1e-12), 0, 1])
    assert log_scale([0.5], floor=1).tolist() == [0]
    assert math.isnan(log_scale([math.nan])[0])


def test_logarithms_of_negative_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"need values >= 0, got -3.0"):
        log_scale([1, -3, math.nan])


def test_a_log_difference_reads_as_a_percentage() -> None:
    assert percent_change(math.log(1.05)) == pytest.approx(5)
    assert percent_change(-math.log(2)) == pytest.approx(-50)


# --- p-values and their correction


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("side", ["greater", "less"])
def test_raw_and_corrected_p_values_are_those_of_scipy_and_statsmodels(
    seed: int, side: Literal["greater", "less"]
) -> None:
    values = random_levels(seed)
    pairs = verdict_of(values, chain()).pairs
    raw = [p.p_up if side == "greater" else p.p_down for p in pairs]
    corrected = [p.p_up_holm if side == "greater" else p.p_down_holm for p in pairs]
    tests = [stats.ttest_rel(values[p.better], values[p.worse], alternative=side) for p in pairs]
    assert raw == pytest.approx([test.pvalue for test in tests], rel=1e-6, abs=1e-15)
    assert corrected == pytest.approx(multipletests(raw, method="holm")[1])


@pytest.mark.parametrize("seed", range(10))
def test_differs_corrects_over_both_directions_of_all_pairs(seed: int) -> None:
    pairs = verdict_of(random_levels(seed), chain(), kind="differs").pairs
    raw = [p.p_up for p in pairs] + [p.p_down for p in pairs]
    corrected = [p.p_up_holm for p in pairs] + [p.p_down_holm for p in pairs]
    assert corrected == pytest.approx(multipletests(raw, method="holm")[1])


def test_holm_multiplies_the_smallest_p_value_by_three_and_never_steps_back() -> None:
    pairs = verdict_of(levels(0.9, 0, 0.1), chain()).pairs
    p = sorted(pair.p_up for pair in pairs)
    by_hand = [3 * p[0], max(3 * p[0], 2 * p[1]), min(1, max(3 * p[0], 2 * p[1], p[2]))]
    assert sorted(pair.p_up_holm for pair in pairs) == pytest.approx(by_hand)


def test_a_tie_takes_no_part_in_the_correction() -> None:
    tied, strict = verdict_of(levels(1, 1, 0), [rule("A", "B", tie=True), rule("B", "C")]).pairs
    assert strict.p_up_holm == strict.p_up
    assert (tied.p_up_holm, tied.p_down_holm) == (tied.p_up, tied.p_down)


def test_p_values_are_exact_far_out_in_both_tails() -> None:
    up, down = only_pair(levels(50, 0)), only_pair(levels(0, 50))
    assert 0 < up.p_up < 1e-12
    assert up.p_up == pytest.approx(down.p_down, rel=1e-6)


# --- the status of a pair


@pytest.mark.parametrize("seed", range(60))
def test_a_pair_is_equal_exactly_when_statsmodels_tost_says_so(seed: int) -> None:
    values = random_levels(seed)
    p = ttost_paired(np.array(values["A"]), np.array(values["B"]), -MARGIN, MARGIN)[0]
    assert (only_pair(values).status == "equal") == (p < 0.05)
    assert (only_pair(values, tie=True).status == "holds") == (p < 0.05)


@pytest.mark.parametrize(
    ("gap", "spread", "status"),
    [
        (1, 0.5, "UP"),
        (-1, 0.5, "REV"),
        (0.1, 0.2, "equal"),
        (-0.1, 0.2, "equal"),
        (0.3, 1, "unclear"),
        (-0.3, 1, "unclear"),
        (0.4, 0.6, "UP"),  # significant, and perhaps smaller than the margin
    ],
)
def test_a_single_pair_is_up_reversed_equal_or_unclear(
    gap: float, spread: float, status: str
) -> None:
    pair = only_pair(levels(gap, 0, spread=spread))
    assert pair.status == status
    assert pair.difference == pytest.approx(gap)


@pytest.mark.parametrize(("quantile", "status"), [(1.82, "unclear"), (1.85, "equal")])
def test_equality_needs_the_ninety_percent_interval_within_the_margin(
    quantile: float, status: str
) -> None:
    # The margin is this many standard errors; t(9) is 1.833 for 90 % and 2.262 for 95 %.
    spread = MARGIN * math.sqrt(10) / quantile
    assert only_pair(levels(0, 0, spread=spread)).status == status


def test_a_significant_difference_within_the_margin_is_equal() -> None:
    pair = only_pair(levels(0.1, 0, spread=0.05))
    assert pair.p_up < 1e-3
    assert pair.status == "equal"


def test_up_in_capitals_has_survived_the_correction() -> None:
    verdict = verdict_of(levels(1.2, 0.6, 0), chain())
    assert statuses(verdict) == ["up", "up", "UP"]


@pytest.mark.parametrize("seed", range(60))
def test_up_in_capitals_implies_an_uncorrected_up(seed: int) -> None:
    for pair in verdict_of(random_levels(seed), chain()).pairs:
        assert pair.p_up_holm >= pair.p_up
        assert pair.status != "UP" or pair.p_up <= 0.05


@pytest.mark.parametrize(
    ("gap", "p_up", "p_down", "status"),
    [
        (2.0, 0, 1, "UP"),
        (-2.0, 1, 0, "REV"),
        (0.25, 0, 1, "equal"),
        (-0.25, 1, 0, "equal"),
        (0.0, 1, 1, "equal"),
    ],
)
def test_without_variance_the_sign_decides(
    gap: float, p_up: float, p_down: float, status: str
) -> None:
    pair = only_pair({"A": [gap + i for i in range(6)], "B": [float(i) for i in range(6)]})
    assert (pair.low, pair.difference, pair.high) == (gap, gap, gap)
    assert (pair.p_up, pair.p_down, pair.status) == (p_up, p_down, status)


# --- rules of an order claim


def test_an_order_claim_compares_neighbours_and_first_with_last() -> None:
    rules = order_rules(
        {"a": 0.90, "b": 0.95, "c": 0.80}, lower_is_better=False, scale="raw", default_margin=0.01
    )
    assert [(r.better, r.worse, r.role) for r in rules] == [
        ("b", "a", "adjacent"),
        ("a", "c", "adjacent"),
        ("b", "c", "extremes"),
    ]


def test_two_levels_make_one_pair() -> None:
    (only,) = order_rules(
        {"a": 2.0, "b": 1.0}, lower_is_better=True, scale="raw", default_margin=0.1
    )
    assert (only.better, only.worse, only.role) == ("b", "a", "adjacent")


def test_a_margin_is_the_default_or_half_the_claimed_gap_if_that_is_smaller() -> None:
    rules = order_rules(
        {"a": 0.35, "b": 0.28, "c": 0.272}, lower_is_better=True, scale="log", default_margin=0.05
    )
    assert [r.margin for r in rules] == pytest.approx([math.log(0.28 / 0.272) / 2, 0.05, 0.05])


def test_equal_claimed_values_are_a_tie_with_the_default_margin() -> None:
    rules = order_rules(
        {"a": 5, "b": 9, "c": 9}, lower_is_better=False, scale="raw", default_margin=0.5
    )
    assert [(r.better, r.worse, r.tie, r.margin) for r in rules] == [
        ("b", "c", True, 0.5),
        ("c", "a", False, 0.5),
        ("b", "a", False, 0.5),
    ]


def test_if_all_levels_are_tied_no_first_and_last_are_compared() -> None:
    rules = order_rules(
        dict.fromkeys("abc", 1.0), lower_is_better=False, scale="raw", default_margin=0.5
    )
    assert [(r.better, r.worse, r.tie) for r in rules] == [("a", "b", True), ("b", "c", True)]


@pytest.mark.parametrize("claimed", [{"a": 1.0}, {"a": 1.0, "b": math.nan}])
def test_an_order_needs_two_finite_claimed_values(claimed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="two or more finite values"):
        order_rules(claimed, lower_is_better=False, scale="raw", default_margin=0.1)


# --- verdicts


@pytest.mark.parametrize(
    ("offsets", "spread", "outcome", "reason"),
    [
        ((2, 1, 0), 0.5, "reproduced", "every pair is as claimed"),
        ((1.2, 0.6, 0), 1, "reproduced", "every pair is as claimed"),  # up, uncorrected, is enough
        ((0, -1, 2), 0.5, "contradicted", "reversed: C is better than A"),  # in spite of A over B
        ((0, 1, 0.6), 1, "contradicted", "reversed: B is better than A"),
        ((0.05, 0, -0.05), 0.2, "contradicted", "no practical difference between A and C"),
        ((0, -1, 0), 0.3, "partly", "reversed: C is better than B"),  # A over B stands
        ((1, 0, 0), 0.3, "partly", "no practical difference between B and C"),
        ((1, 0, -0.3), 1, "partly", "B against C unclear"),
        ((0.3, 0, -0.3), 1.5, "inconclusive", "A against B unclear, B against C unclear"),
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
        (-1, 0.5, "contradicted", "reversed: B is better than A"),
        (0.1, 0.2, "contradicted", "no practical difference between A and B"),
        (0.3, 1, "inconclusive", "A against B unclear"),
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
        ((1.3, 1, 0), 0.6, "partly", "A against B unclear"),
        ((0.1, 0, 0), 0.2, "contradicted", "no practical difference between A and C"),
        ((0, 0, 1), 0.3, "contradicted", "reversed: C is better than A"),
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
        ((1, 2, 0), 0.5, "contradicted", "reversed: B is better than A"),
        (
            (0, 1, 1),
            0.5,
            "contradicted",
            "reversed: B is better than A, reversed: C is better than A",
        ),
        ((1, 1, 0), 0.3, "partly", "no practical difference between A and B"),
        ((1, 0, 0.7), 1, "partly", "A against C unclear"),
        (
            (0, 0, 0),
            0.2,
            "contradicted",
            "no practical difference between A and B, no practical difference between A and C",
        ),
        (
            (0.25, 0.25, 0),
            0.6,
            "inconclusive",
            "no practical difference between A and B, A against C unclear",
        ),
        ((0.3, 0, 0), 1.5, "inconclusive", "A against B unclear, A against C unclear"),
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
        ((0.5, 0, 0), 0.5, "partly", "A against B unclear"),
        ((-0.5, 0, 0), 0.5, "partly", "A against B unclear"),
        ((0, 0, 0), 2, "inconclusive", "A against B unclear, B against C unclear"),
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
        ((0, 0), 0.2, "contradicted", "no practical difference between A and B"),
        ((0.65, 0), 1, "inconclusive", "A against B unclear"),  # p = 0.035, but for two directions
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


def test_a_reason_names_no_more_than_three_pairs() -> None:
    rules = [rule("A", other) for other in "BCDEF"]
    verdict = verdict_of(levels(*[0] * 6, spread=3), rules, kind="best")
    assert verdict.reason == "A against B unclear, A against C unclear, A against D unclear, …"


# --- blocks


@pytest.mark.parametrize("kind", ["order", "best", "equal", "differs"])
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
    assert (pair.n, pair.status, pair.p_up, pair.p_down) == (finished, "unclear", 1, 1)
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
        assert one.p_up == pytest.approx(other.p_up)


# --- orientation and scale


MIRROR = {"UP": "REV", "REV": "UP", "equal": "equal"}


@pytest.mark.parametrize("seed", range(40))
def test_swapping_the_claimed_direction_mirrors_up_and_reversed(seed: int) -> None:
    values = random_levels(seed)
    swapped = [rule(r.worse, r.better) for r in chain()]
    pairs = zip(verdict_of(values, chain()).pairs, verdict_of(values, swapped).pairs, strict=True)
    for one, other in pairs:
        assert (one.p_up_holm, one.p_down_holm) == pytest.approx(
            (other.p_down_holm, other.p_up_holm), abs=1e-15
        )
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
        # Only the claimed direction has an uncorrected `up`: its mirror image is `unclear`.
        mirrored = MIRROR.get(one.status, "unclear")
        assert mirrored == (other.status if other.status != "up" else "unclear")


@pytest.mark.parametrize("seed", range(40))
def test_differs_does_not_care_which_level_is_named_first(seed: int) -> None:
    values = random_levels(seed)
    one = verdict_of(values, chain(), kind="differs")
    other = verdict_of(values, [rule(r.worse, r.better) for r in chain()], kind="differs")
    assert one.verdict == other.verdict
    assert statuses(one) == [MIRROR.get(status, status) for status in statuses(other)]


@pytest.mark.parametrize("seed", range(10))
def test_lower_is_better_is_higher_is_better_of_the_negated_values(seed: int) -> None:
    values = random_levels(seed)
    negated: Values = {name: [-v for v in row] for name, row in values.items()}
    assert verdict_of(negated, chain(), lower_is_better=True) == verdict_of(values, chain())


def test_on_the_log_scale_only_ratios_matter() -> None:
    loss = {name: np.exp(row).tolist() for name, row in levels(0, 1, 2, spread=0.3).items()}
    scaled: Values = {name: [1000 * v for v in row] for name, row in loss.items()}
    for values in (loss, scaled):
        verdict = verdict_of(values, chain(), lower_is_better=True, scale="log")
        assert verdict.verdict == "reproduced"
        assert [p.difference for p in verdict.pairs] == pytest.approx([1, 1, 2])


def test_a_loss_of_zero_is_better_than_any_other_and_not_infinitely() -> None:
    values = {"A": [0.0] * 6, "B": [0.1, 0.2, 0.1, 0.2, 0.1, 0.3]}
    verdict = verdict_of(values, chain("AB"), lower_is_better=True, scale="log")
    assert verdict.verdict == "reproduced"
    assert math.isfinite(verdict.pairs[0].high)


# --- runs stopped at their cap


def epochs(**capped_at_100: Sequence[float]) -> tuple[Values, dict[str, list[bool]]]:
    """Epochs to a target, with every 100 a run that had not reached it by then."""
    flags = {name: [value == 100 for value in row] for name, row in capped_at_100.items()}
    return dict(capped_at_100), flags


def test_a_level_that_always_hits_its_cap_is_worse_by_the_sign_test() -> None:
    values, capped = epochs(A=[10, 12, 9, 11, 13, 8, 10, 14, 12, 11], B=[100] * 10)
    verdict = verdict_of(values, chain("AB"), lower_is_better=True, scale="log", censored=capped)
    (pair,) = verdict.pairs
    assert verdict.verdict == "reproduced"
    assert pair.censored
    assert (pair.p_up, pair.p_down) == pytest.approx((2**-10, 1))
    ordered = np.sort(np.log(100 / np.array(values["A"])))
    # Of ten, the second and the ninth: P(Binomial(10, 1/2) <= 1) = 0.011, <= 2 would be 0.055.
    assert (pair.low, pair.high) == pytest.approx((ordered[1], ordered[8]))
    assert pair.difference == pytest.approx(np.median(ordered))


def test_one_capped_run_turns_its_pair_to_the_sign_test_and_only_its_pair() -> None:
    values, capped = epochs(A=[20, 21, 22, 23, 24], B=[30, 31, 29, 33, 35], C=[90, 95, 97, 100, 91])
    pairs = verdict_of(values, chain(), lower_is_better=True, scale="log", censored=capped).pairs
    assert [pair.censored for pair in pairs] == [False, True, True]
    assert pairs[1].p_up == pytest.approx(2**-5)
    assert pairs[0].p_up < 2**-5


def test_five_blocks_are_too_few_for_an_interval_of_the_sign_test() -> None:
    values, capped = epochs(A=[10, 20, 30, 40, 50], B=[100] * 5)
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored=capped
    ).pairs
    assert (pair.low, pair.difference, pair.high) == (-math.inf, 70, math.inf)
    assert pair.status == "UP"


@pytest.mark.parametrize("kind", ["order", "equal", "best", "differs"])
def test_levels_that_never_reach_the_target_are_not_called_equal(kind: Kind) -> None:
    values, capped = epochs(A=[100] * 10, B=[100] * 10)
    verdict = verdict_of(
        values, chain("AB"), kind=kind, lower_is_better=True, scale="log", censored=capped
    )
    assert verdict.verdict == "inconclusive"
    assert (verdict.pairs[0].p_up, verdict.pairs[0].p_down) == (1, 1)


def test_unchanged_pairs_are_dropped_from_the_sign_test() -> None:
    values, capped = epochs(A=[10, 10, 10, 10, 100, 50], B=[20, 20, 20, 20, 100, 50])
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored=capped
    ).pairs
    assert pair.p_up == pytest.approx(2**-4)


def test_reaching_the_target_in_the_last_epoch_beats_being_stopped_there() -> None:
    values = {"A": [100.0] * 6, "B": [100.0] * 6}
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored={"B": [True] * 6}
    ).pairs
    assert pair.p_up == pytest.approx(2**-6)


def test_a_run_stopped_early_is_neither_better_nor_worse_than_one_that_took_longer() -> None:
    values = {"A": [50.0] * 6, "B": [70.0] * 6}
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored={"A": [True] * 6}
    ).pairs
    assert (pair.p_up, pair.p_down, pair.status) == (1, 1, "unclear")


def test_two_runs_that_were_stopped_at_different_caps_are_no_evidence() -> None:
    values = {"A": [50.0] * 6, "B": [70.0] * 6}
    both = {"A": [True] * 6, "B": [True] * 6}
    (pair,) = verdict_of(
        values, chain("AB"), lower_is_better=True, scale="raw", censored=both
    ).pairs
    assert (pair.p_up, pair.p_down) == (1, 1)


def test_a_tie_is_violated_by_capped_runs_that_are_far_apart() -> None:
    values, capped = epochs(A=[10] * 10, B=[100] * 10)
    verdict = verdict_of(
        values, chain("AB"), kind="equal", lower_is_better=True, scale="log", censored=capped
    )
    assert verdict.verdict == "contradicted"


# --- runs that diverged


def flags(*blocks: int, of: int = 10) -> list[bool]:
    return [block in blocks for block in range(of)]


def test_a_verdict_that_needs_the_diverged_runs_is_inconclusive() -> None:
    values = {name: list(row) for name, row in levels(0.05, 0, spread=0.2).items()}
    for block in range(4):
        values["B"][block] -= 5  # scored as an untrained predictor
    diverged = {"B": flags(0, 1, 2, 3)}
    assert verdict_of(values, chain("AB")).verdict == "reproduced"
    verdict = verdict_of(values, chain("AB"), excluded=diverged)
    assert (verdict.verdict, verdict.reason) == ("inconclusive", "depends on diverged runs")
    assert verdict.pairs == verdict_of(values, chain("AB")).pairs


def test_a_verdict_that_stands_without_the_diverged_runs_stands() -> None:
    values = levels(2, 0, spread=0.3)
    verdict = verdict_of(values, chain("AB"), excluded={"B": flags(0, 9)})
    assert verdict == verdict_of(values, chain("AB"))
    assert verdict.blocks == 10


@pytest.mark.parametrize(("diverged", "share"), [(range(10), "10 of 20"), (range(6), "6 of 20")])
def test_with_too_few_other_blocks_the_verdict_says_how_many_runs_diverged(
    diverged: range, share: str
) -> None:
    values = levels(2, 0, spread=0.3)
    verdict = verdict_of(values, chain("AB"), excluded={"B": flags(*diverged)})
    assert verdict.verdict == "reproduced"
    assert verdict.reason == f"every pair is as claimed; {share} runs diverged"


def test_five_blocks_without_divergence_are_enough_to_judge_again() -> None:
    values = {name: list(row) for name, row in levels(0.0, 0, spread=0.1).items()}
    for block in range(5):
        values["B"][block] -= 5
    verdict = verdict_of(values, chain("AB"), excluded={"B": flags(0, 1, 2, 3, 4)})
    assert verdict.reason == "depends on diverged runs"


def test_divergence_of_a_level_that_no_rule_names_changes_nothing() -> None:
    values = levels(2, 1, 0)
    pair = [rule("A", "B")]
    assert verdict_of(values, pair, excluded={"C": flags(*range(10))}) == verdict_of(values, pair)


# --- what cannot be judged


@pytest.mark.parametrize(
    ("values", "rules", "message"),
    [
        ({"A": [1.0] * 5}, [rule("A", "B")], r"rules need \['A', 'B'\], 5 blocks each"),
        ({"A": [1.0] * 5, "B": [1.0] * 4}, [rule("A", "B")], r"got {'A': 5, 'B': 4}: pad with NaN"),
        ({"A": [1.0] * 5}, [], r"rules need \[\]"),
        ({"A": [math.inf] * 5, "B": [1.0] * 5}, [rule("A", "B")], "untrained predictor"),
    ],
)
def test_values_that_cannot_be_paired_are_refused(
    values: Values, rules: list[PairRule], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        verdict_of(values, rules)


def test_flags_need_one_entry_a_block() -> None:
    for given in ([True] * 11, [True] * 9):
        with pytest.raises(ValueError, match="10 blocks each"):
            verdict_of(levels(1, 0), chain("AB"), excluded={"A": given, "B": given})


# --- error rates


def simulated(means: tuple[float, ...], *, margin: float, blocks: int, repeats: int) -> Floats:
    """Shares of the four verdicts for three levels whose paired differences have SD 1."""
    rng = np.random.default_rng(20)
    runs = rng.normal(0, math.sqrt(0.5), (repeats, 3, blocks)) + np.array(means)[:, None]
    rules = chain(margin=margin)
    count = Counter(verdict_of(dict(zip("ABC", run, strict=True)), rules).verdict for run in runs)
    return np.array([count[outcome] / repeats for outcome in get_args(Outcome)])


@pytest.mark.parametrize(
    ("means", "gap", "blocks", "percent"),
    [
        pytest.param((2, 1, 0), 1, 10, (80, 20, 0, 0), id="true-gap-1-ten-blocks"),
        pytest.param((2, 1, 0), 1, 5, (30, 58, 0, 11), id="true-gap-1-five-blocks"),
        pytest.param((3, 1.5, 0), 1.5, 10, (100, 0, 0, 0), id="true-gap-1.5-ten-blocks"),
        pytest.param((0, 0, 0), 1, 10, (0, 4, 11, 85), id="all-equal-ten-blocks"),
        pytest.param((0, 1, 2), 1, 10, (0, 0, 100, 0), id="reversed-ten-blocks"),
    ],
)
def test_the_rules_have_the_error_rates_of_the_design(
    means: tuple[float, ...], gap: float, blocks: int, percent: tuple[float, ...]
) -> None:
    repeats = 1000
    expected = np.array(percent) / 100
    tolerance = 0.01 + 3 * np.sqrt(expected * (1 - expected) / repeats)  # 0.01: printed rounded
    shares = simulated(means, margin=gap / 2, blocks=blocks, repeats=repeats)
    assert np.all(np.abs(shares - expected) <= tolerance), f"measured {shares}"
