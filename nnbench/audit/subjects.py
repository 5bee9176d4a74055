"""What there is to audit: the finished cells of a project, or the levels and points of a published report."""

import hashlib
import json
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from nnbench.audit.known import RUN_FACTS, Facts, Known, from_records, report_facts
from nnbench.audit.noise import SeedRun, runs_of
from nnbench.audit.restudied import Said, of_records, of_report, point_key
from nnbench.cells.cell import Cell, Content, block_name, blocks_of, canonical, cell_id, make_cell
from nnbench.claims.config import Config, parse_config
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan, make_plan
from nnbench.records.record import Record
from nnbench.records.results import Results, read_results
from nnbench.records.store import RejectedRecordError, check_record, read_record
from nnbench.schema import first_problem, parse

_RECORD = re.compile(r"record-(\d{1,4})-(\d{1,4})\.json")
_LOCAL = {"results", "reports", "data_folder", "download", "device", "jobs_per_gpu"}
Block = tuple[int, ...]  # seeds that have one record


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a report says of one cell: of a level, or of a point of a study."""

    where: str
    what: str  # level or point
    key: Hashable  # by which today's plan knows it
    cell: str  # its id then
    metric: str  # as records name it
    runs: tuple[SeedRun, ...]
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A cell and the blocks of seeds in which to measure it."""

    cell: Cell
    blocks: tuple[Block, ...]

    @property
    def key(self) -> tuple[str, tuple[Block, ...]]:
        """Tasks with the same key are the same."""
        return self.cell.id, self.blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Task):
    """A finished measurement that today's code can repeat."""

    source: str  # a cell's folder or a report
    name: str  # what the cell is used for
    then: Known
    notes: tuple[str, ...] = ()  # known differences that are not among its facts


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that cannot be audited, and why."""

    source: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What can be audited, what cannot be read, what today's code cannot measure, and studies to analyse again."""

    subjects: tuple[Subject, ...]
    studies: tuple[Said, ...] = ()
    unreadable: tuple[LeftOut, ...] = ()
    refused: tuple[LeftOut, ...] = ()


def and_more(texts: Sequence[str]) -> str:
    """The first one, and how many others there are."""
    return f"{texts[0]} and {len(texts) - 1} more" if texts[1:] else texts[0]


def _name(plan: Plan, cell: str, *, dataset: str) -> str:
    """The first level that uses a cell, and how many others do."""
    uses = [use for use in plan.all_uses() if cell in use.cells]
    names = [f"{use.claim}, {use.dataset}: {use.level}" for use in uses]
    return and_more(names or [f"{dataset}, not in the plan"])


def finished(config: Config, *, everything: bool) -> Found:
    """The finished cells of the plan; with ``everything``, records of other plans and code too."""
    plan = make_plan(config)
    subjects, unreadable, refused = [], [], []
    for folder, blocks in _finished_blocks(plan, everything=everything):
        cell, records = plan.cells.get(folder.name), []
        for block in blocks:
            path = folder / f"record-{block_name(block)}.json"
            try:
                record = read_record(path) if folder.name in plan.cells else _read_older(path)
                old = record.cell
                cell = cell or make_cell(
                    old.dataset, old.settings, search=old.search, threads=old.threads
                )
                records.append(record)
            except RejectedRecordError as error:
                unreadable.append(LeftOut(source=str(path), why=error.reason))
            except NnbenchError as error:  # its settings, data or schema are not today's
                refused.append(LeftOut(source=str(path), why=" ".join(str(error).split())))
        if cell and records:
            name = _name(plan, folder.name, dataset=cell.dataset)
            seeds, then = tuple(record.seeds for record in records), from_records(records)
            subject = Subject(source=str(folder), name=name, cell=cell, blocks=seeds, then=then)
            subjects.append(subject)
    return Found(
        subjects=tuple(subjects),
        studies=of_records(plan),
        unreadable=tuple(unreadable),
        refused=tuple(refused),
    )


def _finished_blocks(plan: Plan, *, everything: bool) -> Iterator[tuple[Path, list[Block]]]:
    """Each cell's folder with its planned blocks that have a record; then those of older plans."""
    for folder in sorted(Path(plan.config.results).glob("cells/*/")):
        names = (match for path in folder.iterdir() if (match := _RECORD.fullmatch(path.name)))
        existing = {tuple(range(int(name[1]), int(name[2]) + 1)) for name in names}
        planned = blocks_of(plan.seeds.get(folder.name, 0))
        yield folder, [block for block in planned if block in existing]
        others = existing.difference(planned, [()]) if everything else set()
        seeds = max((block[-1] + 1 for block in others), default=0)
        yield folder, [block for block in blocks_of(seeds) if block in others]


def _read_older(path: Path) -> Record:
    """The record of another plan or of older code; settings that it lacks have today's defaults.

    RejectedRecordError if it is no record, else NnbenchError if today's code does not know its
    settings or the schema of its cell.
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


def reported(path: Path, config: Config) -> Found:
    """The cells that a report's own config plans today, with what the report says about them.

    ``config`` says where data and results lie here. Levels that are picked among candidates, and so
    depend on several cells, are left out. NnbenchError if the report's config is not valid today.
    """
    results = read_results(path)
    own = results.provenance.config | config.model_dump(mode="json", include=_LOCAL)
    plan = make_plan(parse_config(own, where="config of the report"))
    today = _today(plan)
    readings: dict[str, list[_Reading]] = {}
    refused = []
    for one in (*_levels(results), *_points(results)):
        cells = today.get(one.key, ())
        if not cells:
            refused.append(LeftOut(source=one.where, why=f"today's plan has no such {one.what}"))
        elif len(cells) == 1:
            readings.setdefault(cells[0], []).append(one)
    facts = {
        name: value
        for name, value in report_facts(results.provenance).items()
        if name not in RUN_FACTS and not name.startswith("data ")  # those are not of a cell
    }
    subjects = [_reported(plan, *it, source=str(path), facts=facts) for it in readings.items()]
    return Found(
        subjects=tuple(s for s in subjects if s.blocks),
        studies=of_report(results, plan, source=str(path)),
        refused=tuple(refused),
    )


def _today(plan: Plan) -> Mapping[Hashable, tuple[str, ...]]:
    """The cells of levels and points. A point is its levels: another draw numbers others."""
    levels: dict[Hashable, tuple[str, ...]] = {
        (u.claim, u.dataset, u.track, u.variant, u.level): u.cells
        for u in plan.uses
        if u.context is None
    }
    points: dict[Hashable, tuple[str, ...]] = {
        (p.study, *point_key(p.use.dataset, p)): p.use.cells for p in plan.points
    }
    return levels | points


def _levels(results: Results) -> Iterator[_Reading]:
    for claim in results.claims:
        for finding in claim.results:
            for level in finding.levels:
                if len(level.cells) == 1 and not level.not_measured:
                    yield _Reading(
                        where=f"{claim.id}, {finding.dataset}: {level.level}",
                        what="level",
                        key=(claim.id, *finding.key, level.level),
                        cell=level.cells[0],
                        metric=f"{finding.metric}@{level.at}" if level.at else finding.metric,
                        runs=runs_of(level.values, level.seed_status),
                        machines=finding.machines,
                    )


def _points(results: Results) -> Iterator[_Reading]:
    for study in results.studies:
        for data in study.datasets:
            for point in data.points:
                if point.has_runs:
                    yield _Reading(
                        where=f"{study.id}, {data.dataset}: {point.point}",
                        what="point",
                        key=(study.id, *point_key(data.dataset, point)),
                        cell=point.cell,
                        metric=study.metric,
                        runs=runs_of(point.runs, point.status),
                    )


def _reported(
    plan: Plan, cell: str, readings: Sequence[_Reading], *, source: str, facts: Facts
) -> Subject:
    runs: dict[str, dict[str, SeedRun]] = {}
    for one in readings:
        runs.setdefault(one.metric, {}).update((run.seed, run) for run in one.runs)
    seeds = {int(seed) for by_seed in runs.values() for seed in by_seed}
    before = sorted({one.cell for one in readings} - {cell})
    hardware = {name for one in readings for name in one.machines}
    return Subject(
        source=source,
        name=_name(plan, cell, dataset=plan.cells[cell].dataset),
        cell=plan.cells[cell],
        blocks=tuple(block for block in blocks_of(plan.seeds[cell]) if seeds.intersection(block)),
        then=Known(runs=runs, facts=facts, hardware=tuple(sorted(hardware))),
        notes=tuple(f"cell {old} then: other settings or training code" for old in before),
    )
