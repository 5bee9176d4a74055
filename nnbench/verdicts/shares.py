"""The shares of variance of a study on one data set, with intervals: over its points and its seeds.

A new sample of points would give other shares, and so would new seeds: both are left out in turn, a group of points
or a seed at a time (the jackknife of Quenouille and Tukey), and the variances add up. That takes a few fits where
a bootstrap takes hundreds, and no random numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnbench.verdicts.anova import Codes, Decomposition, Numbers, Part, decomposed

GROUPS = 8  # of points that are left out together
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of the variance with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What a study finds on one data set."""

    whole: Decomposition
    alone: tuple[Share, ...]  # of each factor by itself, on average over all others
    with_others: tuple[Share, ...]  # the same with all interactions that it takes part in
    pairs: dict[Part, Share]
    higher: Share  # interactions of three and more factors
    noise: Share  # what seeds vary, of all that single runs vary


def shares(codes: Codes, runs: Numbers, counts: Sequence[int]) -> Shares:
    """Shares from runs.

    Args:
        codes: (points, factors): level of each factor, from 0.
        runs: (points, seeds): values on the metric's scale; NaN where one is missing, but a point has some.
        counts: Levels of each factor.
    """
    whole = _of(codes, runs, counts, near=None)
    estimate = _vector(whole, runs)
    every, seeds = np.arange(len(codes)), np.arange(runs.shape[1])
    groups = min(GROUPS, len(codes))
    points = [
        _again(codes, runs, counts, whole, every % groups != group, seeds >= 0)
        for group in range(groups)
    ]
    repeats = [_again(codes, runs, counts, whole, every >= 0, seeds != seed) for seed in seeds]
    half = _half_widths(np.array(points), np.array(repeats))
    found = _shares(estimate, half)
    factors = len(counts)
    return Shares(
        whole=whole,
        alone=tuple(next(found) for _ in range(factors)),
        with_others=tuple(next(found) for _ in range(factors)),
        pairs={part: next(found) for part in whole.parts if len(part) == 2},
        higher=next(found),
        noise=next(found),
    )


def noise_of(runs: Numbers) -> float:
    """Variance of single runs of a point: the mean over points; 0 where none has two runs."""
    seen = np.isfinite(runs).sum(axis=1) > 1
    return float(np.nanvar(runs[seen], axis=1, ddof=1).mean()) if seen.any() else 0.0


def _of(
    codes: Codes, runs: Numbers, counts: Sequence[int], *, near: Decomposition | None
) -> Decomposition:
    of_means = noise_of(runs) / np.isfinite(runs).sum(axis=1).mean()
    start = near.fitted if near else None
    return decomposed(codes, np.nanmean(runs, axis=1), counts, float(of_means), start=start)


def _again(
    codes: Codes,
    runs: Numbers,
    counts: Sequence[int],
    whole: Decomposition,
    points: npt.NDArray[np.bool_],
    seeds: npt.NDArray[np.bool_],
) -> Numbers:
    """All shares without some points or a seed."""
    kept = points & np.isfinite(runs[:, seeds]).any(axis=1)
    left = runs[np.ix_(kept, seeds)]
    return _vector(_of(codes[kept], left, counts, near=whole), left)


def _vector(found: Decomposition, runs: Numbers) -> Numbers:
    """All shares, in the order in which they are read again."""
    factors = range(len(found.with_others))
    noise = noise_of(runs)
    varied = found.total + noise
    return np.array(
        [
            *(found.share((k,)) for k in factors),
            *(found.total_share(k) for k in factors),
            *(found.share(part) for part in found.parts if len(part) == 2),
            found.higher_share,
            noise / varied if varied > 0 else 0.0,
        ]
    )


def _half_widths(points: Numbers, seeds: Numbers) -> Numbers:
    """Of the 95 % intervals, from the shares without each group of points and without each seed."""
    from scipy.stats import t  # noqa: PLC0415 - a second to import

    variances = [(len(x) - 1) * x.var(axis=0) for x in (points, seeds)]
    both = variances[0] + variances[1]
    parts = [v**2 / (len(x) - 1) for v, x in zip(variances, (points, seeds), strict=True)]
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.nan_to_num(both**2 / (parts[0] + parts[1]), nan=1.0)  # Satterthwaite's
    return np.asarray(t.ppf(0.975, np.maximum(freedom, 1.0)) * np.sqrt(both))


def _shares(values: Numbers, half: Numbers) -> Iterator[Share]:
    for value, width in zip(values.tolist(), half.tolist(), strict=True):
        yield Share(value=value, low=max(0.0, value - width), high=min(1.0, value + width))
