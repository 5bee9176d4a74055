"""Effects in many contexts, pooled: by published numbers, by statsmodels, by hand, by symmetry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects  # type: ignore[import-untyped]
from verdict_cases import levels, only_pair, rule, verdict_of

from nnbench.verdicts.pooling import (
    Effect,
    Pooled,
    between_variance,
    effect_of,
    floored,
    pool,
    restricted_likelihood,
    share_of,
)

# Colditz et al. (1994), metafor's dat.bcg: tuberculosis or not among vaccinated, among others
BCG = (
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
    (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
    (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
)  # fmt: skip


def effects(
    differences: Sequence[float], errors: Sequence[float], datasets: str = "", blocks: int = 5
) -> list[Effect]:
    """Contexts c0, c1, … on a data set each, or on those of the given letters."""
    names = list(datasets) or [f"d{place}" for place in range(len(differences))]
    return [
        Effect(context=f"c{i}", dataset=d, difference=y, standard_error=e, blocks=blocks)
        for i, (d, y, e) in enumerate(zip(names, differences, errors, strict=True))
    ]


def bcg() -> list[Effect]:
    """The logarithms of the risk ratios."""
    return effects(
        [math.log(a / (a + b) / (c / (c + d))) for a, b, c, d in BCG],
        [math.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)) for a, b, c, d in BCG],
    )


def unclustered(pooled: Pooled, error: float) -> tuple[float, float]:
    half = float(stats.t.ppf(0.975, pooled.contexts - 1)) * error
    return pooled.mean - half, pooled.mean + half


# --- published and independent numbers


def test_the_bcg_trials_give_what_metafor_prints() -> None:
    """``rma(yi, vi, data=dat, test="knha")`` and ``predict()`` of it: REML is metafor's default."""
    pooled = pool(bcg())
    assert f"{pooled.mean:.4f}" == "-0.7145"
    assert f"{pooled.tau**2:.4f} {pooled.tau:.4f}" == "0.3132 0.5597"
    assert f"{100 * pooled.i_squared:.2f}" == "92.22"
    assert (f"{pooled.low:.4f}", f"{pooled.high:.4f}") == ("-1.1084", "-0.3206")
    assert (f"{pooled.prediction_low:.4f}", f"{pooled.prediction_high:.4f}") == (
        "-1.9960",
        "0.5670",
    )


def test_without_the_small_sample_corrections_bcg_gives_what_metafor_prints_by_default() -> None:
    """The normal interval 0.3441 to 0.6962, and the prediction 0.1546 to 1.5490 as risk ratios."""
    tau2 = pool(bcg()).tau ** 2
    error2 = 1 / sum(1 / (e.standard_error**2 + tau2) for e in bcg())
    mean = pool(bcg()).mean
    ends = [
        math.exp(mean + 1.959964 * z * math.sqrt(v))
        for v in (error2, tau2 + error2)
        for z in (-1, 1)
    ]
    assert [f"{end:.4f}" for end in ends] == ["0.3441", "0.6962", "0.1546", "1.5490"]


@pytest.mark.parametrize("seed", range(20))
def test_mean_and_interval_are_those_of_statsmodels_at_the_same_tau(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = effects(rng.normal(0.3, 0.4, 9).tolist(), rng.uniform(0.1, 0.4, 9).tolist())
    pooled = pool(found)
    y = np.array([e.difference for e in found])
    total = np.array([e.standard_error**2 for e in found]) + pooled.tau**2
    theirs = combine_effects(y, total, method_re="dl")  # its fixed effect, given the whole variance
    assert pooled.mean == pytest.approx(theirs.mean_effect_fe)
    error = max(math.sqrt(theirs.var_hksj_fe), theirs.sd_eff_w_fe)  # metafor's test="adhoc"
    assert pooled.independent == pytest.approx(unclustered(pooled, error))


@pytest.mark.parametrize("seed", range(20))
def test_tau_has_the_largest_restricted_likelihood_even_where_it_has_two_maxima(seed: int) -> None:
    rng = np.random.default_rng(seed)
    variances = np.exp(rng.normal(0, 1.5, 7))
    y = rng.normal(0, np.sqrt(variances + rng.choice([0, 1])))
    ours = between_variance(y, variances)
    grid = np.concatenate([[0.0], np.geomspace(1e-5, 100, 20_000)])
    best = restricted_likelihood(grid, y, variances).max()
    assert restricted_likelihood(np.array([ours]), y, variances)[0] == pytest.approx(best, abs=1e-6)


def test_the_restricted_likelihood_is_that_of_contrasts() -> None:
    """By definition: the density of any full set of contrasts, which no mean can change."""
    rng = np.random.default_rng(2)
    y, variances = rng.normal(size=6), rng.uniform(0.1, 1, 6)
    contrasts = np.eye(6)[:5] - np.eye(6)[1:]
    taus = np.array([0.0, 0.2, 1.0])
    theirs = [
        stats.multivariate_normal(
            np.zeros(5), contrasts @ np.diag(variances + tau2) @ contrasts.T
        ).logpdf(contrasts @ y)
        for tau2 in taus
    ]
    ours = restricted_likelihood(taus, y, variances)
    assert np.diff(ours) == pytest.approx(np.diff(theirs))


def test_shares_have_wilsons_interval() -> None:
    """Newcombe (1998), table I: 15 of 148 is 0.0624 to 0.1605."""
    share = share_of(15, 148)
    assert (f"{share.low:.4f}", f"{share.high:.4f}") == ("0.0624", "0.1605")
    assert (share_of(0, 0).low, share_of(0, 0).high) == (0.0, 1.0)


# --- by hand


def test_equal_errors_give_the_plain_mean_and_its_t_interval() -> None:
    y = [0.1, 0.5, 0.3, 0.9]
    pooled = pool(effects(y, [0.1] * 4))
    wanted = stats.ttest_1samp(y, 0).confidence_interval()
    assert pooled.mean == pytest.approx(0.45)
    assert pooled.independent == pytest.approx((wanted.low, wanted.high))
    assert pooled.tau**2 == pytest.approx(np.var(y, ddof=1) - 0.01)


def test_data_sets_of_equal_size_give_the_t_interval_of_their_means() -> None:
    pooled = pool(effects([0.0, 0.2, 1.0, 1.2, 0.5, 0.7], [0.1] * 6, "aabbcc"))
    wanted = stats.ttest_1samp([0.1, 1.1, 0.6], 0).confidence_interval()
    assert pooled.clustered == pytest.approx((wanted.low, wanted.high))
    assert (pooled.low, pooled.high) == pooled.clustered  # the wider one
    assert (pooled.contexts, pooled.datasets) == (6, 3)


def test_estimates_that_agree_by_chance_are_no_surer_than_their_own_errors() -> None:
    """Four of a standard error of 1: their mean has one of a half, whatever they happen to be."""
    pooled = pool(effects([0.01, 0.0, -0.01, 0.0], [1.0] * 4))
    assert pooled.tau == 0
    assert pooled.independent == pytest.approx(unclustered(pooled, 0.5))


def test_where_data_sets_differ_less_than_contexts_the_interval_is_that_of_contexts() -> None:
    pooled = pool(effects([0.0, 1.0, 0.1, 1.1, 0.0, 1.1], [0.1] * 6, "aabbcc"))
    assert (pooled.low, pooled.high) == pooled.independent
    assert pooled.clustered[1] < pooled.high


@pytest.mark.parametrize("datasets", ["abcd", "aaaa"])
def test_where_no_data_set_is_shared_or_one_by_all_there_are_no_clusters(datasets: str) -> None:
    pooled = pool(effects([0.1, 0.5, 0.3, 0.9], [0.1] * 4, datasets))
    assert np.isnan(pooled.clustered).all()
    assert (pooled.low, pooled.high) == pooled.independent


def test_each_data_set_is_left_out_in_turn() -> None:
    pooled = pool(effects([3.0, 3.2, 0.0, 0.1, -0.1, 0.0], [0.1] * 6, "aabbcc"))
    assert [rest.dataset for rest in pooled.without] == ["a", "b", "c"]
    assert pooled.without[0].mean == pytest.approx(0.0)
    alone = pool(effects([0.0, 0.1, -0.1, 0.0], [0.1] * 4, "bbcc"))
    assert (pooled.without[0].low, pooled.without[0].high) == (alone.low, alone.high)
    assert not pool(effects([0.1, 0.2], [0.1] * 2, "aa")).without


# --- few contexts, few blocks, no variance


def test_fewer_than_three_contexts_predict_nothing_and_one_has_no_interval() -> None:
    two, one, none = (pool(effects([0.1, 0.4][:n], [0.1] * n)) for n in (2, 1, 0))
    assert math.isnan(two.prediction_low)
    assert two.low < 0.25 < two.high
    assert one.mean == 0.1
    assert np.isnan([one.low, one.tau, none.mean, none.high]).all()
    assert (one.contexts, none.contexts, none.datasets) == (1, 0, 0)


def test_a_context_without_variance_counts_as_a_fifth_of_the_median_error() -> None:
    assert floored(np.array([0.0, 0.1, 0.2, 0.3])).tolist() == pytest.approx([0.04, 0.1, 0.2, 0.3])
    certain = pool(effects([0.1, 0.2, 0.3, 5.0], [0.2, 0.2, 0.2, 0.0]))
    written = pool(effects([0.1, 0.2, 0.3, 5.0], [0.2, 0.2, 0.2, 0.04]))
    assert certain == written
    assert certain.mean < 1.5  # of 5.0, which alone is "certain"


def test_where_no_context_has_variance_all_weigh_the_same() -> None:
    pooled = pool(effects([0.1, 0.2, 0.6], [0.0] * 3))
    assert pooled.mean == pytest.approx(0.3)
    assert pooled.tau == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1))
    assert pooled.i_squared == 1.0
    same = pool(effects([0.2, 0.2, 0.2], [0.0] * 3))
    assert (same.low, same.mean, same.high, same.tau, same.i_squared) == (0.2, 0.2, 0.2, 0.0, 0.0)


def test_a_context_without_a_standard_error_is_left_out_and_named() -> None:
    found = effects([0.1, 9.0, 0.3, 0.2], [0.1, math.nan, 0.1, 0.1])
    pooled = pool(found)
    assert pooled.left_out == ("c1",)
    assert replace(pooled, left_out=()) == pool([found[0], *found[2:]])


def test_a_pairs_test_gives_its_standard_error_if_it_has_one() -> None:
    pair = only_pair(levels(1.0, 0.0, spread=2.0, blocks=10))
    effect = effect_of(pair, context="c", dataset="d")
    assert effect.difference == pytest.approx(1.0)
    assert effect.standard_error == pytest.approx(2.0 / math.sqrt(10))
    assert (effect.context, effect.dataset, effect.blocks) == ("c", "d", 10)
    single = only_pair({"A": [1.0], "B": [0.0]})
    assert math.isnan(effect_of(single, context="c", dataset="d").standard_error)
    constant = only_pair({"A": [1.0] * 5, "B": [0.5] * 5})
    assert effect_of(constant, context="c", dataset="d").standard_error == 0.0


def test_capped_runs_have_no_mean_to_pool() -> None:
    values = {"A": [3.0, 4.0, 5.0, 4.0, 3.0], "B": [9.0] * 5}
    capped = {"B": [True] * 5}
    verdict = verdict_of(values, [rule("A", "B")], lower_is_better=True, censored=capped)
    assert math.isnan(effect_of(verdict.pairs[0], context="c", dataset="d").standard_error)


# --- symmetries

CONTEXTS = st.lists(
    st.tuples(st.floats(-3, 3), st.floats(0.01, 1), st.sampled_from("abcd")),
    min_size=3,
    max_size=12,
)


def made(contexts: Sequence[tuple[float, float, str]]) -> list[Effect]:
    return effects(
        [y for y, _, _ in contexts], [e for _, e, _ in contexts], "".join(d for *_, d in contexts)
    )


def numbers(pooled: Pooled) -> list[float]:
    return [
        pooled.mean, pooled.low, pooled.high, pooled.prediction_low, pooled.prediction_high,
        pooled.tau,
    ]  # fmt: skip


@given(contexts=CONTEXTS, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_the_order_of_contexts_does_not_matter(
    contexts: list[tuple[float, float, str]], seed: int
) -> None:
    shuffled = [contexts[i] for i in np.random.default_rng(seed).permutation(len(contexts))]
    ours, theirs = numbers(pool(made(contexts))), numbers(pool(made(shuffled)))
    assert ours == pytest.approx(theirs, abs=1e-4)


@given(contexts=CONTEXTS)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_other_signs_mirror_everything(contexts: list[tuple[float, float, str]]) -> None:
    mean, low, high, first, last, tau = numbers(pool(made(contexts)))
    mirrored = numbers(pool(made([(-y, e, d) for y, e, d in contexts])))
    assert mirrored == pytest.approx([-mean, -high, -low, -last, -first, tau], abs=1e-4)


@given(contexts=CONTEXTS, shift=st.floats(-5, 5), unit=st.sampled_from([0.01, 1.0, 100.0]))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_a_constant_shifts_all_but_tau_and_another_unit_scales_all(
    contexts: list[tuple[float, float, str]], shift: float, unit: float
) -> None:
    before = np.array(numbers(pool(made(contexts))))
    after = pool(made([(unit * (y + shift), unit * e, d) for y, e, d in contexts]))
    wanted = unit * (before + np.array([shift] * 5 + [0.0]))
    assert numbers(after) == pytest.approx(wanted.tolist(), abs=1e-4 * unit)
