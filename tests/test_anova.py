"""Variance shares against made-up functions whose shares are known, and the likelihood against SciPy's."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal, norm

from nnbench.claims.contexts import draw
from nnbench.verdicts.anova import _SPREAD, _USUAL, _of_others, _signals, _unlikely, decomposed
from nnbench.verdicts.shares import noise_of, shares

COUNTS = (3, 2, 4, 3, 2)
Function = Callable[[np.ndarray], np.ndarray]


def additive(x: np.ndarray) -> np.ndarray:
    """Factors 0 and 2 alone; a jump rather than a line, so that levels are names."""
    return 2.0 * (x[:, 0] == 1) + 0.5 * x[:, 2]


def crossed(x: np.ndarray) -> np.ndarray:
    """Factors 0 and 3 act only together."""
    return np.where(x[:, 0] == x[:, 3], 2.0, -1.0) + 0.3 * x[:, 1]


def sampled(count: int, *, seed: int = 1) -> np.ndarray:
    factors = {str(k): [str(level) for level in range(c)] for k, c in enumerate(COUNTS)}
    found = draw(factors, count, seed=seed)
    return np.array([[int(point[name]) for name in factors] for point in found])


def true_shares(function: Function) -> tuple[list[float], list[float]]:
    """Of each factor alone and with interactions, from all combinations of levels."""
    grid = np.array(list(itertools.product(*map(range, COUNTS))))
    values = function(grid).reshape(COUNTS)
    axes = range(len(COUNTS))
    alone = [values.mean(axis=tuple(j for j in axes if j != k)).var() for k in axes]
    return (
        [float(v / values.var()) for v in alone],
        [float(values.var(axis=k).mean() / values.var()) for k in axes],
    )


@pytest.mark.parametrize("function", [additive, crossed])
def test_shares_are_those_of_a_function_that_is_known(function: Function) -> None:
    codes = sampled(64)
    found = decomposed(codes, function(codes), COUNTS, 1e-4)
    alone, with_others = true_shares(function)
    factors = range(len(COUNTS))
    assert [found.share((k,)) for k in factors] == pytest.approx(alone, abs=0.04)
    assert [found.total_share(k) for k in factors] == pytest.approx(with_others, abs=0.04)


def test_a_factor_without_effect_has_a_share_near_zero_and_an_interaction_is_no_effect_alone() -> (
    None
):
    codes = sampled(64)
    found = decomposed(codes, crossed(codes), COUNTS, 1e-4)
    assert found.total_share(4) < 0.02
    assert found.share((0,)) < 0.02
    assert found.share((0, 3)) > 0.9


def test_parts_add_up_and_levels_average_to_zero_around_the_mean() -> None:
    codes = np.array(list(itertools.product(*map(range, COUNTS))))
    found = decomposed(codes, 5.0 + additive(codes), COUNTS, 1e-6)
    assert sum(found.parts.values()) / found.total + found.higher_share == pytest.approx(
        1.0, abs=1e-5
    )
    assert found.mean == pytest.approx(5.0 + additive(codes).mean(), abs=1e-3)
    assert found.levels[0] == pytest.approx([-2 / 3, 4 / 3, -2 / 3], abs=0.01)
    assert found.total == pytest.approx(additive(codes).var(), rel=0.01)


def test_nothing_that_varies_has_no_shares() -> None:
    found = decomposed(sampled(20), np.full(20, 0.7), COUNTS, 0.0)
    assert found.mean == pytest.approx(0.7)
    assert (found.total, found.higher_share) == (0.0, 0.0)
    assert not any(found.share(part) for part in found.parts)


def test_the_likelihood_is_that_of_a_normal_distribution_and_its_gradient_its_slope() -> None:
    codes, rng = sampled(24), np.random.default_rng(3)
    values = rng.normal(size=24)
    signals = np.array([_signals(codes[:, k], c) for k, c in enumerate(COUNTS)])

    def density(logs: np.ndarray) -> float:
        scale, weights = np.exp(logs[0]), np.exp(logs[1:])
        product = np.prod(1.0 + weights[:, None, None] * signals, axis=0)
        covariance = 1.0 + scale * (product - 1.0) + 0.1 * np.eye(24)
        prior = norm.logpdf(logs[1:], np.log(_USUAL), _SPREAD).sum()
        return float(multivariate_normal.logpdf(values, cov=covariance) + prior)

    a, b = rng.normal(-1.0, 0.7, (2, 1 + len(COUNTS)))
    ours = [_unlikely(logs, signals, values, 0.1)[0] for logs in (a, b)]
    assert ours[0] - ours[1] == pytest.approx(density(b) - density(a))
    slope = check_grad(
        lambda x: _unlikely(x, signals, values, 0.1)[0],
        lambda x: _unlikely(x, signals, values, 0.1)[1],
        a,
    )
    assert slope < 1e-4


def test_a_product_of_all_others_is_right_where_one_is_zero() -> None:
    assert _of_others(np.array([2.0, 0.0, 5.0])).tolist() == [0.0, 10.0, 0.0]


def test_noise_stands_apart_from_the_shares_of_factors() -> None:
    codes, rng = sampled(64), np.random.default_rng(5)
    clean = additive(codes)
    runs = clean[:, None] + rng.normal(0.0, 0.5 * clean.std(), (64, 5))
    found = shares(codes, runs, COUNTS)
    assert noise_of(runs) == pytest.approx(0.25 * clean.var(), rel=0.2)
    assert found.noise.value == pytest.approx(0.2, abs=0.05)  # 0.25 of 1.25
    assert found.alone[0].value == pytest.approx(true_shares(additive)[0][0], abs=0.1)


def test_intervals_cover_the_true_shares_about_as_often_as_they_say() -> None:
    rng, within = np.random.default_rng(7), []
    alone, with_others = true_shares(crossed)
    for seed in range(6):
        codes = sampled(48, seed=seed)
        runs = crossed(codes)[:, None] + rng.normal(0.0, 0.4, (48, 5))
        found = shares(codes, runs, COUNTS)
        for own, true in ((found.alone, alone), (found.with_others, with_others)):
            within += [s.low - 0.01 <= t <= s.high + 0.01 for s, t in zip(own, true, strict=True)]
    assert np.mean(within) >= 0.9


def test_missing_runs_and_few_points_are_no_reason_to_fail() -> None:
    codes = sampled(10)
    runs = np.tile(additive(codes)[:, None], (1, 5)) + np.arange(5) * 0.01
    runs[3, 1:] = np.nan
    found = shares(codes, runs, COUNTS)
    assert all(0.0 <= s.low <= s.high <= 1.0 for s in (*found.alone, *found.with_others))
