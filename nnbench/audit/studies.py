"""``nnbench compare`` of factor studies: shares beyond their intervals, factors in another order, lost points."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from nnbench.audit.comparison import StudyChange
from nnbench.audit.known import NOTHING_TOLD, Difference, causes
from nnbench.audit.noise import ROUNDING, shares_p
from nnbench.records.results import Results
from nnbench.records.studies import PointResult, ShareResult, StudyData, StudyResult
from nnbench.text.studies import percent
from nnbench.verdicts.rules import ALPHA, holm_adjusted

_QUANTILE = 1.96  # of the normal distribution, at 97.5 %
_OTHER_CODE = "training code or settings (other cells at the same points)"
_Pair = tuple[StudyResult, StudyResult]


def in_both(a: Results, b: Results) -> list[_Pair]:
    """The studies that both have."""
    others = {study.id: study for study in b.studies}
    return [(study, others[study.id]) for study in a.studies if study.id in others]


def study_changes(pairs: Sequence[_Pair], facts: Sequence[Difference]) -> tuple[StudyChange, ...]:
    """How studies of both changed; Holm's correction covers all their tests together."""
    found = [change for pair in pairs for change in _changes(*pair, facts)]
    tested = np.array([change.p for change in found if change.p is not None])
    adjusted = iter(holm_adjusted(tested).tolist() if tested.size else ())
    return tuple(
        change if change.p is None else _judged(change, next(adjusted)) for change in found
    )


def _judged(change: StudyChange, p_holm: float) -> StudyChange:
    moved = p_holm <= ALPHA
    return replace(change, p_holm=p_holm, outcome="moved" if moved else "within noise")


def _changes(a: StudyResult, b: StudyResult, facts: Sequence[Difference]) -> Iterator[StudyChange]:
    if reason := _why_skipped(a, b):
        yield StudyChange(study=a.id, what="shares", outcome="skipped", reasons=(reason,))
        return
    yield from _order(a, b)
    others = {data.dataset: data for data in b.datasets}
    for data in a.datasets:
        if other := others.get(data.dataset):
            told = (*_own_causes(a, b, data, other), *causes(facts, data.dataset))
            why = told or (NOTHING_TOLD,)
            for change in _on_data(data, other):
                same = change.outcome == "identical"
                yield replace(change, study=a.id, reasons=() if same else (*change.reasons, *why))


def _why_skipped(a: StudyResult, b: StudyResult) -> str | None:
    """Why shares are not of the same thing, if so: they belong to a metric, to factors and to their levels."""
    if a.metric != b.metric:
        return f"it reads {a.metric} in A and {b.metric} in B"
    names = [{order.factor for order in study.factors} for study in (a, b)]
    if odd := names[0] ^ names[1]:
        return f"other factors in A and B: {', '.join(sorted(odd))}"
    levels = [{f.factor: set(f.levels) for d in s.datasets for f in d.factors} for s in (a, b)]
    known = levels[0].keys() & levels[1].keys()
    if odd := {name for name in known if levels[0][name] != levels[1][name]}:
        return f"other levels in A and B: {', '.join(sorted(odd))}"
    return None


def _own_causes(a: StudyResult, b: StudyResult, x: StudyData, y: StudyData) -> Iterator[str]:
    if a.seeds != b.seeds:
        yield f"{a.seeds} -> {b.seeds} seeds"
    cells = [{frozenset(p.values.items()): p.cell for p in data.points} for data in (x, y)]
    if cells[0].keys() != cells[1].keys():
        yield f"other points ({x.planned} -> {y.planned})"
    elif cells[0] != cells[1]:
        yield _OTHER_CODE


def _order(a: StudyResult, b: StudyResult) -> Iterator[StudyChange]:
    """Which factors stand the other way round: beyond noise, where one of the reports tells them apart."""
    sides = [{f.factor: f.share for f in study.factors if f.share} for study in (a, b)]
    orders = [[n for n in side if all(n in one for one in sides)] for side in sides]
    place = {name: at for at, name in enumerate(orders[1])}
    swapped = [(x, y) for x, y in combinations(orders[0], 2) if place[x] > place[y]]
    clear = [(x, y) for x, y in swapped if any(_apart(side[x], side[y]) for side in sides)]
    shown = {name for pair in clear or swapped for name in pair} or set(orders[0])
    texts = [", ".join(name for name in order if name in shown) for order in orders]
    if len(orders[0]) > 1:
        yield StudyChange(
            study=a.id,
            what="order of the factors",
            outcome="moved" if clear else "within noise" if swapped else "identical",
            a=texts[0],
            b=texts[1],
        )


def _apart(one: ShareResult, other: ShareResult) -> bool:
    """Whether two intervals have no value in common."""
    return max(one.low, other.low) > min(one.high, other.high)


# --- one data set


def _on_data(a: StudyData, b: StudyData) -> Iterator[StudyChange]:
    """What became of its points and shares; of which study, whoever asks knows."""
    yield _counted("points without runs", a, b, _lost)
    yield _counted("points with diverged runs", a, b, _diverged)
    if lost := [
        f"no shares in {n}: {d.not_measured}" for n, d in (("A", a), ("B", b)) if d.not_measured
    ]:
        yield StudyChange(dataset=a.dataset, what="shares", outcome="skipped", reasons=tuple(lost))
        return
    others = {found.factor: found.share for found in b.factors}
    for found in a.factors:
        if other := others.get(found.factor):
            yield _share(a.dataset, found.factor, found.share, other)


def _lost(point: PointResult) -> bool:
    return not point.has_runs


def _diverged(point: PointResult) -> bool:
    return "diverged" in point.status.values()


def _counted(
    what: str, a: StudyData, b: StudyData, of: Callable[[PointResult], bool]
) -> StudyChange:
    """Fisher's exact test of two numbers of points; seeds of a point fall together and are no counts of their own."""
    counts = [sum(map(of, data.points)) for data in (a, b)]
    points = [len(data.points) for data in (a, b)]
    same = counts[0] == counts[1] and points[0] == points[1]
    return StudyChange(
        dataset=a.dataset,
        what=what,
        outcome="identical" if same else "within noise",
        a=f"{counts[0]} of {points[0]}",
        b=f"{counts[1]} of {points[1]}",
        difference=float(counts[1] - counts[0]),
        p=None if same else shares_p(counts, points),
    )


def _share(dataset: str, factor: str, a: ShareResult, b: ShareResult) -> StudyChange:
    return StudyChange(
        dataset=dataset,
        what=f"share of {factor}",
        outcome="identical" if a == b else "within noise",
        a=percent(a),
        b=percent(b),
        difference=b.value - a.value,
        p=None if a == b else share_p(a, b),
    )


def share_p(a: ShareResult, b: ShareResult) -> float:
    """Two-sided p value of equal shares, from the halves of their intervals that face each other."""
    low, high = sorted((a, b), key=lambda share: share.value)
    apart = high.value - low.value
    if apart <= ROUNDING:
        return 1.0
    half = math.hypot(low.high - low.value, high.value - high.low)
    return math.erfc(_QUANTILE * apart / half / math.sqrt(2)) if half else 0.0


# --- what has no counterpart


def left_out(a: Results, b: Results) -> Iterator[str]:
    """The studies and data sets of one side only, as sentences."""
    for side, own, other in (("A", a, b), ("B", b, a)):
        known = {study.id for study in other.studies}
        if alone := [study.id for study in own.studies if study.id not in known]:
            away = "B" if side == "A" else "A"
            old = "" if "studies" in other.model_fields_set else f" ({away} is older than studies)"
            yield f"Studies in {side} only: {', '.join(alone)}{old}"
    for x, y in in_both(a, b):
        names = [[data.dataset for data in study.datasets] for study in (x, y)]
        yield from (f"{x.id}: {name} in A only" for name in names[0] if name not in names[1])
        yield from (f"{x.id}: {name} in B only" for name in names[1] if name not in names[0])
