"""``nnbench audit``: a random sample of finished cells, measured again and held against before."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from nnbench.audit.known import Difference, Known, Largest, differing, from_records
from nnbench.audit.noise import Change, changes
from nnbench.audit.rerun import Rerun, Say, measure_again
from nnbench.audit.subjects import Found, LeftOut, Subject, and_more
from nnbench.cells.cell import runs_alone
from nnbench.claims.config import Config
from nnbench.errors import NnbenchError

Outcome = Literal["identical", "within noise", "drifted", "not comparable", "failed"]
_TO_THE_BIT = ("runs", "curves", "search", "missing")  # of a record
BAD = ("drifted", "failed")
NOTHING = "nothing that is recorded: the same code, versions, device and data"
# as long as the training code is the same, a commit or nnbench's own version moves no number
_NO_CAUSE = ("commit", "nnbench")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedCell:
    """What became of a cell: outcome, reasons, and how its numbers changed (A is then, B is now)."""

    cell: str
    source: str
    name: str
    outcome: Outcome
    reasons: tuple[str, ...]
    largest: Largest | None
    metrics: Mapping[str, Change]
    differs: tuple[Difference, ...]
    seconds: float
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found, as ``--json`` prints it; ``docs/audit.md`` explains the fields."""

    seed: int
    known: int
    differs: bool
    summary: Mapping[str, int]
    cells: tuple[AuditedCell, ...]
    unreadable: tuple[LeftOut, ...]
    cannot_be_run_again: tuple[LeftOut, ...]


def audit(
    found: Found, config: Config, *, cells: int, seed: int, device: str, cores: int, say: Say
) -> Audit:
    """Measure a random sample of cells again, each in all of its finished blocks of seeds.

    ``seed`` is that of the draw; the cores are for all cells together. NnbenchError if there is
    nothing to audit.
    """
    if not (found.subjects or found.unreadable):
        raise _nothing(found, config)
    drawn = sample(found.subjects, cells, seed=seed)
    reruns = measure_again(drawn, config, device=device, cores=cores, say=say)
    audited = tuple(judged(drawn, reruns))
    counts = Counter[str](cell.outcome for cell in audited)
    return Audit(
        seed=seed,
        known=len(found.subjects),
        differs=bool(found.unreadable) or any(cell.outcome in BAD for cell in audited),
        summary={outcome: counts[outcome] for outcome in get_args(Outcome)},
        cells=audited,
        unreadable=found.unreadable,
        cannot_be_run_again=found.refused,
    )


def _nothing(found: Found, config: Config) -> NnbenchError:
    if found.refused:
        got = and_more([f"{entry.source}: {entry.why}" for entry in found.refused])
        todo = "audit something that today's config, code and schema still support"
        return NnbenchError("no cell can be measured again", got=got, todo=todo)
    got = f"no record in {config.results}/cells"
    todo = "run the pipeline first, or audit a published report with --report"
    return NnbenchError("no finished cell to audit", got=got, todo=todo)


def sample(subjects: Sequence[Subject], size: int, *, seed: int) -> list[Subject]:
    """Some of the subjects, in their own order."""
    drawn = np.random.default_rng(seed).permutation(len(subjects))[:size]
    return [subjects[index] for index in sorted(drawn.tolist())]


def judged(subjects: Sequence[Subject], reruns: Sequence[Rerun]) -> Iterator[AuditedCell]:
    """The outcome of each subject; the tests of all their metrics are one family."""
    again = [from_records(rerun.records) for rerun in reruns]
    pairs = {
        (index, metric): pair
        for index, (subject, now) in enumerate(zip(subjects, again, strict=True))
        if now.records and _why_not_compared(subject, now) is None
        for metric, pair in subject.then.pairs_with(now).items()
    }
    found = changes(pairs)
    for index, (subject, rerun, now) in enumerate(zip(subjects, reruns, again, strict=True)):
        changed = {metric: change for (i, metric), change in found.items() if i == index}
        yield _audited(subject, rerun, now, changed)


def _audited(
    subject: Subject, rerun: Rerun, now: Known, changed: Mapping[str, Change]
) -> AuditedCell:
    known = now.facts if subject.then.records else subject.then.facts
    here = {name: value for name, value in now.facts.items() if name in known}
    differs = differing(subject.then.facts, here) if now.records else ()
    outcome, reasons = _outcome(subject, rerun, now, changed)
    if outcome in ("drifted", "within noise"):
        code = any(difference.what == "training code" for difference in differs)
        causes = [d.text for d in differs if code or d.what not in _NO_CAUSE]
        reasons += [*subject.notes, *causes] or [NOTHING]
    return AuditedCell(
        cell=subject.cell.id,
        source=subject.source,
        name=subject.name,
        outcome=outcome,
        reasons=tuple(reasons),
        largest=subject.then.largest_difference(now),
        metrics=changed,
        differs=differs,
        seconds=rerun.seconds,
        output=rerun.output,
    )


def _why_not_compared(subject: Subject, now: Known) -> str | None:
    if runs_alone(subject.cell) and set(subject.then.hardware) != set(now.hardware):
        then, here = (" and ".join(side.hardware) for side in (subject.then, now))
        return f"times of other hardware: {then or 'not told'}, here {here}"
    if subject.then.failure:
        return f"it failed before: {subject.then.failure}"
    return None


def _outcome(
    subject: Subject, rerun: Rerun, now: Known, changed: Mapping[str, Change]
) -> tuple[Outcome, list[str]]:
    """What became of a cell, and what is wrong with it."""
    if not now.records:
        return "failed", [rerun.output]
    if now.failure and not subject.then.failure:
        return "failed", [now.failure]
    if reason := _why_not_compared(subject, now):
        return "not comparable", [reason]
    return _compared(subject.then, now, changed)


def _compared(then: Known, now: Known, changed: Mapping[str, Change]) -> tuple[Outcome, list[str]]:
    def named(outcome: str) -> str:
        return ", ".join(name for name, change in changed.items() if change.outcome == outcome)

    if gone := [name for name in changed if name not in now.runs]:
        why = [f"{name}: {r}" for record in now.records for name, r in record.missing.items()]
        return "drifted", [f"{', '.join(gone)} not measured any more", *dict.fromkeys(why)]
    if moved := named("moved"):
        return "drifted", [f"{moved} moved"]
    if named("within noise"):
        return "within noise", []
    if few := "no metric" if not changed else named("not comparable"):
        return "not comparable", [f"{few}: fewer than two runs on a side"]
    pairs = list(zip(then.records, now.records, strict=False))  # none of a report
    differ = [n for n in _TO_THE_BIT if any(getattr(a, n) != getattr(b, n) for a, b in pairs)]
    return ("within noise", [f"{', '.join(differ)} differ"]) if differ else ("identical", [])
