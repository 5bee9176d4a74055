"""What an unclear pair could have seen, and how many blocks would settle it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower  # type: ignore[import-untyped]
from verdict_cases import MARGIN, chain, levels, only_pair, rule, statuses, verdict_of

from nnbench.verdicts.power import MOST, POWER, power_of, seen

PEER = TTestPower()


@pytest.mark.parametrize("blocks", [5, 10, 40])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_smallest_effect_seen_is_that_of_statsmodels(blocks: int, alpha: float) -> None:
    found = power_of(2.0, blocks, margin=0.5, alpha=alpha).detectable
    peer = PEER.solve_power(nobs=blocks, alpha=alpha, power=POWER)
    assert found / 2.0 == pytest.approx(peer, rel=1e-3)


def test_the_blocks_are_counted_from_the_upper_limit_of_the_deviation() -> None:
    upper = math.sqrt(9 / stats.chi2.ppf(0.2, 9))  # 1.29 of the deviation that ten blocks show
    needed = power_of(1.0, 10, margin=0.5, alpha=0.05).blocks
    assert needed == math.ceil(PEER.solve_power(effect_size=0.5 / upper, alpha=0.05, power=POWER))
    assert needed == 55


def test_no_number_of_blocks_is_given_where_there_are_enough_or_it_takes_too_many() -> None:
    assert power_of(0.2, 10, margin=0.5, alpha=0.05).blocks is None
    assert power_of(30.0, 10, margin=0.5, alpha=0.05).blocks is None
    assert seen(0.5 / 30, MOST, alpha=0.05) < POWER


def test_so_many_blocks_do_show_equality_with_that_power() -> None:
    """A claimed tie is settled by two one-sided tests, here simulated where there is no difference."""
    blocks = 35
    margin = power_of(1.0, blocks, margin=0.5, alpha=0.05, equal=True).detectable
    values = np.random.default_rng(3).normal(0, 1, (4000, blocks))
    error = values.std(axis=1, ddof=1) / blocks**0.5
    shown = np.abs(values.mean(axis=1)) + stats.t.ppf(0.95, blocks - 1) * error < margin
    assert shown.mean() == pytest.approx(POWER, abs=0.03)


def test_only_an_unclear_pair_says_what_it_could_have_seen() -> None:
    clear, unclear = only_pair(levels(2, 0)), only_pair(levels(0.3, 0))
    assert (clear.power, unclear.status) == (None, "unclear")
    assert unclear.power
    expected = power_of(1.0, 10, margin=MARGIN, alpha=0.05)
    assert unclear.power.blocks == expected.blocks
    assert unclear.power.detectable == pytest.approx(
        expected.detectable
    )  # processors round differently


def test_where_one_case_is_enough_more_cases_take_more_blocks() -> None:
    values, rules = levels(0.3, 0, 0.1), [rule("A", "B"), rule("A", "C")]
    alone, tried = (
        verdict_of(values, rules, kind=kind, elsewhere=other).pairs[0].power
        for kind, other in (("best", ()), ("exists", (0.5, 0.5)))
    )
    assert alone
    assert tried
    expected = power_of(1.0, 10, margin=MARGIN, alpha=0.05 / 4)
    assert tried.detectable == pytest.approx(expected.detectable)
    assert tried.blocks > alone.blocks


def test_with_so_many_blocks_an_effect_of_the_margin_is_seen_in_four_of_five_runs() -> None:
    rng, blocks = np.random.default_rng(5), 34
    assert seen(0.5, blocks, alpha=0.05) == pytest.approx(POWER, abs=0.01)
    seen_in = 0
    for _ in range(400):
        a, b = rng.normal(0, math.sqrt(0.5), (2, blocks))
        verdict = verdict_of({"A": a + MARGIN, "B": b}, chain("AB"))
        seen_in += statuses(verdict) == ["UP"]
    assert seen_in / 400 == pytest.approx(POWER, abs=0.06)
