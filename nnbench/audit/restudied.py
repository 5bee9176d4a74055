"""``nnbench audit`` of factor studies: whether what a report tells of one follows from its records, or from its own runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from nnbench.claims.claim import Claim
from nnbench.claims.studies import Study
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan
from nnbench.plan.studies import Point
from nnbench.records.results import ClaimResult, Results, read_results
from nnbench.records.studies import PointResult, ShareResult, StudyResult
from nnbench.verdicts.evidence import read_records
from nnbench.verdicts.studies import analysed, by_study, measured_points

StudyOutcome = Literal["identical", "within rounding", "drifted", "not comparable"]
# A tenth of a point: another processor rounds otherwise, and the fit ends a little elsewhere.
_ROUNDING = 1e-3
_Points = Mapping[str, Sequence[PointResult]]
_Key = tuple[str, frozenset[tuple[str, str]]]  # data set; factors and their levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A study as a report tells it, and the runs to analyse again, by data set."""

    said: StudyResult
    source: str  # of the runs
    study: Study | None
    points: _Points
    planned: frozenset[_Key]
    claims: tuple[tuple[Claim, ClaimResult], ...] = ()
    """Those that rest on it, and what the report says of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedStudy:
    """What became of a study: how far its shares are from those of the analysis made again."""

    study: str
    source: str
    outcome: StudyOutcome
    shares: int = 0
    """How many were compared."""
    largest: float = 0.0
    """The largest difference of a share or an end of its interval; 0.01 is a point."""
    where: str = ""
    """Of which share that is."""
    reasons: tuple[str, ...] = ()


def of_report(results: Results, plan: Plan, *, source: str) -> tuple[Said, ...]:
    """The studies of a report, to be analysed from the runs that it shows itself."""
    return tuple(
        _said(one, results, plan, {data.dataset: data.points for data in one.datasets}, source)
        for one in results.studies
    )


def of_records(plan: Plan) -> tuple[Said, ...]:
    """The studies of the plan that have records, and that its report tells; none without a report."""
    try:
        results = read_results(Path(plan.config.reports))
    except NnbenchError:
        return ()
    told = [one for one in results.studies if one.id in plan.studies]
    cells = {cell for one in told for cell in plan.cells_of(one.id)}
    own = replace(plan, seeds={cell: plan.seeds[cell] for cell in cells})
    records, source = read_records(own, Path(plan.config.results)), f"{plan.config.results}/cells"
    found = (_said(s, results, plan, measured_points(s.id, plan, records), source) for s in told)
    return tuple(s for s in found if any(p.has_runs for own in s.points.values() for p in own))


def _said(one: StudyResult, results: Results, plan: Plan, points: _Points, source: str) -> Said:
    told = {claim.id: claim for claim in results.claims if claim.study == one.id}
    return Said(
        said=one,
        source=source,
        study=plan.studies.get(one.id),
        points=points,
        planned=frozenset(point_key(p.use.dataset, p) for p in plan.points if p.study == one.id),
        claims=tuple((claim, told[n]) for n, _, claim in plan.claims() if n in told),
    )


def audited_study(one: Said) -> AuditedStudy:
    """Analyse the runs again, and hold what comes out against what is said."""
    reason = _why_not(one, one.study) if one.study else "today's plan has no such study"
    if one.study is None or reason:
        return AuditedStudy(
            study=one.said.id, source=one.source, outcome="not comparable", reasons=(reason,)
        )
    lacking = {data.dataset: data.not_measured or "no runs" for data in one.said.datasets}
    again = analysed(one.said.id, one.study, one.points, lacking)
    then, now = _shares(one.said), _shares(again)
    apart = {name: _apart(then[name], now[name]) for name in then if name in now}
    where = max(apart, key=lambda name: apart[name], default="")
    wrong = (*_other_runs(one), *_other_shares(then, now), *_other_verdicts(one, again))
    largest = apart.get(where, 0.0)
    if wrong or largest > _ROUNDING:
        outcome: StudyOutcome = "drifted"
    else:
        outcome = "within rounding" if largest else "identical"
    return AuditedStudy(
        study=one.said.id,
        source=one.source,
        outcome=outcome,
        shares=len(apart),
        largest=largest,
        where=where if largest else "",
        reasons=wrong,
    )


def _why_not(one: Said, study: Study) -> str:
    """Why today's study cannot analyse these runs; empty where it can."""
    if study.metric != one.said.metric:
        return f"today's study reads {study.metric}, the report {one.said.metric}"
    seeds = {str(seed) for seed in range(study.seeds)}
    ran = [(name, point) for name, own in one.points.items() for point in own]
    # whoever wrote the report decides nothing about this machine's memory
    if len(ran) != len(one.planned) or {point_key(name, p) for name, p in ran} != one.planned:
        return "today's plan has other points"
    if {point_key(d.dataset, p) for d in one.said.datasets for p in d.points} != one.planned:
        return "the report has other points than today's plan"
    if any(point.runs.keys() != seeds for _, point in ran):
        return f"today's plan has {study.seeds} seeds of each point, the report {one.said.seeds}"
    told = {point_key(d.dataset, p) for d in one.said.datasets for p in d.points if p.has_runs}
    if lost := told - {point_key(name, point) for name, point in ran if point.has_runs}:
        return f"{len(lost)} of {len(ran)} points have no record"
    return ""


def point_key(dataset: str, point: PointResult | Point) -> _Key:
    """What tells a point from others, whatever its number."""
    return dataset, frozenset(point.values.items())


def _shares(study: StudyResult) -> dict[str, ShareResult]:
    """Every share with its interval, by what it is of."""
    found = {f"{f.factor}, all data": f.share for f in study.factors}
    for data in study.measured:
        own = {f.factor: f.share for f in data.factors}
        alone = {f"{f.factor} alone": f.alone for f in data.factors}
        pairs = {f"{pair.a} × {pair.b}": pair.share for pair in data.pairs}
        rest = {"seeds": data.noise, "three and more at once": data.higher}
        found |= {f"{n}, {data.dataset}": s for n, s in {**own, **alone, **pairs, **rest}.items()}
    return {name: share for name, share in found.items() if share}


def _apart(a: ShareResult, b: ShareResult) -> float:
    return max(abs(a.value - b.value), abs(a.low - b.low), abs(a.high - b.high))


def _other_runs(one: Said) -> Iterator[str]:
    """Data sets on which the report shows other runs than are analysed."""
    for data in one.said.datasets:
        runs = {point_key(data.dataset, point): point.runs for point in one.points[data.dataset]}
        if odd := sum(runs[point_key(data.dataset, point)] != point.runs for point in data.points):
            yield f"{data.dataset}: other runs at {odd} of {len(runs)} points"


def _other_shares(then: Mapping[str, ShareResult], now: Mapping[str, ShareResult]) -> Iterator[str]:
    if gone := [name for name in then if name not in now]:
        yield f"not found again: {', '.join(gone)}"
    if new := [name for name in now if name not in then]:
        yield f"not in the report: {', '.join(new)}"


def _other_verdicts(one: Said, again: StudyResult) -> Iterator[str]:
    for claim, told in one.claims:
        verdict = by_study(claim, {again.id: again})[0] if claim.shares else None
        if verdict != told.verdict:
            yield f"{told.id}: {told.verdict} in the report, {verdict} again"
