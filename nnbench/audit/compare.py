"""``nnbench compare``: two results side by side, and which differences are more than noise."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from nnbench.audit.comparison import (
    Comparison,
    FindingVerdict,
    LevelChange,
    LevelInOne,
    MeasuredInOne,
    StudyChange,
    Summary,
    VerdictChange,
)
from nnbench.audit.known import NOTHING_TOLD, Difference, causes, differing, report_facts
from nnbench.audit.noise import Change, Outcome, Pair, changes, pair_of, runs_of
from nnbench.audit.studies import in_both, left_out, study_changes
from nnbench.errors import NnbenchError
from nnbench.metrics import percent_change
from nnbench.records.level import LevelResult
from nnbench.records.results import ClaimResult, Finding, Results, read_results

_MEASURED = {"judged", "measured"}  # statuses of claims


@dataclass(frozen=True, slots=True, kw_only=True)
class _Both:
    """A finding of both."""

    claim: str
    a: Finding
    b: Finding

    @property
    def where(self) -> dict[str, Any]:
        dataset, track, variant = self.a.key
        return {"claim": self.claim, "dataset": dataset, "track": track, "variant": variant}

    @property
    def skipped(self) -> str | None:
        """Why its numbers are not compared, if they are not."""
        if self.a.metric != self.b.metric or self.a.scale != self.b.scale:
            return f"it reads {self.a.metric} in A and {self.b.metric} in B"
        if self.a.timing and set(self.a.machines) != set(self.b.machines):
            machines = [" and ".join(f.machines) or "no machine" for f in (self.a, self.b)]
            return f"times of other hardware: {machines[0]} in A, {machines[1]} in B"
        return None

    def levels(self) -> list[tuple[LevelResult, LevelResult]]:
        """The levels of both."""
        others = {level.level: level for level in self.b.levels}
        return [(level, others[level.level]) for level in self.a.levels if level.level in others]

    def levels_in_one(self) -> Iterator[LevelInOne]:
        """The levels of A only, then those of B only."""
        a, b = ([level.level for level in finding.levels] for finding in (self.a, self.b))
        yield from (LevelInOne(**self.where, level=n, side="a") for n in a if n not in b)
        yield from (LevelInOne(**self.where, level=n, side="b") for n in b if n not in a)


def compare(a: Results | Path | str, b: Results | Path | str) -> Comparison:
    """What differs between two results, each given as such, as a file, or as a folder with one.

    NnbenchError if a file cannot be read, the two have no finding or study in common, or a value on a log
    scale is below zero.

    Example:
        >>> from nnbench.audit.compare import compare
        >>> compare("reports", "reports").differs
        False
    """
    return _compared(
        *(side if isinstance(side, Results) else read_results(Path(side)) for side in (a, b))
    )


def _compared(a: Results, b: Results) -> Comparison:
    claims_a, claims_b = ({claim.id: claim for claim in side.claims} for side in (a, b))
    shared = [(claim, claims_b[name]) for name, claim in claims_a.items() if name in claims_b]
    findings = [both for pair in shared for both in _findings(*pair)]
    studies = in_both(a, b)
    if not findings and not studies:
        raise NnbenchError(
            "nothing to compare: no claim was measured in both on the same dataset, and no study is in both",
            todo="give two reports of the same claims",
        )
    facts = differing(report_facts(a.provenance), report_facts(b.provenance))
    levels = tuple(_level_changes(findings, facts))
    verdicts = tuple(change for pair in shared if (change := _verdict_change(*pair, levels)))
    of_studies = study_changes(studies, facts)
    summary = Summary(
        claims=len({both.claim for both in findings}),
        verdicts_changed=sum(verdict.counted for verdict in verdicts),
        levels=_by_outcome(levels),
        studies=len(studies),
        of_studies=_by_outcome(of_studies),
    )
    return Comparison(
        a=a.provenance,
        b=b.provenance,
        differs=bool(
            summary.verdicts_changed or summary.levels["moved"] or summary.of_studies["moved"]
        ),
        summary=summary,
        only_a=tuple(name for name in claims_a if name not in claims_b),
        only_b=tuple(name for name in claims_b if name not in claims_a),
        measured_in_one=tuple(
            MeasuredInOne(claim=one.id, a=one.status, b=other.status)
            for one, other in shared
            if (one.status in _MEASURED) != (other.status in _MEASURED)
        ),
        verdicts=verdicts,
        levels=levels,
        levels_in_one=tuple(level for both in findings for level in both.levels_in_one()),
        studies=of_studies,
        studies_in_one=tuple(left_out(a, b)),
        provenance=facts,
    )


def _by_outcome(found: Sequence[LevelChange | StudyChange]) -> dict[str, int]:
    counts = Counter[str](one.outcome for one in found)
    return {outcome: counts[outcome] for outcome in get_args(Outcome)}


def _findings(a: ClaimResult, b: ClaimResult) -> list[_Both]:
    """The findings that both have of a claim."""
    others = {finding.key: finding for finding in b.results}
    return [_Both(claim=a.id, a=f, b=others[f.key]) for f in a.results if f.key in others]


def _level_changes(findings: Sequence[_Both], facts: Sequence[Difference]) -> Iterator[LevelChange]:
    """How the levels of both changed, those that are skipped first."""
    skipped_first = sorted(findings, key=lambda both: both.skipped is None)
    levels = [(both, *pair) for both in skipped_first for pair in both.levels()]
    pairs = {i: _pair(*level) for i, level in enumerate(levels) if not level[0].skipped}
    compared = changes(pairs)
    for index, (both, a, b) in enumerate(levels):
        change = compared.get(index, Change(outcome="skipped"))
        logarithm = change.difference if both.a.scale == "log" else None
        same = change.outcome == "identical"
        yield LevelChange(
            **both.where,
            level=a.level,
            metric=both.a.metric,
            unit=both.a.unit,
            scale=both.a.scale,
            n_a=sum(value is not None for value in a.values.values()),
            n_b=sum(value is not None for value in b.values.values()),
            **vars(change),
            percent=None if logarithm is None else percent_change(logarithm),
            reasons=() if same else tuple(_reasons(both, a, b, facts=facts)),
        )


def _pair(both: _Both, a: LevelResult, b: LevelResult) -> Pair:
    runs = [runs_of(level.values, level.seed_status) for level in (a, b)]
    if both.a.scale == "log" and any((run.value or 0.0) < 0 for run in (*runs[0], *runs[1])):
        raise NnbenchError(
            f"{both.claim}, level {a.level!r}: a value below zero has no logarithm",
            todo="compare files that `nnbench judge` wrote",
        )
    return pair_of(both.a.metric, *runs, scale=both.a.scale)


def _reasons(
    both: _Both, a: LevelResult, b: LevelResult, *, facts: Sequence[Difference]
) -> list[str]:
    """Why a level is skipped, or what may have moved it, the most certain first."""
    if both.skipped:
        return [both.skipped]
    return [*_own_reasons(a, b), *causes(facts, both.a.dataset)] or [NOTHING_TOLD]


def _own_reasons(a: LevelResult, b: LevelResult) -> Iterator[str]:
    for side, level in (("A", a), ("B", b)):
        if level.not_measured:
            yield f"not measured in {side}: {level.not_measured}"
    other_cells = set(a.cells) != set(b.cells)  # a cell's id stands for settings and code
    known = [name for name in a.settings if name in b.settings] if other_cells else []
    changed = [name for name in known if a.settings[name] != b.settings[name]]
    yield from (f"{name} {a.settings[name]} -> {b.settings[name]}" for name in changed)
    same = "settings and seeds"
    if a.values and b.values and set(a.values) != set(b.values):
        yield f"{len(a.values)} -> {len(b.values)} seeds"
        same = "settings"
    if other_cells and not changed:
        yield f"training code (other cells, with the same {same})"


def _verdict_change(
    a: ClaimResult, b: ClaimResult, levels: Sequence[LevelChange]
) -> VerdictChange | None:
    """How a claim's verdicts changed; None if they did not, or if one side did not measure it."""
    findings = [_finding_verdict(both) for both in _findings(a, b)]
    changed = tuple(finding for finding in findings if finding.a != finding.b)
    if {a.status, b.status} - _MEASURED or (a.verdict == b.verdict and not changed):
        return None
    deciding = [{finding.key for finding in side.results if finding.decides} for side in (a, b)]
    other = None if deciding[0] == deciding[1] else "other results decide in A and B"
    skipped = other or next((f.skipped for f in findings if f.decides and f.skipped), None)
    return VerdictChange(
        claim=a.id,
        a=a.verdict,
        b=b.verdict,
        counted=(a.verdict != b.verdict and not skipped) or any(f.counted for f in changed),
        skipped=skipped,
        levels_moved=sum(level.claim == a.id and level.outcome == "moved" for level in levels),
        study=a.study,
        results=changed,
    )


def _finding_verdict(both: _Both) -> FindingVerdict:
    skipped = "other levels in A and B" if any(both.levels_in_one()) else both.skipped
    return FindingVerdict(
        **both.where,
        decides=both.a.decides or both.b.decides,
        a=both.a.verdict,
        b=both.b.verdict,
        counted=skipped is None,
        skipped=skipped,
    )
