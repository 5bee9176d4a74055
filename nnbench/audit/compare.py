"""``nnbench compare``: two results side by side, and which differences are more than noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from nnbench.audit.comparison import (
    About,
    Comparison,
    FindingVerdict,
    LevelChange,
    LevelInOne,
    MeasuredInOne,
    Summary,
    VerdictChange,
    Where,
)
from nnbench.audit.known import Difference, differing, report_facts
from nnbench.audit.noise import Change, Outcome, Pair, changes, runs_of, timing_margin
from nnbench.errors import NnbenchError
from nnbench.metrics import METRICS, percent_change
from nnbench.records.results import ClaimResult, Finding, LevelResult, Results, read_results

# covered by the cells' ids or the verdicts; all other facts can move a number
_NO_CAUSE = ("nnbench_version", "config_sha256", "tier", "seeds", "tuning_seeds", "commit")
_MEASURED = ("judged", "measured")
_NO_REASON = "nothing that the results tell: the same cells, versions and machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Both:
    """A finding of both."""

    where: Where
    a: Finding
    b: Finding

    @property
    def skipped(self) -> str | None:
        """Why its numbers are not compared, if they are not."""
        if self.a.metric != self.b.metric or self.a.scale != self.b.scale:
            return f"it reads {self.a.metric} in A and {self.b.metric} in B"
        if self.a.timing and set(self.a.machines) != set(self.b.machines):
            machines = [" and ".join(f.machines) or "no machine" for f in (self.a, self.b)]
            return f"times of other hardware: {machines[0]} in A, {machines[1]} in B"
        return None

    def levels(self) -> Iterator[tuple[_Both, LevelResult, LevelResult]]:
        """The levels of both, with this finding."""
        others = {level.level: level for level in self.b.levels}
        for level in self.a.levels:
            if level.level in others:
                yield self, level, others[level.level]

    def levels_in_one(self) -> Iterator[LevelInOne]:
        """The levels of A only, then those of B only."""
        a, b = ([level.level for level in finding.levels] for finding in (self.a, self.b))
        where = vars(self.where)
        yield from (LevelInOne(**where, level=n, side="a") for n in a if n not in b)
        yield from (LevelInOne(**where, level=n, side="b") for n in b if n not in a)


def compare(a: Results | Path | str, b: Results | Path | str) -> Comparison:
    """What differs between two results.

    Example:
        >>> from nnbench.audit.compare import compare
        >>> compare("reports", "reports").differs
        False

    Args:
        a: Results, a ``results.json``, or a folder with one.
        b: The other one.

    Raises:
        NnbenchError: A file cannot be read, the two have no finding in common, or a value on a log
            scale is below zero.
    """
    one, other = (
        side if isinstance(side, Results) else read_results(Path(side)) for side in (a, b)
    )
    claims_a, claims_b = ({claim.id: claim for claim in side.claims} for side in (one, other))
    shared = [(claim, claims_b[name]) for name, claim in claims_a.items() if name in claims_b]
    findings = [both for pair in shared for both in _shared_findings(*pair)]
    if not findings:
        raise NnbenchError(
            "nothing to compare: no claim was measured in both on the same dataset",
            todo="give two reports of the same claims",
        )
    facts = differing(report_facts(one.provenance), report_facts(other.provenance))
    levels = (*_skipped_levels(findings), *_compared_levels(findings, facts))
    verdicts = tuple(change for pair in shared if (change := _verdict_change(*pair, levels)))
    summary = _summary(findings, levels, verdicts)
    return Comparison(
        a=_about(one),
        b=_about(other),
        differs=bool(summary.verdicts_changed or summary.levels["moved"]),
        summary=summary,
        only_a=tuple(name for name in claims_a if name not in claims_b),
        only_b=tuple(name for name in claims_b if name not in claims_a),
        measured_in_one=tuple(_measured_in_one(shared)),
        verdicts=verdicts,
        levels=levels,
        levels_in_one=tuple(level for both in findings for level in both.levels_in_one()),
        provenance=facts,
    )


def _about(results: Results) -> About:
    names = set(About.__annotations__)
    return About(**results.provenance.model_dump(include=names))


def _summary(
    findings: Sequence[_Both], levels: Sequence[LevelChange], verdicts: Sequence[VerdictChange]
) -> Summary:
    counts = Counter[str](level.outcome for level in levels)
    return Summary(
        claims=len({both.where.claim for both in findings}),
        verdicts_changed=sum(verdict.counted for verdict in verdicts),
        levels={outcome: counts[outcome] for outcome in get_args(Outcome)},
    )


def _measured_in_one(shared: Sequence[tuple[ClaimResult, ClaimResult]]) -> Iterator[MeasuredInOne]:
    for a, b in shared:
        if (a.status in _MEASURED) != (b.status in _MEASURED):
            yield MeasuredInOne(claim=a.id, a=a.status, b=b.status)


def _shared_findings(a: ClaimResult, b: ClaimResult) -> Iterator[_Both]:
    others = _by_where(b)
    for where, finding in _by_where(a).items():
        if where in others:
            yield _Both(where=where, a=finding, b=others[where])


def _by_where(claim: ClaimResult) -> dict[Where, Finding]:
    return {
        Where(claim=claim.id, dataset=f.dataset, track=f.track, variant=f.variant): f
        for f in claim.results
    }


# --- levels


def _skipped_levels(findings: Sequence[_Both]) -> Iterator[LevelChange]:
    for both in findings:
        if both.skipped:
            for level in both.levels():
                yield _level_change(*level, change=Change(outcome="skipped"), why=[both.skipped])


def _compared_levels(
    findings: Sequence[_Both], facts: Sequence[Difference]
) -> Iterator[LevelChange]:
    levels = [level for both in findings if not both.skipped for level in both.levels()]
    compared = changes({index: _pair(*level) for index, level in enumerate(levels)})
    for index, level in enumerate(levels):
        change = compared[index]
        why = [] if change.outcome == "identical" else list(_reasons(*level, facts=facts))
        yield _level_change(*level, change=change, why=why)


def _pair(both: _Both, a: LevelResult, b: LevelResult) -> Pair:
    pair = Pair(
        a=runs_of(a.values, a.seed_status),
        b=runs_of(b.values, b.seed_status),
        scale=both.a.scale,
        exact=both.a.unit == "count",
        margin=timing_margin(METRICS[both.a.metric]),
    )
    if both.a.scale == "log" and any((run.value or 0.0) < 0 for run in (*pair.a, *pair.b)):
        raise NnbenchError(
            f"{both.where.claim}, level {a.level!r}: a value below zero has no logarithm",
            todo="compare files that `nnbench judge` wrote",
        )
    return pair


def _level_change(
    both: _Both, a: LevelResult, b: LevelResult, *, change: Change, why: Sequence[str]
) -> LevelChange:
    logarithm = change.difference if both.a.scale == "log" else None
    return LevelChange(
        **vars(both.where),
        level=a.level,
        metric=both.a.metric,
        unit=both.a.unit,
        scale=both.a.scale,
        n_a=sum(value is not None for value in a.values.values()),
        n_b=sum(value is not None for value in b.values.values()),
        **vars(change),
        percent=None if logarithm is None else percent_change(logarithm),
        reasons=tuple(why),
    )


def _reasons(
    both: _Both, a: LevelResult, b: LevelResult, *, facts: Sequence[Difference]
) -> Iterator[str]:
    """What may have moved a level, the most certain first."""
    own = list(_own_reasons(a, b))
    around = [
        fact.text
        for fact in facts
        if fact.what not in _NO_CAUSE
        and (not fact.what.startswith("data ") or fact.what == f"data {both.a.dataset}")
    ]
    yield from own or around or [_NO_REASON]
    yield from around if own else []


def _own_reasons(a: LevelResult, b: LevelResult) -> Iterator[str]:
    for side, level in (("A", a), ("B", b)):
        if level.not_measured:
            yield f"not measured in {side}: {level.not_measured}"
    other_cells = set(a.cells) != set(b.cells)  # a cell's id stands for settings and code
    settings = _other_settings(a.settings, b.settings) if other_cells else []
    yield from settings
    same = "settings and seeds"
    if a.values and b.values and set(a.values) != set(b.values):
        yield f"{len(a.values)} -> {len(b.values)} seeds"
        same = "settings"
    if other_cells and not settings:
        yield f"training code (other cells, with the same {same})"


def _other_settings(a: Mapping[str, object], b: Mapping[str, object]) -> list[str]:
    return [f"{name} {a[name]} -> {b[name]}" for name in a if name in b and a[name] != b[name]]


# --- verdicts


def _verdict_change(
    a: ClaimResult, b: ClaimResult, levels: Sequence[LevelChange]
) -> VerdictChange | None:
    """How a claim's verdicts changed; None if they did not, or if one side did not measure it."""
    findings = [_finding_verdict(both) for both in _shared_findings(a, b)]
    changed = tuple(finding for finding in findings if finding.a != finding.b)
    measured = all(claim.status in _MEASURED for claim in (a, b))
    if not measured or (a.verdict == b.verdict and not changed):
        return None
    deciding = [{w for w, finding in _by_where(c).items() if finding.decides} for c in (a, b)]
    other = None if deciding[0] == deciding[1] else "other results decide in A and B"
    skipped = other or next((f.skipped for f in findings if f.decides and f.skipped), None)
    return VerdictChange(
        claim=a.id,
        a=a.verdict,
        b=b.verdict,
        counted=(a.verdict != b.verdict and not skipped) or any(f.counted for f in changed),
        skipped=skipped,
        levels_moved=sum(level.claim == a.id and level.outcome == "moved" for level in levels),
        results=changed,
    )


def _finding_verdict(both: _Both) -> FindingVerdict:
    skipped = "other levels in A and B" if any(both.levels_in_one()) else both.skipped
    return FindingVerdict(
        **vars(both.where),
        decides=both.a.decides or both.b.decides,
        a=both.a.verdict,
        b=both.b.verdict,
        counted=skipped is None,
        skipped=skipped,
    )
