"""What there is to audit: the finished cells of a project, or the levels of a published report."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from nnbench.audit.known import Facts, Known, from_records, report_facts
from nnbench.audit.noise import SeedRun, runs_of
from nnbench.audit.rerun import Block, Task
from nnbench.cells.cell import Content, block_name, blocks_of, canonical, cell_id, make_cell
from nnbench.claims.config import Config, parse_config
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan, make_plan
from nnbench.records.record import Record
from nnbench.records.results import Finding, LevelResult, Results, read_results
from nnbench.records.store import RejectedRecordError, check_record, read_record
from nnbench.schema import first_problem, parse

_RECORD = re.compile(r"record-(\d{1,4})-(\d{1,4})\.json")
_NOT_OF_A_CELL = ("seeds", "tuning_seeds", "tier", "config_sha256", "nnbench_version")
_LOCAL = ("results", "reports", "data_folder", "download", "device", "jobs_per_gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Task):
    """A finished measurement that today's code can repeat.

    Attributes:
        source: Where it was found: a cell's folder or a report.
        name: What the cell is used for.
        then: What was measured.
        notes: Known differences that are not among its facts.
    """

    source: str
    name: str
    then: Known
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that cannot be audited, and why."""

    source: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What can be audited, what cannot be read, and what today's code cannot measure."""

    subjects: tuple[Subject, ...]
    unreadable: tuple[LeftOut, ...] = ()
    refused: tuple[LeftOut, ...] = ()


# --- records


def finished(config: Config, *, everything: bool) -> Found:
    """The finished cells of the plan; with ``everything`` also records that are no longer planned."""
    plan = make_plan(config)
    names = _names(plan)
    subjects, unreadable, refused = [], [], []
    for folder, blocks in _finished_blocks(plan, everything=everything):
        cell, records = plan.cells.get(folder.name), []
        for block in blocks:
            path = folder / f"record-{block_name(block)}.json"
            try:
                record = read_record(path) if folder.name in plan.cells else _read_older(path)
                own = record.cell
                cell = cell or make_cell(
                    own.dataset, own.settings, search=own.search, threads=own.threads
                )
                records.append(record)
            except RejectedRecordError as error:
                unreadable.append(LeftOut(source=str(path), why=error.reason))
            except NnbenchError as error:  # its settings, data or schema are not today's
                refused.append(LeftOut(source=str(path), why=" ".join(str(error).split())))
        if cell and records:
            name = names.get(folder.name, f"{cell.dataset}, not in the plan")
            done = tuple(record.seeds for record in records)
            then = from_records(records)
            subjects.append(
                Subject(source=str(folder), name=name, cell=cell, blocks=done, then=then)
            )
    return Found(subjects=tuple(subjects), unreadable=tuple(unreadable), refused=tuple(refused))


def _names(plan: Plan) -> dict[str, str]:
    """By cell, the first level that uses it, and how many others do."""
    levels: dict[str, list[str]] = {}
    for use in plan.uses:
        for cell in use.cells:
            levels.setdefault(cell, []).append(f"{use.claim}, {use.dataset}: {use.level}")
    return {
        cell: f"{names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}"
        for cell, names in levels.items()
    }


def _finished_blocks(plan: Plan, *, everything: bool) -> Iterator[tuple[Path, list[Block]]]:
    """The folder of each cell, with its planned blocks that have a record; then those of older plans."""
    for folder in sorted(Path(plan.config.results).glob("cells/*/")):
        names = (match for path in folder.iterdir() if (match := _RECORD.fullmatch(path.name)))
        existing = {tuple(range(int(name[1]), int(name[2]) + 1)) for name in names}
        planned = blocks_of(plan.seeds.get(folder.name, 0))
        if done := [block for block in planned if block in existing]:
            yield folder, done
        others = existing.difference(planned, [()]) if everything else set()
        seeds = max((block[-1] + 1 for block in others), default=0)
        if older := [block for block in blocks_of(seeds) if block in others]:
            yield folder, older


def _read_older(path: Path) -> Record:
    """The record of another plan or of older code; settings that it lacks have today's defaults.

    Raises:
        RejectedRecordError: It is not a record.
        NnbenchError: Today's code does not know its settings or the schema of its cell.
    """
    try:
        data = json.loads(check_record(path))
        content = dict(data["cell"])
        named = content.pop("id")
        hashed = hashlib.sha256(canonical(content).encode()).hexdigest()[:16]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RejectedRecordError(path, "not of a record's shape") from None
    if not named == hashed == path.parent.name:
        raise RejectedRecordError(path, "belongs to another cell")
    today = parse(Content, content, where="cell")
    data["cell"] = {**today.model_dump(mode="json", exclude_unset=True), "id": cell_id(today)}
    try:
        return Record.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise RejectedRecordError(path, first_problem(error)) from None


# --- a published report


def reported(path: Path, config: Config) -> Found:
    """The cells that a report's own config plans today, with what the report says about them.

    Levels that are picked among candidates, and so depend on several cells, are left out.

    Args:
        path: A ``results.json``, or a folder with one.
        config: Says where data and results lie here.

    Raises:
        NnbenchError: The report cannot be read, or its config is not valid today.
    """
    results = read_results(path)
    own = results.provenance.config | config.model_dump(mode="json", include=set(_LOCAL))
    plan = make_plan(parse_config(own, where="config of the report"))
    today = {
        (use.claim, use.dataset, use.track, use.variant, use.level): use.cells for use in plan.uses
    }
    readings: dict[str, list[_Reading]] = {}
    refused = []
    for claim, finding, level in _levels_of_one_cell(results):
        key = (claim, finding.dataset, finding.track, finding.variant, level.level)
        found = today.get(key, ())
        if not found:
            where = f"{claim}, {finding.dataset}: {level.level}"
            refused.append(LeftOut(source=where, why="today's plan has no such level"))
        elif len(found) == 1:
            readings.setdefault(found[0], []).append((finding, level))
    names = _names(plan)
    facts = {
        name: value
        for name, value in report_facts(results.provenance).items()
        if name not in _NOT_OF_A_CELL and not name.startswith("data ")
    }
    subjects = (
        _reported(plan, cell, levels, source=str(path), name=names[cell], facts=facts)
        for cell, levels in readings.items()
    )
    return Found(subjects=tuple(s for s in subjects if s.blocks), refused=tuple(refused))


_Reading = tuple[Finding, LevelResult]


def _levels_of_one_cell(results: Results) -> Iterator[tuple[str, Finding, LevelResult]]:
    for claim in results.claims:
        for finding in claim.results:
            for level in finding.levels:
                if len(level.cells) == 1 and not level.not_measured:
                    yield claim.id, finding, level


def _reported(
    plan: Plan, cell: str, levels: Sequence[_Reading], *, source: str, name: str, facts: Facts
) -> Subject:
    runs: dict[str, dict[str, SeedRun]] = {}
    for finding, level in levels:
        metric = f"{finding.metric}@{level.at}" if level.at else finding.metric
        own = runs_of(level.values, level.seed_status)
        runs.setdefault(metric, {}).update((run.seed, run) for run in own)
    seeds = {int(seed) for own in runs.values() for seed in own}
    before = sorted({old for _, level in levels for old in level.cells} - {cell})
    return Subject(
        source=source,
        name=name,
        cell=plan.cells[cell],
        blocks=tuple(block for block in blocks_of(plan.seeds[cell]) if seeds.intersection(block)),
        then=Known(
            runs={metric: tuple(own.values()) for metric, own in runs.items()},
            facts=facts,
            hardware=tuple(sorted({name for finding, _ in levels for name in finding.machines})),
        ),
        notes=tuple(f"cell {old} then: other settings or training code" for old in before),
    )
