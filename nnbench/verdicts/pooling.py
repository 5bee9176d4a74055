"""Effects of one pair of levels in many contexts, pooled by a random-effects model. No files.

Positive effects are as claimed, on the analysis scale. Contexts that share a data set are no
independent replicates, so the intervals take data sets as clusters. How often they cover the truth
is simulated: see docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, stats

from nnbench.verdicts.rules import ALPHA, Floats, PairTest

LEAST_ERROR = 0.2  # of the median: no context counts as more exact than that
MIN_CONTEXTS = 3  # fewer do not show the spread from which a new one is predicted
Interval = tuple[float, float]  # low, high; NaN where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The mean paired difference of two levels in one context."""

    context: str
    dataset: str
    difference: float
    standard_error: float  # 0: the same difference in every block; NaN: none, so it is not pooled
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The pooled effect where one data set is left out."""

    dataset: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The mean effect over contexts, and what to expect in a new one; 95 % intervals."""

    mean: float
    low: float  # the wider of the two intervals below
    high: float
    # by Hartung, Knapp, Sidik and Jonkman, modified, as if no contexts shared a data set
    independent: Interval
    clustered: Interval  # robust, data sets as clusters; NaN where none is shared, or one by all
    prediction_low: float  # the true effect in a new context on a new data set
    prediction_high: float
    tau: float  # standard deviation of the true effects between contexts, by REML
    i_squared: float  # 0 to 1: how much of the spread is not the noise of single contexts
    contexts: int
    datasets: int
    without: tuple[Without, ...] = ()  # each data set in turn, where there is more than one
    left_out: tuple[str, ...] = ()  # contexts without a standard error

    @property
    def robust(self) -> tuple[Pooled | Without, ...]:
        """The pooled effect as it is, and without each data set: no word rests on a single one."""
        return (self, *self.without)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of all contexts; Wilson's 95 % interval, as if contexts were independent."""

    count: int
    total: int
    low: float
    high: float


def effect_of(pair: PairTest, *, context: str, dataset: str) -> Effect:
    """What a pair's test in one context adds to the pool.

    Fewer than two blocks have no standard error, and capped runs no mean difference.
    """
    error = math.nan
    if pair.n >= 2 and not pair.censored:
        error = (pair.high - pair.low) / 2 / float(stats.t.ppf(1 - ALPHA / 2, pair.n - 1))
    return Effect(
        context=context,
        dataset=dataset,
        difference=pair.difference,
        standard_error=error,
        blocks=pair.n,
    )


def usable(effects: Iterable[Effect]) -> list[Effect]:
    """Those that have a difference and a standard error."""
    return [e for e in effects if math.isfinite(e.difference) and math.isfinite(e.standard_error)]


def share_of(count: int, total: int) -> Share:
    """A share with its interval, which is 0 to 1 where there is nothing to count."""
    if not total:
        return Share(count=0, total=0, low=0.0, high=1.0)
    low, high = stats.binomtest(count, total).proportion_ci(1 - ALPHA, method="wilson")
    return Share(count=count, total=total, low=float(low), high=float(high))


def within(low: float, high: float, margin: float) -> bool:
    """Whether an interval leaves no difference that matters."""
    return -margin < low and high < margin


def pool(effects: Sequence[Effect], *, without_each: bool = True) -> Pooled:
    """The effects pooled, and again ``without_each`` data set; NaN where there are too few."""
    used = usable(effects)
    datasets = sorted({e.dataset for e in used})
    without = []
    for dataset in datasets if without_each and len(datasets) > 1 else []:
        rest = _pooled([e for e in used if e.dataset != dataset])
        without.append(Without(dataset=dataset, mean=rest.mean, low=rest.low, high=rest.high))
    left_out = tuple(e.context for e in effects if e not in used)
    return replace(_pooled(used), without=tuple(without), left_out=left_out)


def _pooled(effects: Sequence[Effect]) -> Pooled:
    y = np.array([e.difference for e in effects])
    groups, group = np.unique([e.dataset for e in effects], return_inverse=True)
    variances = floored(np.array([e.standard_error for e in effects])) ** 2
    tau2 = between_variance(y, variances)
    weights = relative_weights(variances + np.nan_to_num(tau2))
    mean = float(weights @ y) if y.size else math.nan
    pulls = weights * (y - mean)
    single = max(_error(float(pulls @ (y - mean)), y.size - 1), _known_error(variances, tau2))
    summed = np.bincount(group, pulls)
    shared = 1 < groups.size < y.size  # else clusters say nothing, or what `single` says better
    clusters = groups.size if shared else 0
    by_dataset = _error(float(summed @ summed) * clusters, clusters - 1)
    independent = _around(mean, single, df=y.size - 1)
    clustered = _around(mean, by_dataset, df=clusters - 1)
    low, high = np.fmin(independent[0], clustered[0]), np.fmax(independent[1], clustered[1])
    spread = math.hypot(math.sqrt(tau2), np.fmax(single, by_dataset))
    predicts = y.size >= MIN_CONTEXTS
    new = _around(mean, spread if predicts else math.nan, df=(clusters or y.size) - 1)
    return Pooled(
        mean=mean,
        low=float(low),
        high=float(high),
        independent=independent,
        clustered=clustered,
        prediction_low=new[0],
        prediction_high=new[1],
        tau=math.sqrt(tau2),
        i_squared=heterogeneity(variances, tau2),
        contexts=y.size,
        datasets=groups.size,
    )


def floored(errors: Floats) -> Floats:
    """Standard errors, none below a fifth of the median of those above zero.

    A few blocks may agree by chance, or to the last digit: their context would outweigh all others.
    """
    positive = errors[errors > 0]
    return np.maximum(errors, LEAST_ERROR * np.median(positive)) if positive.size else errors


def relative_weights(variances: Floats) -> Floats:
    """Inverse variances, of sum 1; all alike where no variance is above zero."""
    weights = 1 / variances if variances.all() else np.ones_like(variances)
    return weights / weights.sum() if weights.size else weights


def between_variance(y: Floats, variances: Floats) -> float:
    """The variance of true effects between contexts: where the restricted likelihood is largest."""
    if y.size < 2:
        return math.nan
    if not variances.all():
        varies = np.ptp(y) > 1e-12 * np.abs(y).max()  # by more than rounding
        return float(y.var(ddof=1)) if varies else 0.0

    def loss(tau2: float) -> float:
        return float(-restricted_likelihood(np.array([tau2]), y, variances)[0])

    largest = float(y.var(ddof=1) + variances.max())  # beyond it the likelihood falls
    # It may have two maxima: look at all sizes first.
    grid = largest * np.concatenate([[0], np.geomspace(1e-6, 1, 50)])
    best = int(restricted_likelihood(grid, y, variances).argmax())
    if not best:
        return 0.0
    bounds = (grid[best - 1], grid[min(best + 1, grid.size - 1)])
    found = optimize.minimize_scalar(
        loss, bounds=bounds, method="bounded", options={"xatol": 1e-9 * largest}
    )
    return float(found.x)


def restricted_likelihood(tau2: Floats, y: Floats, variances: Floats) -> Floats:
    """Its logarithm for each tau², up to a constant (Viechtbauer 2005)."""
    weights = 1 / (variances + tau2[:, None])  # [tau2, contexts]
    total = weights.sum(axis=1)
    deviations = y - (weights @ y / total)[:, None]
    squares = (weights * deviations**2).sum(axis=1)
    likelihood: Floats = (np.log(weights).sum(axis=1) - np.log(total) - squares) / 2
    return likelihood


def heterogeneity(variances: Floats, tau2: float) -> float:
    """I² (Higgins and Thompson 2002): tau² as a share of it and a typical context's variance."""
    if math.isnan(tau2):
        return math.nan
    if not tau2 or not variances.all():
        return float(tau2 > 0)
    weights = 1 / variances
    typical = (weights.size - 1) * weights.sum() / (weights.sum() ** 2 - (weights**2).sum())
    return float(tau2 / (tau2 + typical))


def _known_error(variances: Floats, tau2: float) -> float:
    """The standard error of the mean by the contexts' own errors; NaN where there is none.

    Estimates that agree by chance better than their errors allow would have no width (Röver et al. 2015).
    """
    known = variances + np.nan_to_num(tau2)
    if not known.size:
        return math.nan
    return float((1 / known).sum() ** -0.5) if known.all() else 0.0


def _error(squares: float, df: int) -> float:
    return math.sqrt(max(squares, 0.0) / df) if df > 0 else math.nan


def _around(mean: float, error: float, *, df: int) -> Interval:
    """The t interval; none without degrees of freedom."""
    if df < 1 or math.isnan(error):
        return math.nan, math.nan
    half = float(stats.t.ppf(1 - ALPHA / 2, df)) * error
    return mean - half, mean + half
