"""A published report as something to audit: its levels' readings by seed, without its records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nnbench.audit.audit import Found, Subject, names_of
from nnbench.audit.origins import Facts, report_facts
from nnbench.audit.published import Level, Published, Result, read_published
from nnbench.audit.remembered import Remembered, RunShape
from nnbench.cells.cell import Cell
from nnbench.claims.config import Config, parse_config
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan, make_plan

_COMMON = ("seeds", "tuning_seeds", "tier", "config_sha256", "nnbench_version")  # not of one cell
_HERE = ("results", "reports", "data_folder", "download", "device", "jobs_per_gpu")


class _Reading(NamedTuple):
    """What one level read in one cell."""

    claim: str
    result: Result
    level: Level


def reported(path: Path, config: Config) -> Found:
    """What a report's own config plans today, with what the report says of it.

    Levels that were picked among candidates, and so come of several cells, are left out.

    Args:
        path: A ``results.json``, or a folder with one.
        config: Says where data and results lie here.

    Raises:
        NnbenchError: The report cannot be read, or its config is none of today.
    """
    published = read_published(path)
    plan = make_plan(_config_of(published, config))
    readings: dict[str, list[_Reading]] = {}
    refused = []
    for reading, cell_id in _readings(published, plan):
        if cell_id is None:
            where = f"{reading.claim}, {reading.result.dataset}: {reading.level.level}"
            refused.append((where, "the plan of today has no such level"))
        else:
            readings.setdefault(cell_id, []).append(reading)
    names = names_of(plan)
    facts = _facts(published)
    subjects = [
        _subject(plan.cells[cell_id], found, source=str(path), name=names[cell_id], facts=facts)
        for cell_id, found in readings.items()
    ]
    return Found(subjects=tuple(subjects), refused=tuple(refused))


def _config_of(published: Published, config: Config) -> Config:
    """The report's config, with the folders and the device of this machine."""
    own = published.provenance.config
    if own is None:
        raise NnbenchError("the report does not say its config", todo="audit records instead")
    here = config.model_dump(mode="json", include=set(_HERE))
    return parse_config({**own, **here}, where="config of the report")


def _readings(published: Published, plan: Plan) -> Iterator[tuple[_Reading, str | None]]:
    """Every measured level of one cell, and the cell that stands for it today."""
    today = {
        (use.claim, use.dataset, use.track, use.variant, use.level): use.cells for use in plan.uses
    }
    for claim in published.claims:
        for result in claim.results:
            for level in result.levels:
                cells = today.get((claim.id, *result.place, level.level), ())
                if len(level.cells) == 1 and len(cells) < 2 and not level.not_measured:
                    yield _Reading(claim.id, result, level), cells[0] if cells else None


def _subject(
    cell: Cell, readings: list[_Reading], *, source: str, name: str, facts: Facts
) -> Subject:
    statuses = {seed: s for reading in readings for seed, s in reading.level.seed_status.items()}
    runs = {
        seed: RunShape(status=status, metrics=dict(_metrics(readings, seed)))
        for seed, status in statuses.items()
        if status != "missing"
    }
    before = {cell_id for reading in readings for cell_id in reading.level.cells} - {cell.id}
    machines = {machine for reading in readings for machine in reading.result.machines}
    return Subject(
        source=source,
        name=name,
        cell=cell,
        then=Remembered(runs=runs, facts=facts, hardware=tuple(sorted(machines)), partial=True),
        notes=tuple(
            f"cell {cell_id} then: other settings or training code" for cell_id in sorted(before)
        ),
    )


def _metrics(readings: list[_Reading], seed: str) -> Iterator[tuple[str, float | None]]:
    for _, result, level in readings:
        if seed in level.values:
            place = f"@{level.at}" if level.at else ""
            yield f"{result.metric}{place}", level.values[seed]


def _facts(published: Published) -> Facts:
    """Those of a run that a record tells too."""
    return {
        name: value
        for name, value in report_facts(published.provenance).items()
        if name not in _COMMON and not name.startswith("data ")
    }
