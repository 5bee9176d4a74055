"""What a record and a cell's document have to look like, whatever their checksums say.

A checksum finds damage. It does not find a file that someone or something else wrote: whoever reads a
record goes by the fields below, so they are checked before anything else looks at them.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from nnbench.metrics import METRICS, Metric
from nnbench.schema import LARGEST, Anything, Bounded

ROUNDING = 1e-6  # how far beyond its bounds a metric may lie
LONGEST_REASON = 300  # characters
CONTENT = ("schema", "dataset", "settings", "seeds", "search", "threads", "code")
"""The fields of a cell's document that its id is the hash of."""


def _time(text: str) -> str:
    if dt.datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("should be a time with its zone")
    return text


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Number = Annotated[Bounded, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Time = Annotated[str, AfterValidator(_time)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# by pydantic's own check: there are very many of these
Row = list[Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None]


class _Shape(BaseModel):
    """Fields that are read; others may stand beside them."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Search(_Shape):
    """The grid of a tuned track."""

    candidates: Annotated[list[dict[str, Anything]], Field(min_length=1)]
    seeds: list[Seed]


class CellShape(_Shape):
    """A cell's document: ``Cell.document()`` as JSON gives it back."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    id: Hash
    schema_: Annotated[int, Field(alias="schema")]
    dataset: str
    settings: dict[str, Anything]
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=1000)]
    search: Search | None
    threads: Annotated[int, Field(ge=1, le=256)]
    code: Hash


def _metrics(values: dict[str, Bounded | None]) -> dict[str, Bounded | None]:
    for key, value in values.items():
        metric = METRICS.get(key.partition("@")[0])
        if metric is not None and value is not None and not _possible(value, metric):
            raise ValueError(f"{key} cannot be {value:g}")
    return values


def _possible(value: float, metric: Metric) -> bool:
    """Whether a metric can have this value: shares, correlations and what has a logarithm are bounded."""
    if metric.scale == "log" and value < 0.0:
        return False
    low, high = _BOUNDS.get(metric.unit, (-math.inf, math.inf))
    return low - ROUNDING <= value <= high + ROUNDING


_BOUNDS = {"fraction": (0.0, 1.0), "correlation": (-1.0, 1.0)}
Metrics = Annotated[dict[str, Bounded | None], AfterValidator(_metrics)]


class Run(_Shape):
    """One seed."""

    status: Literal["ok", "diverged", "capped"]
    metrics: Metrics


class Curves(_Shape):
    """A list for each evaluation point, with a value for each seed."""

    epochs: list[Number]
    train_loss: list[Row] = []
    validation_loss: list[Row] = []
    validation_accuracy: list[Row] = []


class Machine(_Shape):
    """Where it was measured."""

    device_name: str
    device: str
    platform: str
    hostname: str
    cores: Count
    threads: Count
    memory_gb: Number | None
    deterministic: bool = False
    tf32: bool = False


class Chosen(Search):
    """A search that was made."""

    scores: list[Bounded]
    chosen: Annotated[int, Field(ge=0)]


class RecordShape(_Shape):
    """A record: what ``nnbench run`` writes."""

    cell: CellShape
    runs: dict[str, Run]
    machine: Machine
    versions: dict[str, str | None]
    started: Time
    ended: Time
    seconds: dict[str, Number]
    git_commit: str | None
    git_dirty: bool | None
    peak_memory_mb: Number | None
    device_peak_memory_mb: Number | None = None
    failure: str | None = None
    missing: dict[str, str] = {}
    facts: dict[str, dict[str, Anything]] = {}
    notes: list[str] = []
    curves: Curves | None = None
    untrained: Metrics | None = None
    search: Chosen | None = None
    search_seconds: Number | None = None
    samples_per_second: Number | None = None
    parameters: Number | None = None
    test_samples: Count | None = None
    steps: Count | None = None
    stacked: bool | None = None
    resumed: bool | None = None
    settings_used: dict[str, Anything] | None = None


def record_problem(record: object) -> str | None:
    """What is wrong with a record, in a few words; None: nothing.

    It is that of the cell that it names: the cell's id is the hash of what it says of the cell.
    """
    try:
        shape = RecordShape.model_validate(record)
    except ValidationError as error:
        return _first(error)
    except RecursionError:
        return "nested too deep"
    assert isinstance(record, Mapping), "the model saw to it"
    return cell_problem(record["cell"]) or _disagreement(shape)


def _disagreement(shape: RecordShape) -> str | None:
    """What the fields of a record say against each other."""
    seeds = {str(seed) for seed in shape.cell.seeds}
    if odd := sorted(shape.runs.keys() - seeds):
        return f"runs.{odd[0]}: no seed of the cell"
    if shape.search is not None:
        planned = [] if shape.cell.search is None else shape.cell.search.candidates
        if shape.search.candidates != planned or len(shape.search.scores) != len(planned):
            return "search: not that of the cell"
        if shape.search.chosen >= len(planned):
            return "search.chosen: no candidate"
    return None if shape.curves is None else _curve_problem(shape.curves, len(seeds))


def _curve_problem(curves: Curves, seeds: int) -> str | None:
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        rows: list[Row] = getattr(curves, name)
        if rows and {len(row) for row in rows} != {seeds}:
            return f"curves.{name}: not a value for each seed"
        if rows and len(rows) != len(curves.epochs):
            return f"curves.{name}: not a row for each of epochs"
    return None


def cell_problem(cell: object) -> str | None:
    """What is wrong with a cell's document, in a few words; None: nothing."""
    from nnbench.cells.cell import hashed  # noqa: PLC0415 - records are read where no cell is planned

    try:
        CellShape.model_validate(cell)
        assert isinstance(cell, Mapping), "the model saw to it"
        same = cell["id"] == hashed({key: cell[key] for key in CONTENT})
    except ValidationError as error:
        return _first(error)
    except RecursionError:
        return "nested too deep"
    return None if same else "its id is not the hash of its content"


def _first(error: ValidationError) -> str:
    """The first problem, with its place."""
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))[:100]
    message = first["msg"].removeprefix("Value error, ")
    return (f"{place}: {message}" if place else message)[:LONGEST_REASON]
