"""What was measured once, as far as a repetition can be held against it: of a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from nnbench.audit.origins import Facts, record_facts
from nnbench.audit.published import Part
from nnbench.cells.cell import CELL_SCHEMA, Cell, make_cell
from nnbench.errors import NnbenchError
from nnbench.schema import parse
from nnbench.settings import Settings

REPEATED = ("runs", "curves", "search", "missing")  # what a record has to repeat to the bit


class RunShape(Part):
    """One seed in a record."""

    status: str
    metrics: dict[str, float | None]


class _RecordShape(Part):
    runs: dict[str, RunShape]
    failure: str | None = None


class _CellShape(Part):
    cell_schema: int = Field(alias="schema")
    dataset: str
    settings: dict[str, Any]
    seeds: tuple[int, ...]
    search: dict[str, Any] | None
    threads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A measurement.

    Attributes:
        runs: Status and metrics by seed.
        whole: The parts that have to be repeated to the bit.
        facts: Where it comes from.
        hardware: Processor or GPU, and cores: times of another one are not compared.
        failure: Why it has no runs, if that is so.
        partial: Whether it tells only some of its facts, as a report does.
    """

    runs: Mapping[str, RunShape]
    whole: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts
    hardware: tuple[str, ...]
    failure: str | None = None
    partial: bool = False


def remembered(record: Mapping[str, Any]) -> Remembered:
    """What a record holds.

    Raises:
        NnbenchError: It is not of a record's shape.
    """
    shape = parse(_RecordShape, record, where="record")
    machine = record.get("machine")
    known = machine if isinstance(machine, Mapping) else {}
    return Remembered(
        runs=shape.runs,
        whole={name: record[name] for name in REPEATED if name in record},
        facts=record_facts(record),
        hardware=(f"{known.get('device_name')}, {known.get('cores')} cores",),
        failure=shape.failure,
    )


def todays_cell(record: Mapping[str, Any]) -> Cell:
    """The cell of a record, as today's code would measure it.

    Raises:
        NnbenchError: Its settings, data or schema are not of today.
    """
    shape = parse(_CellShape, record.get("cell"), where="cell")
    if shape.cell_schema != CELL_SCHEMA:
        raise NnbenchError(f"cell schema {shape.cell_schema}", allowed=CELL_SCHEMA)
    settings = parse(Settings, shape.settings, where="cell: settings")
    return make_cell(
        shape.dataset, settings, seeds=shape.seeds, search=shape.search, threads=shape.threads
    )
