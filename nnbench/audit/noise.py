"""Whether two measurements of the same thing differ by more than seeds do: statistics, no files.

The noise is that between seeds: what another draw of data, weights and order would have changed.
Seeds are not paired, because a rounding difference that is the same in every seed would then count
as a change. If both sides use the same seeds, their runs are correlated, so the tests detect less
than they could, but they raise no false alarms.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from scipy import stats

from nnbench.errors import NnbenchError
from nnbench.metrics import METRICS, Scale, log_scale
from nnbench.verdicts.rules import ALPHA, Floats, holm_adjusted

Outcome = Literal["identical", "within noise", "moved", "not comparable", "skipped"]
DIGITS = 12  # to which two numbers are compared: float64 has 15 to 17
# Relative: training is float32, which has 7 digits, and sums over thousands of samples lose one or
# two. A network that learns nothing has the same loss in every seed up to rounding, and rounding
# differs between devices.
ROUNDING = 1e-5
MEANS = "means"
OK, MISSING = "ok", "missing"


class SeedRun(NamedTuple):
    """How one seed's run ended, and its value of one metric; None if it has none."""

    seed: str
    status: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same quantity measured twice: the runs of both sides, sorted by seed."""

    a: tuple[SeedRun, ...]
    b: tuple[SeedRun, ...]
    scale: Scale
    exact: bool = False  # without noise, like a count: any difference is a change
    margin: float = 0.0  # on the scale; a smaller difference of means is never a change


@dataclass(frozen=True, kw_only=True)
class Change:
    """How one quantity changed."""

    outcome: Outcome  # identical: to the bit, in every seed; not comparable: fewer than two runs
    mean_a: float | None = None  # in natural units; a geometric mean on a log scale
    mean_b: float | None = None
    difference: float | None = None  # B minus A on the scale
    # What moved: MEANS, or the number of runs of a status, as in `diverged`; if nothing did, the
    # test with the lowest p value. Its p value is given alone and corrected for all tests.
    test: str | None = None
    p: float | None = None
    p_holm: float | None = None


Key = TypeVar("Key", bound=Hashable)
_Test = tuple[str, float, float]  # name, p value, p value corrected for all


def runs_of(
    values: Mapping[str, float | None], statuses: Mapping[str, str] | None = None
) -> tuple[SeedRun, ...]:
    """The runs of one side, from values and statuses by seed."""
    states = statuses or {}
    seeds = sorted({*values, *states}, key=lambda seed: (len(seed), seed))
    return tuple(SeedRun(seed, states.get(seed, OK), values.get(seed)) for seed in seeds)


def pair_of(
    metric: str, a: tuple[SeedRun, ...], b: tuple[SeedRun, ...], *, scale: Scale | None = None
) -> Pair:
    """Both sides of a metric, as in ``seconds@jax``; by default on the metric's own scale."""
    known = METRICS.get(metric.partition("@")[0])
    return Pair(
        a=a,
        b=b,
        scale=scale or (known.scale if known else "raw"),
        exact=known is not None and known.unit == "count",
        # the runs of one measurement share the state of the machine, those of two do not
        margin=known.margin_on_scale() if known and known.timing else 0.0,
    )


def changes(pairs: Mapping[Key, Pair]) -> dict[Key, Change]:
    """Compare all pairs as one family: Holm's correction covers all their tests together.

    Pairs with the same runs count once, and pairs that are identical to the bit are not tested.
    NnbenchError for a value below zero on the log scale.
    """
    distinct = [pair for pair in dict.fromkeys(pairs.values()) if pair.a != pair.b]
    tests = [(pair, name, p) for pair in distinct for name, p in _tests(pair)]
    adjusted = holm_adjusted(np.array([p for *_, p in tests])).tolist() if tests else []
    found: dict[Pair, list[_Test]] = {}
    for (pair, name, p), p_holm in zip(tests, adjusted, strict=True):
        found.setdefault(pair, []).append((name, p, p_holm))
    return {key: _change(pair, found.get(pair, [])) for key, pair in pairs.items()}


def _tests(pair: Pair) -> Iterator[tuple[str, float]]:
    """Name and p value of each test that the runs of a pair allow."""
    a, b = _scaled(pair.a, pair.scale), _scaled(pair.b, pair.scale)
    if not pair.exact and min(a.size, b.size) >= 2:
        yield MEANS, means_p(a, b)
    if min(len(pair.a), len(pair.b)) < 2:
        return
    # the choice of tests depends only on both sides taken together, so it favours no outcome
    for status in sorted({run.status for run in (*pair.a, *pair.b)} - {OK}):
        counts = [sum(run.status == status for run in side) for side in (pair.a, pair.b)]
        yield status, shares_p(counts, (len(pair.a), len(pair.b)))


def _scaled(runs: tuple[SeedRun, ...], scale: Scale) -> Floats:
    values = np.array([run.value for run in runs if run.value is not None], dtype=np.float64)
    if scale == "raw":
        return values
    if np.any(values < 0):
        raise NnbenchError(
            "a value below zero has no logarithm",
            got=float(values.min()),
            todo="compare files that `nnbench judge` wrote",
        )
    return log_scale(values)


def means_p(a: Floats, b: Floats) -> float:
    """Two-sided p value of equal means of two independent samples of two or more values.

    Welch's t test; Fisher's exact test if both samples together contain only two distinct values
    (stuck or not, three epochs or four), for which a t test is not valid.
    """
    both = np.concatenate([a, b])
    size = float(np.abs(both).max()) or 1.0
    distinct = np.unique(np.round(both / size, DIGITS))
    if distinct.size == 1:
        return 1.0
    if distinct.size == 2:
        middle = size * float(distinct.mean())
        return shares_p((int((a > middle).sum()), int((b > middle).sum())), (a.size, b.size))
    test = stats.ttest_ind_from_stats(
        *(a.mean(), a.std(ddof=1), a.size), *(b.mean(), b.std(ddof=1), b.size), equal_var=False
    )
    return float(test.pvalue)


def shares_p(counts: Sequence[int], of: Sequence[int]) -> float:
    """Two-sided p value of equal shares, by Fisher's exact test."""
    table = np.array([[count, n - count] for count, n in zip(counts, of, strict=True)])
    return float(stats.fisher_exact(table).pvalue)


def _change(pair: Pair, tests: Sequence[_Test]) -> Change:
    sides = [_scaled(side, pair.scale) for side in (pair.a, pair.b)]
    a, b = (float(side.mean()) if side.size else None for side in sides)
    difference = None if a is None or b is None else b - a
    means = [m if m is None or pair.scale == "raw" else math.exp(m) for m in (a, b)]
    change = partial(Change, mean_a=means[0], mean_b=means[1], difference=difference)
    if pair.a == pair.b:
        return change(outcome="identical")
    if pair.exact and _counts_differ(pair):
        return change(outcome="moved")
    if not tests:
        same = pair.exact and difference is not None
        return change(outcome="within noise" if same else "not comparable")
    # a difference of logarithms is already relative
    size = max(1.0, abs(a or 0.0), abs(b or 0.0)) if pair.scale == "raw" else 1.0
    large = abs(difference or 0.0) > max(pair.margin, ROUNDING * size)
    moved = [test for test in tests if test[2] <= ALPHA and (large or test[0] != MEANS)]
    name, p, p_holm = min(moved or tests, key=lambda test: test[1])
    outcome: Outcome = "moved" if moved else "within noise"
    return change(outcome=outcome, test=name, p=p, p_holm=p_holm)


def _counts_differ(pair: Pair) -> bool:
    """Whether a seed has another count; if they share none, whether the sets of counts differ."""
    a, b = ({r.seed: r.value for r in side if r.value is not None} for side in (pair.a, pair.b))
    if shared := a.keys() & b.keys():
        return any(a[seed] != b[seed] for seed in shared)
    return bool(a and b) and set(a.values()) != set(b.values())
