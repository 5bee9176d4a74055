"""What an effect depends on: one exploratory look at the factors in which contexts differ. No files.

Exploratory, because nobody said before the run which factor would matter, and factors of few
contexts are easily confounded: a sentence is offered only if it survives every context left out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from scipy import stats

from nnbench.text.phrases import in_a_row
from nnbench.verdicts.pooling import Effect, Pooled, pool, usable, within
from nnbench.verdicts.rules import ALPHA, Floats, holm_adjusted

Finding = Literal[
    "as claimed", "reversed", "the first is better", "the second is better", "no practical difference", "unclear",
]  # fmt: skip
_DIRECTIONS: Mapping[bool, tuple[Finding, Finding]] = {  # of a difference above zero, and below
    True: ("as claimed", "reversed"),
    False: ("the first is better", "the second is better"),
}
Units = Literal["contexts", "data sets"]
Factors = Mapping[str, Mapping[str, str]]  # by context: the value of each factor


@dataclass(frozen=True, slots=True, kw_only=True)
class AtValue:
    """The effect in the contexts in which a factor has one value."""

    value: str
    pooled: Pooled  # read its ``independent`` interval: few values have several data sets
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderator:
    """Whether the effect differs between the values of one factor."""

    factor: str
    values: tuple[AtValue, ...]
    p: float  # one-way analysis of variance
    p_holm: float  # corrected over the factors
    units: Units  # what counts as one observation
    same_as: tuple[str, ...]  # factors that divide the contexts in just the same way
    stable: bool  # p_holm <= 0.05 with the same findings, whatever context is left out


_Judge = Callable[[str, Sequence[Effect]], AtValue]


def moderators(
    effects: Sequence[Effect], factors: Factors, *, margin: float, directed: bool = True
) -> tuple[Moderator, ...]:
    """Each factor that takes several values, and leaves something to compare them with; least p first.

    ``margin`` is that of the pair of levels, analysis scale; ``directed``: the first one is claimed to be better.
    """
    used = usable(effects)
    judge = partial(_at, margin=margin, directed=directed)
    found = _all_looks(used, factors, judge)
    if any(m.p_holm <= ALPHA for m in found.values()):
        rests = [_all_looks([e for e in used if e is not out], factors, judge) for out in used]
        stable = {name for name, m in found.items() if all(_agrees(m, r.get(name)) for r in rests)}
        found = {name: replace(m, stable=name in stable) for name, m in found.items()}
    return tuple(sorted(found.values(), key=lambda m: m.p))


def sentence(found: Sequence[Moderator]) -> str:
    """What the effect depends on, as in "By modality: as claimed for images; reversed for tables.".

    Empty unless a factor is stable and its values differ in what was found.
    """
    for moderator in found:
        values: dict[Finding, list[str]] = {}
        for at in moderator.values:
            if at.finding != "unclear":
                values.setdefault(at.finding, []).append(at.value)
        if moderator.stable and len(values) > 1:
            clauses = [f"{finding} for {in_a_row(names)}" for finding, names in values.items()]
            also = f" ({in_a_row(moderator.same_as)} differs with it)" if moderator.same_as else ""
            return f"By {moderator.factor}{also}: {'; '.join(clauses)}."
    return ""


def _agrees(whole: Moderator, rest: Moderator | None) -> bool:
    """Whether the same is found where a context is left out."""
    if rest is None or max(whole.p_holm, rest.p_holm) > ALPHA:
        return False
    left = {at.value: at.finding for at in rest.values}
    return all(left.get(at.value) == at.finding for at in whole.values if at.finding != "unclear")


def _all_looks(effects: Sequence[Effect], factors: Factors, judge: _Judge) -> dict[str, Moderator]:
    """Every factor by itself, with p-values corrected over them."""
    names = sorted({name for e in effects for name in factors.get(e.context, {})})
    values = {n: [factors.get(e.context, {}).get(n) for e in effects] for n in names}
    looks = {n: _look(n, effects, values[n], judge) for n in names}
    found = {n: m for n, m in looks.items() if not math.isnan(m.p)}
    holm = holm_adjusted(np.array([m.p for m in found.values()]))
    same = {n: tuple(o for o in looks if o != n and _same(values[n], values[o])) for n in found}
    return {
        name: replace(m, p_holm=float(p), same_as=same[name])
        for (name, m), p in zip(found.items(), holm, strict=True)
    }


def _same(a: Sequence[str | None], b: Sequence[str | None]) -> bool:
    """Whether two factors divide the contexts in the same way."""
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


def _look(
    name: str, effects: Sequence[Effect], values: Sequence[str | None], judge: _Judge
) -> Moderator:
    """One factor, in the contexts that have it."""
    groups: dict[str, list[Effect]] = {
        value: [] for value in sorted({v for v in values if v is not None})
    }
    for effect, value in zip(effects, values, strict=True):
        if value is not None:
            groups[value].append(effect)
    units, samples = _samples(groups)
    return Moderator(
        factor=name,
        values=tuple(judge(value, group) for value, group in groups.items()),
        p=one_way_p([s for s in samples if s.size > 1]),  # one of a kind may differ in anything
        p_holm=math.nan,
        units=units,
        same_as=(),
        stable=False,
    )


def _samples(groups: Mapping[str, Sequence[Effect]]) -> tuple[Units, list[Floats]]:
    """What is compared: means of data sets where each has one value, else contexts.

    Contexts of one data set are no independent replicates of what only data sets differ in.
    """
    by_dataset = [{e.dataset for e in group} for group in groups.values()]
    datasets = len({e.dataset for group in groups.values() for e in group})
    if sum(map(len, by_dataset)) > datasets or datasets == len(groups):
        return "contexts", [np.array([e.difference for e in g]) for g in groups.values()]
    return "data sets", [
        np.array([np.mean([e.difference for e in g if e.dataset == d]) for d in sorted(names)])
        for g, names in zip(groups.values(), by_dataset, strict=True)
    ]


def one_way_p(samples: Sequence[Floats]) -> float:
    """The p-value of a one-way analysis of variance; NaN where nothing is left over."""
    between, within = len(samples) - 1, sum(s.size for s in samples) - len(samples)
    if between < 1 or within < 1:
        return math.nan
    every = np.concatenate(samples)
    if np.ptp(every) <= 1e-12 * np.abs(every).max():  # no more than rounding
        return 1.0
    explained = sum(s.size * (s.mean() - every.mean()) ** 2 for s in samples)
    rest = sum(((s - s.mean()) ** 2).sum() for s in samples)
    if rest <= 1e-12 * explained:  # no spread within values
        return 0.0
    return float(stats.f.sf(explained / between / (rest / within), between, within))


def _at(value: str, effects: Sequence[Effect], *, margin: float, directed: bool) -> AtValue:
    pooled = pool(effects, without_each=False)
    low, high = pooled.independent
    finding: Finding = "unclear"
    if within(low, high, margin):
        finding = "no practical difference"
    elif low > 0 or high < 0:
        finding = _DIRECTIONS[directed][low < 0]
    return AtValue(value=value, pooled=pooled, finding=finding)
