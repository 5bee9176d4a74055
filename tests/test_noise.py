"""Noise is told from change: how often it is not is simulated, and single cases are done by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnbench.audit.noise import MEANS, ROUNDING, Change, Pair, changes, means_p, runs_of, shares_p
from nnbench.errors import NnbenchError

SEEDS = 10
Draw = Callable[[np.random.Generator], np.ndarray]


def pair(a: Sequence[float], b: Sequence[float], **more: object) -> Pair:
    """Two sides with seeds 0, 1, …; raw unless said otherwise."""
    sides = [runs_of({str(seed): value for seed, value in enumerate(side)}) for side in (a, b)]
    return Pair(**{"a": sides[0], "b": sides[1], "scale": "raw", **more})


def one(a: Sequence[float], b: Sequence[float], **more: object) -> Change:
    return changes({"it": pair(a, b, **more)})["it"]


def with_statuses(a: Sequence[str], b: Sequence[str]) -> Change:
    """Sides whose runs have a status and, unless they diverged, the same values."""
    sides = []
    for side in (a, b):
        values = {str(i): None if s == "diverged" else 1.0 + i for i, s in enumerate(side)}
        sides.append(runs_of(values, {str(i): status for i, status in enumerate(side)}))
    return changes({"it": Pair(a=sides[0], b=sides[1], scale="raw")})["it"]


# --- single cases


def test_the_same_numbers_are_identical_whatever_they_are() -> None:
    values = [0.1, 0.2, float(np.nextafter(0.3, 1))]
    assert one(values, values).outcome == "identical"
    assert one(values, [0.1, 0.2, 0.3]).outcome == "within noise"  # by one bit


def test_the_same_numbers_for_other_seeds_are_not_identical() -> None:
    sides = [runs_of({str(seed + at): seed / 7 for seed in range(5)}) for at in (0, 100)]
    found = changes({"it": Pair(a=sides[0], b=sides[1], scale="raw")})["it"]
    assert (found.outcome, found.p) == ("within noise", 1.0)


def test_a_difference_that_is_the_same_in_every_seed_but_small_is_noise() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.5, 0.05, SEEDS)
    others = values + rng.normal(1e-4, 1e-5, SEEDS)
    assert stats.ttest_rel(values, others).pvalue < 1e-7  # a paired test is sure of it
    assert one(values, others).outcome == "within noise"


def test_means_are_compared_by_welchs_test() -> None:
    a, b = [1.0, 2.0, 3.5, 4.0], [2.5, 9.0, 7.0]
    wanted = stats.ttest_ind(a, b, equal_var=False).pvalue
    assert means_p(np.array(a), np.array(b)) == pytest.approx(wanted, rel=1e-12)


def test_a_large_shift_moved_and_the_change_is_told_in_natural_units() -> None:
    values = np.random.default_rng(0).lognormal(0.0, 0.1, SEEDS)
    found = one(values, 2 * values, scale="log")
    assert (found.outcome, found.test) == ("moved", MEANS)
    assert found.difference == pytest.approx(math.log(2))
    assert found.mean_a == pytest.approx(stats.gmean(values))
    assert found.mean_b == pytest.approx(2 * stats.gmean(values))
    assert one(-values, -2 * values).difference == pytest.approx(-values.mean())


def test_a_shift_of_rounding_is_none_even_where_seeds_do_not_differ_at_all() -> None:
    """A network that learns nothing has the same loss in every seed, up to the device's rounding."""
    loss = np.full(SEEDS, math.log(10)) + 1e-9 * np.arange(SEEDS)
    assert one(loss, loss * (1 + 1e-6), scale="log").outcome == "within noise"
    assert one(loss, loss * (1 + 1e-4), scale="log").outcome == "moved"
    gap = 1e-9 * np.arange(SEEDS)
    assert one(gap, gap + ROUNDING / 2).outcome == "within noise"
    assert one(gap, gap + ROUNDING * 2).outcome == "moved"


def test_where_only_two_values_occur_fishers_exact_test_counts_them() -> None:
    stuck, free = [1.0] * SEEDS, [0.0] * SEEDS
    found = one(stuck, free)
    assert found.outcome == "moved"
    assert found.p == pytest.approx(2 / math.comb(20, 10))
    assert one([1.0, 0.0], [0.0, 0.0]).p == 1.0
    assert one([3.0, 3.0], [4.0, 4.0]).outcome == "within noise"  # two runs prove nothing


def test_one_value_throughout_is_no_change() -> None:
    assert means_p(np.full(5, 0.3), np.full(4, 0.1 + 0.2)) == 1.0
    assert means_p(np.zeros(5), np.zeros(4)) == 1.0


def test_counts_have_no_noise() -> None:
    assert one([784.0] * 2, [785.0] * 2, exact=True, scale="log").outcome == "moved"
    assert one([784.0] * 2, [784.0] * 5, exact=True, scale="log").outcome == "within noise"
    assert one([784.0], [784.0], exact=True).outcome == "identical"
    assert one([784.0, 10.0], [10.0, 784.0], exact=True).outcome == "moved"  # seed by seed
    assert one([784.0] * 9 + [None], [784.0] * 10, exact=True).outcome == "within noise"


def test_runs_that_diverge_or_are_lost_count_by_their_number() -> None:
    fine = ["ok"] * SEEDS
    found = with_statuses(fine, ["diverged"] * 8 + ["ok"] * 2)
    assert (found.outcome, found.test) == ("moved", "diverged")
    assert found.p == pytest.approx(shares_p((0, 8), (SEEDS, SEEDS)))
    assert with_statuses(fine, ["diverged", *fine[1:]]).outcome == "within noise"
    assert with_statuses(["capped"] * 9 + ["ok"], fine).test == "capped"
    assert with_statuses(["diverged"] * SEEDS, ["diverged"] * SEEDS).outcome == "identical"


def test_fewer_than_two_runs_cannot_be_compared() -> None:
    assert one([0.5], [0.9]).outcome == "not comparable"
    assert one([0.5], [0.5]).outcome == "identical"
    assert one([], [0.5, 0.6]).outcome == "not comparable"
    assert one([0.5], [0.9]).mean_b == 0.9


def test_a_margin_lets_sure_but_small_differences_pass() -> None:
    times = 10 + 0.01 * np.arange(SEEDS)
    assert one(times, times * 1.05, scale="log").outcome == "moved"
    assert one(times, times * 1.05, scale="log", margin=math.log(1.1)).outcome == "within noise"
    assert one(times, times * 1.20, scale="log", margin=math.log(1.1)).outcome == "moved"


def test_a_value_below_zero_on_the_log_scale_is_an_error() -> None:
    with pytest.raises(NnbenchError, match="below zero has no logarithm"):
        one([1.0, 2.0], [1.0, -2.0], scale="log")


def test_nothing_to_compare_is_nothing_found() -> None:
    assert changes({}) == {}


# --- the family


def test_each_test_is_corrected_for_all_of_them() -> None:
    rng = np.random.default_rng(1)
    family = {i: pair(rng.normal(size=SEEDS), rng.normal(size=SEEDS)) for i in range(30)}
    found = changes(family)
    p = np.array([change.p for change in found.values()])
    order = np.argsort(p)
    wanted = np.minimum(np.maximum.accumulate(p[order] * np.arange(30, 0, -1)), 1)
    assert [found[i].p_holm for i in order] == pytest.approx(wanted.tolist())


def test_levels_that_share_their_runs_are_one_test_and_identical_ones_none() -> None:
    rng = np.random.default_rng(1)
    a, b, c = (rng.normal(size=SEEDS) for _ in range(3))
    alone = changes({"x": pair(a, b), "y": pair(a, c)})
    many = {"x again": pair(a, b), **{i: pair(c, c + 0.0) for i in range(100)}}
    more = changes({"x": pair(a, b), "y": pair(a, c), **many})
    assert (more["x"], more["y"], more["x again"]) == (alone["x"], alone["y"], alone["x"])


# --- operating characteristics


def normal(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(1.0, 0.1, SEEDS)


def skewed(rng: np.random.Generator) -> np.ndarray:
    return rng.exponential(1.0, SEEDS)


def stuck(rng: np.random.Generator) -> np.ndarray:
    """Half of the runs are stuck: one or zero."""
    return rng.integers(0, 2, SEEDS).astype(float)


def whole_epochs(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(3, 6, SEEDS).astype(float)


def sometimes_lost(rng: np.random.Generator) -> np.ndarray:
    """A tenth of the runs score as an untrained predictor."""
    return np.where(rng.random(SEEDS) < 0.1, math.log(10), rng.normal(0.3, 0.02, SEEDS))


def alarms(draw: Draw, *, levels: int, repetitions: int, shared: float = 0.0) -> int:
    """How often anything moved, where both sides come of the same distribution."""
    rng = np.random.default_rng(20)
    found = 0
    for _ in range(repetitions):
        sides = [(draw(rng), draw(rng), draw(rng)) for _ in range(levels)]
        family = {
            i: pair(math.sqrt(shared) * s + math.sqrt(1 - shared) * a,
                    math.sqrt(shared) * s + math.sqrt(1 - shared) * b)
            for i, (s, a, b) in enumerate(sides)
        }  # fmt: skip
        found += any(change.outcome == "moved" for change in changes(family).values())
    return found


@pytest.mark.parametrize("draw", [normal, skewed, stuck, whole_epochs, sometimes_lost])
def test_false_alarms_stay_below_five_percent_of_all_comparisons(draw: Draw) -> None:
    """By fresh seeds on both sides; the bound is 5 % and what chance adds to it in 500 repetitions."""
    repetitions = 500
    found = alarms(draw, levels=20, repetitions=repetitions)
    assert found <= stats.binom.ppf(0.999, repetitions, 0.05)


def test_the_same_seeds_on_both_sides_make_false_alarms_rarer() -> None:
    """What both sides share, as the draw of the data, is in each one's spread and not in their difference."""
    alone = alarms(normal, levels=20, repetitions=300)
    assert alone > 0
    assert alarms(normal, levels=20, repetitions=300, shared=0.5) < alone / 2


def test_a_shift_of_three_deviations_is_found_among_three_hundred_levels() -> None:
    rng = np.random.default_rng(7)
    shifted = {i: pair(normal(rng), normal(rng) + 0.3) for i in range(150)}
    still = {150 + i: pair(normal(rng), normal(rng)) for i in range(150)}
    found = changes({**shifted, **still})
    moved = [key for key, change in found.items() if change.outcome == "moved"]
    assert sum(key < 150 for key in moved) >= 0.9 * 150
    # and alone among levels that stayed, where the correction is the hardest
    alone = [changes({0: shifted[i], **still})[0].outcome == "moved" for i in range(40)]
    assert sum(alone) >= 0.8 * 40


VALUES = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=0, max_size=6)


@given(a=VALUES, b=VALUES, scale=st.sampled_from(["raw", "log"]))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_any_two_samples_have_an_outcome_and_the_order_does_not_matter(
    a: list[float], b: list[float], scale: str
) -> None:
    there, back = one(a, b, scale=scale), one(b, a, scale=scale)
    assert there.outcome == back.outcome
    assert (there.mean_a, there.mean_b) == (back.mean_b, back.mean_a)
    if there.p is not None:
        assert 0 <= there.p <= there.p_holm <= 1
        assert there.p == pytest.approx(back.p)
