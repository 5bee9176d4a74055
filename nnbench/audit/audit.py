"""``nnbench audit``: a random sample of finished cells, measured again and held against their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from nnbench.audit.noise import Change, changes
from nnbench.audit.origins import difference_text, differing
from nnbench.audit.remembered import Remembered, remembered, todays_cell
from nnbench.audit.rerun import Rerun, Say, measure_again
from nnbench.audit.runs import largest, pairs_of
from nnbench.cells.cell import Cell
from nnbench.cells.cost import runs_alone
from nnbench.claims.config import Config
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan, make_plan
from nnbench.records.store import RejectedRecordError, read_record, record_path

Verdict = Literal["identical", "within noise", "drifted", "not comparable", "failed"]
OUTCOMES = ("identical", "within noise", "drifted", "not comparable", "failed")
BAD = ("drifted", "failed")
NOTHING = "nothing that is recorded: the same code, versions, device and data"
# with the same training code, a commit or nnbench's own version moves no number
_NO_CAUSE = ("commit", "nnbench")

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A finished measurement that can be repeated.

    Attributes:
        source: Where it stands: a record's path.
        name: What it is about.
        cell: The cell of today's code.
        then: What was measured.
        notes: What is known to differ, beside its facts.
    """

    source: str
    name: str
    cell: Cell
    then: Remembered
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What there is to audit, and what there is that cannot be: (source, why)."""

    subjects: tuple[Subject, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def finished(config: Config, *, everything: bool) -> Found:
    """The finished cells of the plan; with ``everything`` also records that it does not have (any more)."""
    plan = make_plan(config)
    names = names_of(plan)
    subjects, unreadable, refused = [], [], []
    for cell_id, path in _paths(plan, everything=everything):
        try:
            record = read_record(path)
            then = remembered(record)
        except NnbenchError as error:
            unreadable.append((str(path), _why(error)))
            continue
        try:
            cell = plan.cells.get(cell_id) or todays_cell(record)
        except NnbenchError as error:
            refused.append((str(path), _why(error)))
            continue
        name = names.get(cell_id, f"{cell.dataset}, not in the plan")
        subjects.append(Subject(source=str(path), name=name, cell=cell, then=then))
    return Found(subjects=tuple(subjects), unreadable=tuple(unreadable), refused=tuple(refused))


def _why(error: NnbenchError) -> str:
    return error.reason if isinstance(error, RejectedRecordError) else " ".join(str(error).split())


def names_of(plan: Plan) -> dict[str, str]:
    """The first level that each cell stands for, and how many more there are."""
    levels: dict[str, list[str]] = {}
    for use in plan.uses:
        for cell_id in use.cells:
            levels.setdefault(cell_id, []).append(f"{use.claim}, {use.dataset}: {use.level}")
    return {
        cell_id: f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}"
        for cell_id, names in levels.items()
    }


def _paths(plan: Plan, *, everything: bool) -> Iterator[tuple[str, Path]]:
    results = Path(plan.config.results)
    planned = {cell_id: record_path(results, cell_id) for cell_id in sorted(plan.cells)}
    yield from ((cell_id, path) for cell_id, path in planned.items() if path.exists())
    if everything:
        found = sorted((results / "cells").glob("*/record.json"))
        yield from ((p.parent.name, p) for p in found if p.parent.name not in planned)


def audit(
    found: Found,
    config: Config,
    *,
    cells: int,
    seed: int,
    device: str,
    cores: int,
    say: Say,
) -> Entry:
    """Measure a random sample again, and say of each cell what came of it.

    Args:
        found: What can be audited.
        config: Where prepared data lie.
        cells: How many to draw.
        seed: Of the draw: the same one draws the same cells among the same ones.
        device: Where to compute.
        cores: For all of them together.
        say: Told what is done, as it is done.

    Raises:
        NnbenchError: There is nothing to audit.
    """
    if not (found.subjects or found.unreadable):
        raise _nothing(found, config)
    drawn = sample(found.subjects, cells, seed=seed)
    again = [subject.cell for subject in drawn]
    reruns = measure_again(again, config, device=device, cores=cores, say=say)
    return _document(found, judged(drawn, reruns), seed=seed)


def _nothing(found: Found, config: Config) -> NnbenchError:
    """Why there is nothing to audit."""
    if not found.refused:
        return NnbenchError(
            "no finished cell to audit",
            got=f"no record in {Path(config.results) / 'cells'}",
            todo="run the pipeline first, or audit a published report with --report",
        )
    source, why = found.refused[0]
    more = f", and {len(found.refused) - 1} more" if found.refused[1:] else ""
    return NnbenchError(
        "no cell can be measured again",
        got=f"{source}: {why}{more}",
        todo="audit what today's config, code and schema still have",
    )


def _document(found: Found, entries: Sequence[Entry], *, seed: int) -> Entry:
    counts = Counter(entry["outcome"] for entry in entries)
    return {
        "seed": seed,
        "known": len(found.subjects),
        "differs": bool(found.unreadable or any(counts[name] for name in BAD)),
        "summary": {name: counts[name] for name in OUTCOMES},
        "cells": list(entries),
        "unreadable": [{"source": source, "why": why} for source, why in found.unreadable],
        "cannot_be_run_again": [{"source": source, "why": why} for source, why in found.refused],
    }


def sample(subjects: Sequence[Subject], size: int, *, seed: int) -> list[Subject]:
    """Some of the subjects, in their own order."""
    drawn = np.random.default_rng(seed).permutation(len(subjects))[:size]
    return [subjects[index] for index in sorted(drawn.tolist())]


def judged(subjects: Sequence[Subject], reruns: Sequence[Rerun]) -> list[Entry]:
    """The outcome of each subject; the tests of all their metrics are one family."""
    again = [None if rerun.record is None else remembered(rerun.record) for rerun in reruns]
    pairs = {
        (index, metric): pair
        for index, (subject, now) in enumerate(zip(subjects, again, strict=True))
        if now is not None and _reason_not_compared(subject, now) is None
        for metric, pair in pairs_of(subject.then.runs, now.runs).items()
    }
    found = changes(pairs)
    return [
        _entry(
            subject,
            rerun,
            now,
            {metric: change for (i, metric), change in found.items() if i == index},
        )
        for index, (subject, rerun, now) in enumerate(zip(subjects, reruns, again, strict=True))
    ]


def _reason_not_compared(subject: Subject, now: Remembered) -> str | None:
    if runs_alone(subject.cell) and set(subject.then.hardware) != set(now.hardware):
        then, here = (" and ".join(side.hardware) for side in (subject.then, now))
        return f"times of other hardware: {then or 'not told'}, here {here}"
    if subject.then.failure:
        return f"it had failed before: {subject.then.failure}"
    return None


def _entry(
    subject: Subject, rerun: Rerun, now: Remembered | None, changed: Mapping[str, Change]
) -> Entry:
    differences = [] if now is None else _differences(subject.then, now)
    outcome, reasons = _outcome(subject, rerun, now, changed)
    if outcome in ("drifted", "within noise"):
        reasons += [*subject.notes, *_causes(differences)] or [NOTHING]
    return {
        "cell": subject.cell.id,
        "source": subject.source,
        "name": subject.name,
        "outcome": outcome,
        "reasons": reasons,
        "largest": None if now is None else largest(subject.then.runs, now.runs),
        "metrics": {name: asdict(change) for name, change in changed.items()},
        "differs": differences,
        "seconds": rerun.seconds,
        "output": "" if now else rerun.output,
    }


def _outcome(
    subject: Subject, rerun: Rerun, now: Remembered | None, changed: Mapping[str, Change]
) -> tuple[Verdict, list[str]]:
    """What became of a cell, and what of it did."""
    if now is None or (now.failure and not subject.then.failure):
        return "failed", [rerun.output if now is None else str(now.failure)]
    if reason := _reason_not_compared(subject, now):
        return "not comparable", [reason]
    return _compared(subject.then, now, changed)


def _compared(
    then: Remembered, now: Remembered, changed: Mapping[str, Change]
) -> tuple[Verdict, list[str]]:
    whole = [name for name, part in then.whole.items() if now.whole.get(name) != part]
    outcomes = {change.outcome for change in changed.values()}
    there = {name for run in now.runs.values() for name in run.metrics}
    if gone := [name for name in changed if name not in there]:
        why = [f"{place}: {reason}" for place, reason in now.whole.get("missing", {}).items()]
        return "drifted", [f"{', '.join(gone)} not measured any more", *why]
    if not whole and outcomes == {"identical"}:
        return "identical", []
    if moved := [name for name, change in changed.items() if change.outcome == "moved"]:
        return "drifted", [f"{', '.join(moved)} moved"]
    if whole and outcomes == {"identical"}:
        return "within noise", [f"{', '.join(whole)} differ"]
    if "within noise" in outcomes:
        return "within noise", []
    few = [name for name, change in changed.items() if change.outcome == "not comparable"]
    return "not comparable", [f"{', '.join(few) or 'no metric'}: fewer than two runs on a side"]


def _differences(then: Remembered, now: Remembered) -> list[dict[str, str | None]]:
    facts = now.facts
    if then.partial:
        facts = {name: value for name, value in facts.items() if name in then.facts}
    return differing(then.facts, facts)


def _causes(differences: Sequence[Mapping[str, str | None]]) -> list[str]:
    code = any(difference["what"] == "training code" for difference in differences)
    causes = [d for d in differences if code or d["what"] not in _NO_CAUSE]
    return [difference_text(difference) for difference in causes]
