"""Whether two measurements of the same thing differ by more than their seeds do. Statistics, no files.

The noise is that between seeds: what another draw of data, weights and order would have changed. Seeds
are not paired, since a rounding difference that is the same in every seed would then count as a change.
Where both sides use the same seeds their runs go together, and the tests find less than they might; they
do not cry wolf.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from scipy import stats

from nnbench.errors import NnbenchError
from nnbench.metrics import Scale, log_scale
from nnbench.verdicts.rules import ALPHA, Floats, holm_adjusted

Outcome = Literal["identical", "within noise", "moved", "not comparable"]
DIGITS = 12  # behind which two numbers are the same: float64 has 15 to 17
# Relative: training is float32, which has 7 digits, and sums over thousands of samples lose one or two. A network
# that learns nothing has the same loss in every seed up to rounding, which is another one on another device.
ROUNDING = 1e-5
MEANS = "means"
OK, MISSING = "ok", "missing"


class Run(NamedTuple):
    """One seed's reading; no value where there is none."""

    seed: str
    status: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The same quantity measured twice.

    Attributes:
        a, b: The runs of both sides, sorted by seed.
        scale: That of the comparison, ``raw`` or ``log``.
        exact: Whether it has no noise, as a count: any difference is one.
        margin: A difference of means up to this, on the scale, is none however sure it is; nor is one that
            rounding explains.
    """

    a: tuple[Run, ...]
    b: tuple[Run, ...]
    scale: Scale
    exact: bool = False
    margin: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of one quantity.

    Attributes:
        outcome: ``identical`` (to the bit, in every seed), ``within noise``, ``moved``, or ``not comparable``
            where a side has fewer than two runs.
        mean_a, mean_b: In natural units; of a log scale the geometric means.
        difference: B minus A on the scale.
        test: What moved: ``means``, or runs of some status, as in ``diverged``; else what came closest.
        p, p_holm: Of that test, by itself and among all.
    """

    outcome: Outcome
    mean_a: float | None
    mean_b: float | None
    difference: float | None
    test: str | None = None
    p: float | None = None
    p_holm: float | None = None


Key = TypeVar("Key", bound=Hashable)


def runs_of(
    values: Mapping[str, float | None], statuses: Mapping[str, str] | None = None
) -> tuple[Run, ...]:
    """The runs of one side, from values and statuses by seed."""
    states = statuses or {}
    seeds = sorted({*values, *states}, key=lambda seed: (len(seed), seed))
    return tuple(Run(seed, states.get(seed, OK), values.get(seed)) for seed in seeds)


def changes(pairs: Mapping[Key, Pair], *, alpha: float = ALPHA) -> dict[Key, Change]:
    """Compare all pairs as one family: Holm's correction holds over all their tests together.

    Pairs with the same runs are one pair, and those that are identical to the bit are no test.

    Raises:
        NnbenchError: A value below zero on the log scale.
    """
    tests = {
        (pair, name): p
        for pair in dict.fromkeys(pairs.values())
        if pair.a != pair.b
        for name, p in _tests(pair)
    }
    adjusted = holm_adjusted(np.array(list(tests.values()))).tolist() if tests else []
    found: dict[Pair, list[tuple[str, float, float]]] = {}
    for ((pair, name), p), p_holm in zip(tests.items(), adjusted, strict=True):
        found.setdefault(pair, []).append((name, p, p_holm))
    return {key: _change(pair, found.get(pair, []), alpha=alpha) for key, pair in pairs.items()}


def _tests(pair: Pair) -> Iterator[tuple[str, float]]:
    """Name and p value of each test that the runs of a pair allow."""
    a, b = _scaled(pair.a, pair.scale), _scaled(pair.b, pair.scale)
    if not pair.exact and min(a.size, b.size) >= 2:
        yield MEANS, means_p(a, b)
    if min(len(pair.a), len(pair.b)) < 2:
        return
    # which tests there are depends on both sides together alone, so that it favours no outcome
    for status in sorted({run.status for run in (*pair.a, *pair.b)} - {OK}):
        counts = [sum(run.status == status for run in side) for side in (pair.a, pair.b)]
        yield status, shares_p(counts, (len(pair.a), len(pair.b)))


def _scaled(runs: tuple[Run, ...], scale: Scale) -> Floats:
    values = np.array([run.value for run in runs if run.value is not None], dtype=np.float64)
    if scale == "raw":
        return values
    if np.any(values < 0):
        raise NnbenchError("a value below zero has no logarithm", got=float(values.min()))
    return log_scale(values)


def means_p(a: Floats, b: Floats) -> float:
    """Two-sided p value of equal means of two independent samples of two or more values.

    Welch's t test. Where both samples together know but two values (stuck or not, three epochs or four), a t
    test is no test, and Fisher's exact one takes its place.
    """
    both = np.concatenate([a, b])
    size = float(np.abs(both).max()) or 1.0
    known = np.unique(np.round(both / size, DIGITS))
    if known.size == 1:
        return 1.0
    if known.size == 2:
        middle = size * float(known.mean())
        return shares_p((int((a > middle).sum()), int((b > middle).sum())), (a.size, b.size))
    test = stats.ttest_ind_from_stats(
        *(a.mean(), a.std(ddof=1), a.size),
        *(b.mean(), b.std(ddof=1), b.size),
        equal_var=False,
    )
    return float(test.pvalue)


def shares_p(counts: tuple[int, int] | list[int], of: tuple[int, int]) -> float:
    """Two-sided p value of equal shares, by Fisher's exact test."""
    table = np.array([[count, n - count] for count, n in zip(counts, of, strict=True)])
    return float(stats.fisher_exact(table).pvalue)


def _change(pair: Pair, tests: Sequence[tuple[str, float, float]], *, alpha: float) -> Change:
    """The outcome for one pair from its tests: name, p value, and p value among all."""
    a, b = (_mean(side, pair.scale) for side in (pair.a, pair.b))
    difference = None if a is None or b is None else b - a
    means = (_natural(a, pair.scale), _natural(b, pair.scale))
    plain = Change(
        outcome="not comparable", mean_a=means[0], mean_b=means[1], difference=difference
    )
    if pair.a == pair.b:
        return replace(plain, outcome="identical")
    if pair.exact and _counted_otherwise(pair):
        return replace(plain, outcome="moved")
    if not tests:
        same = pair.exact and difference is not None
        return replace(plain, outcome="within noise") if same else plain
    large = abs(difference or 0.0) > max(pair.margin, ROUNDING * _size(pair, a, b))
    moved = [test for test in tests if test[2] <= alpha and (large or test[0] != MEANS)]
    name, p, p_holm = min(moved or tests, key=lambda test: test[1])
    outcome: Outcome = "moved" if moved else "within noise"
    return replace(plain, outcome=outcome, test=name, p=p, p_holm=p_holm)


def _counted_otherwise(pair: Pair) -> bool:
    """Whether a seed has another count, or, without a common seed, whether there are other counts."""
    a, b = ({r.seed: r.value for r in side if r.value is not None} for side in (pair.a, pair.b))
    if shared := a.keys() & b.keys():
        return any(a[seed] != b[seed] for seed in shared)
    return bool(a and b) and set(a.values()) != set(b.values())


def _size(pair: Pair, *means: float | None) -> float:
    """What rounding is relative to: a difference of logarithms is relative already."""
    return max(1.0, *(abs(mean or 0.0) for mean in means)) if pair.scale == "raw" else 1.0


def _mean(runs: tuple[Run, ...], scale: Scale) -> float | None:
    values = _scaled(runs, scale)
    return float(values.mean()) if values.size else None


def _natural(mean: float | None, scale: Scale) -> float | None:
    return mean if mean is None or scale == "raw" else math.exp(mean)
