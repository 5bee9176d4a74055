"""Factor studies: the runs of their points joined, their shares of the variance, and claims that rest on them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nnbench.cells.cell import dataset_of
from nnbench.claims.claim import Claim
from nnbench.claims.outcomes import Outcome
from nnbench.claims.shares import Shares as ClaimedShares
from nnbench.claims.shares import shares_outcome, weight
from nnbench.claims.studies import PREFIX, Study
from nnbench.metrics import METRICS, log_scale
from nnbench.plan.plan import Plan
from nnbench.plan.studies import Point
from nnbench.records.studies import (
    ClaimedShare,
    FactorOrder,
    FactorResult,
    PairShareResult,
    PointResult,
    ShareResult,
    StudyData,
    StudyResult,
)
from nnbench.text.phrases import capitalised
from nnbench.text.studies import answer, sentence
from nnbench.verdicts.evidence import NO_RECORD, Records
from nnbench.verdicts.measurements import rows_of
from nnbench.verdicts.shares import Share, Shares, shares

ENOUGH = 0.75  # of a data set's points have to be measured: what is lost may be what differs most


def study_results(plan: Plan, records: Records) -> dict[str, StudyResult]:
    """The studies of a plan, by id."""
    return {name: _study(name, study, plan, records) for name, study in plan.studies.items()}


def _study(study_id: str, study: Study, plan: Plan, records: Records) -> StudyResult:
    found = measured_points(study_id, plan, records)
    reasons = {data: _why(points, records) for data, points in found.items()}
    return analysed(study_id, study, found, reasons)


def measured_points(
    study_id: str, plan: Plan, records: Records
) -> Mapping[str, Sequence[PointResult]]:
    """A study's points with their runs, by data set."""
    study = plan.studies[study_id]
    found: dict[str, list[PointResult]] = {name: [] for name in study.datasets}
    for point in plan.points:
        if point.study == study_id:
            found[point.use.dataset].append(_point(point, study, records))
    return found


def analysed(
    study_id: str,
    study: Study,
    points: Mapping[str, Sequence[PointResult]],
    reasons: Mapping[str, str],
) -> StudyResult:
    """A study from its runs, by data set; ``reasons`` say there why points are lacking, if too many are."""
    datasets = tuple(_data(name, own, study, reasons[name]) for name, own in points.items())
    factors = _ordered([_order(name, study, datasets) for name in study.factors])
    return StudyResult(
        id=study_id,
        title=study.title,
        metric=study.metric,
        scale=METRICS[study.metric].scale,
        seeds=study.seeds,
        sentence=sentence(study.metric, factors, datasets),
        limits=study.limits,
        factors=factors,
        datasets=datasets,
    )


def _order(factor: str, study: Study, datasets: Sequence[StudyData]) -> FactorOrder:
    own = {d.dataset_title: f for d in datasets for f in d.factors if f.factor == factor}
    return FactorOrder(
        factor=factor,
        rank=None,
        share=_mean([found.share for found in own.values()]),
        alone=_mean([found.alone for found in own.values()]),
        highest=max(own, key=lambda title: own[title].share.value, default=None),
        claims=study.factors[factor].claims,
    )


def _mean(found: Sequence[ShareResult]) -> ShareResult | None:
    """Over data sets, whose points and seeds have nothing to do with each other's."""
    if not found:
        return None
    mean = math.fsum(share.value for share in found) / len(found)
    down = math.hypot(*(share.value - share.low for share in found)) / len(found)
    up = math.hypot(*(share.high - share.value for share in found)) / len(found)
    return ShareResult(value=mean, low=max(0.0, mean - down), high=min(1.0, mean + up))


def _ordered(factors: Sequence[FactorOrder]) -> tuple[FactorOrder, ...]:
    """The largest share first, each with its rank; what is measured nowhere comes last."""
    found = sorted(factors, key=lambda f: -f.share.value if f.share else 1.0)
    return tuple(
        f.model_copy(update={"rank": rank if f.share else None})
        for rank, f in enumerate(found, start=1)
    )


# --- one data set


def _data(dataset: str, found: Sequence[PointResult], study: Study, reason: str) -> StudyData:
    seeds = [str(seed) for seed in range(study.seeds)]
    runs = np.array([[p.runs[s] for s in seeds] for p in found], dtype=np.float64)
    if METRICS[study.metric].scale == "log":
        runs = log_scale(runs)
    measured = np.isfinite(runs).any(axis=1)
    statuses = [status for point in found for status in point.status.values()]
    enough = measured.sum() >= ENOUGH * len(found)
    names = list(found[0].values)
    counts = [len(study.factors[name].levels) for name in names]
    codes = np.array([[_code(study, p, name) for name in names] for p in found])
    result = shares(codes[measured], runs[measured], counts) if enough else None
    return StudyData(
        dataset=dataset,
        dataset_title=dataset_of(dataset).title,
        planned=len(found),
        measured=int(measured.sum()),
        diverged=statuses.count("diverged"),
        missing=int((~np.isfinite(runs)).sum()),
        not_measured=None if enough else reason,
        not_varied=tuple(name for name in study.factors if name not in names),
        points=tuple(found),
        **(_found(result, study, names) if result else _NOTHING),
    )


_NOTHING: Mapping[str, Any] = {
    "mean": None, "deviation": None, "noise": None, "higher": None, "factors": (), "pairs": (),
}  # fmt: skip


def _code(study: Study, point: PointResult, factor: str) -> int:
    return list(study.factors[factor].levels).index(point.values[factor])


def _point(point: Point, study: Study, records: Records) -> PointResult:
    (cell,) = point.use.cells
    rows = rows_of(records.joined(cell, seeds=study.seeds), point.use, study.metric)
    values = [_number(row.get(study.metric)) for row in rows]
    return PointResult(
        point=point.use.level,
        cell=cell,
        values=dict(point.values),
        runs={str(seed): value for seed, value in enumerate(values)},
        status={str(seed): str(row["status"]) for seed, row in enumerate(rows)},
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _why(points: Sequence[PointResult], records: Records) -> str:
    """The first reason for points without runs."""
    reasons = (records.missing[point.cell] for point in points if point.cell in records.missing)
    reason = next(reasons, NO_RECORD)
    return f"fewer than {ENOUGH:.0%} of the points are measured: {reason}".replace("%", "\u00a0%")


def _found(found: Shares, study: Study, names: Sequence[str]) -> dict[str, Any]:
    """What the shares of a data set say."""
    order = sorted(range(len(names)), key=lambda k: -found.with_others[k].value)
    pairs = sorted(found.pairs.items(), key=lambda item: -item[1].value)
    return {
        "mean": found.whole.mean,
        "deviation": math.sqrt(max(0.0, found.whole.total)),
        "noise": _share(found.noise),
        "higher": _share(found.higher),
        "factors": tuple(
            FactorResult(
                factor=names[k],
                rank=rank,
                share=_share(found.with_others[k]),
                alone=_share(found.alone[k]),
                levels=dict(
                    zip(study.factors[names[k]].levels, found.whole.levels[k].tolist(), strict=True)
                ),
            )
            for rank, k in enumerate(order, start=1)
        ),
        "pairs": tuple(
            PairShareResult(a=names[a], b=names[b], share=_share(share)) for (a, b), share in pairs
        ),
    }


def _share(share: Share) -> ShareResult:
    return ShareResult(value=share.value, low=share.low, high=share.high)


# --- claims that rest on a study


def by_study(
    claim: Claim, studies: Mapping[str, StudyResult]
) -> tuple[Outcome, str, tuple[ClaimedShare, ...]]:
    """The verdict, the answer and the shares on a claim that some factors matter."""
    assert claim.shares is not None  # its kind needs them
    asked = claim.shares
    study = studies[f"{PREFIX}/{asked.study}"]
    if not study.measured:
        told = f"Study {asked.study!r} has no shares: {_reasons(study)}."
        return "inconclusive", told, ()
    found = tuple(_claimed(asked, study))
    weights = {n: [one.weight for one in found if one.factor == n] for n in asked.matter}
    verdict, reason = shares_outcome(weights)
    told = answer(study, asked.matter, asked.beside, asked.share)
    return verdict, f"{capitalised(reason)}. {told}", found


def _claimed(asked: ClaimedShares, study: StudyResult) -> Iterator[ClaimedShare]:
    """Each factor that is named on each data set that varies it."""
    for name in asked.factors:
        for data in study.measured:
            for found in data.factors:
                if found.factor == name:
                    yield ClaimedShare(
                        factor=name,
                        role="claimed" if name in asked.matter else "beside",
                        dataset=data.dataset,
                        dataset_title=data.dataset_title,
                        share=found.share,
                        threshold=asked.share,
                        weight=weight(found.share.low, found.share.high, asked.share),
                    )


def _reasons(study: StudyResult) -> str:
    found = dict.fromkeys(data.not_measured for data in study.datasets if data.not_measured)
    return "; ".join(found)
