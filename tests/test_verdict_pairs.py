"""Intervals, p-values, the status of a pair, and the rules of an order claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]
from statsmodels.stats.weightstats import ttost_paired  # type: ignore[import-untyped]
from verdict_cases import (
    MARGIN,
    chain,
    levels,
    only_pair,
    random_levels,
    rule,
    statuses,
    verdict_of,
)

from nnbench.claims.kinds import Kind, order_rules
from nnbench.metrics import log_scale, percent_change
from nnbench.verdicts.rules import mean_interval

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
@pytest.mark.parametrize("kind", ["order", "differs"])
def test_raw_and_corrected_p_values_are_those_of_scipy_and_statsmodels(
    seed: int, kind: Kind
) -> None:
    values = random_levels(seed)
    pairs = verdict_of(values, chain(), kind=kind).pairs
    raw, corrected = [p.p for p in pairs], [p.p_holm for p in pairs]
    tests = [stats.ttest_rel(values[p.better], values[p.worse]) for p in pairs]
    assert raw == pytest.approx([test.pvalue for test in tests], rel=1e-6, abs=1e-15)
    assert corrected == pytest.approx(multipletests(raw, method="holm")[1])


def test_what_was_tried_elsewhere_shares_the_correction() -> None:
    values, rules = levels(1.2, 0, 0.6), [rule("A", "B"), rule("C", "B")]
    pairs = verdict_of(values, rules, kind="exists", elsewhere=[0.2, 0.01]).pairs
    raw = [*(p.p for p in pairs), 0.2, 0.01]
    assert [p.p_holm for p in pairs] == pytest.approx(multipletests(raw, method="holm")[1][:2])


def test_holm_multiplies_the_smallest_p_value_by_three_and_never_steps_back() -> None:
    pairs = verdict_of(levels(0.9, 0, 0.1), chain()).pairs
    p = sorted(pair.p for pair in pairs)
    by_hand = [3 * p[0], max(3 * p[0], 2 * p[1]), min(1, max(3 * p[0], 2 * p[1], p[2]))]
    assert sorted(pair.p_holm for pair in pairs) == pytest.approx(by_hand)


def test_a_tie_takes_no_part_in_the_correction() -> None:
    tied, strict = verdict_of(levels(1, 1, 0), [rule("A", "B", tie=True), rule("B", "C")]).pairs
    assert (strict.p_holm, tied.p_holm) == (strict.p, tied.p)


def test_p_values_are_exact_far_out_in_both_tails() -> None:
    up, down = only_pair(levels(50, 0)), only_pair(levels(0, 50))
    assert 0 < up.p < 1e-12
    assert up.p == pytest.approx(down.p, rel=1e-6)


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
        (0.4, 0.5, "UP"),  # significant, and perhaps smaller than the margin
        (0.4, 0.6, "unclear"),  # one-sided p = 0.032: the interval includes zero
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
    assert pair.p < 1e-3
    assert pair.status == "equal"


def test_up_in_capitals_has_survived_the_correction() -> None:
    verdict = verdict_of(levels(1.2, 0.6, 0, spread=0.83), chain())
    assert [pair.p for pair in verdict.pairs[:2]] == pytest.approx([0.048, 0.048], abs=1e-3)
    assert statuses(verdict) == ["up", "up", "UP"]


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("kind", ["order", "differs", "exists"])
def test_as_claimed_or_reversed_means_that_the_interval_excludes_zero(
    seed: int, kind: Kind
) -> None:
    for pair in verdict_of(random_levels(seed), chain(), kind=kind).pairs:
        if pair.status in ("UP", "up"):
            assert pair.low > 0
        if pair.status == "REV":
            assert pair.high < 0
        real = pair.status in ("UP", "up", "REV")
        assert pair.small == (real and abs(pair.difference) < pair.margin)


@pytest.mark.parametrize("seed", range(60))
def test_up_in_capitals_implies_an_uncorrected_up(seed: int) -> None:
    for pair in verdict_of(random_levels(seed), chain()).pairs:
        assert pair.p_holm >= pair.p
        assert pair.status != "UP" or pair.p_holm <= 0.05


@pytest.mark.parametrize(
    ("gap", "p", "status"),
    [
        (2.0, 0, "UP"),
        (-2.0, 0, "REV"),
        (0.25, 0, "equal"),
        (-0.25, 0, "equal"),
        (0.0, 1, "equal"),
    ],
)
def test_without_variance_the_sign_decides(gap: float, p: float, status: str) -> None:
    pair = only_pair({"A": [gap + i for i in range(6)], "B": [float(i) for i in range(6)]})
    assert (pair.low, pair.difference, pair.high) == (gap, gap, gap)
    assert (pair.p, pair.status) == (p, status)


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
