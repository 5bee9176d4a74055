"""A record: what a job leaves behind for one block of a cell's seeds, as ``record-0-4.json`` on disk.

A checksum finds damage. It does not find a file that someone or something else wrote, so whatever is read
is checked against these types before anything else looks at it.
"""

import base64
import datetime as dt
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from nnbench.cells.cell import Cell, cell_id
from nnbench.experiments.measured import (
    BySample,
    Chosen,
    Count,
    Curves,
    Measured,
    Metrics,
    Number,
    Part,
    Row,
    Search,
    Seed,
)
from nnbench.metrics import METRICS

ROUNDING = 1e-6  # how far beyond its bounds a metric may lie


def _time(text: str) -> str:
    if dt.datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("should be a time with its zone")
    return text


Time = Annotated[str, AfterValidator(_time)]


class Machine(Part):
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
    driver: str | None = None
    cuda: str | None = None
    cudnn: int | None = None


class Record(Measured):
    """A block's measurement with everything that it depended on."""

    cell: Cell
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=1000)]
    started: Time
    ended: Time
    machine: Machine
    versions: dict[str, str | None]
    data: dict[str, str] = Field(
        default_factory=dict
    )  # SHA-256 of each prepared array, by its name
    slot: str | None = None  # the GPU that was leased
    resumed: bool = False  # it went on from an interrupted job's state
    git_commit: str | None
    git_dirty: bool | None
    peak_memory_mb: Number | None
    device_peak_memory_mb: Number | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.cell.id != cell_id(self.cell):
            raise ValueError("cell: its id is not the hash of its content")
        names = {str(seed) for seed in self.seeds}
        if odd := sorted(self.runs.keys() - names):
            raise ValueError(f"runs.{odd[0]}: no seed of the block")
        for seed, run in self.runs.items():
            _check_metrics(run.metrics, where=f"runs.{seed}.metrics")
        _check_metrics(self.untrained or {}, where="untrained")
        if self.search is not None:
            _check_search(self.search, self.cell.search)
        if self.curves is not None:
            _check_curves(self.curves, len(names))
        if self.samples is not None:
            _check_samples(self.samples, self.test_samples, seeds=names)
        return self


def _check_metrics(metrics: Metrics, *, where: str) -> None:
    for key, value in metrics.items():
        metric = METRICS.get(key.partition("@")[0])
        if metric is not None and value is not None and not metric.possible(value, by=ROUNDING):
            raise ValueError(f"{where}: {key} cannot be {value:g}")


def _check_search(search: Chosen, planned: Search | None) -> None:
    candidates = () if planned is None else planned.candidates
    if search.candidates != candidates or len(search.scores) != len(candidates):
        raise ValueError("search: not that of the cell")
    if search.chosen >= len(candidates):
        raise ValueError("search.chosen: no candidate")


def _check_curves(curves: Curves, seeds: int) -> None:
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        rows: tuple[Row, ...] = getattr(curves, name)
        if rows and {len(row) for row in rows} != {seeds}:
            raise ValueError(f"curves.{name}: not a value for each seed")
        if rows and len(rows) != len(curves.epochs):
            raise ValueError(f"curves.{name}: not a row for each of epochs")


def _check_samples(samples: BySample, count: int | None, *, seeds: set[str]) -> None:
    if not count:
        raise ValueError("samples: test_samples does not say how many")
    for name, size in (("losses", 2 * count), ("hits", (count + 7) // 8)):  # bytes
        packed: dict[str, str] = getattr(samples, name)
        if odd := sorted(packed.keys() - seeds):
            raise ValueError(f"samples.{name}.{odd[0]}: no seed of the block")
        if any(len(base64.b64decode(text)) != size for text in packed.values()):
            raise ValueError(f"samples.{name}: not a value for each test sample")
    if samples.groups is not None and len(base64.b64decode(samples.groups)) != 4 * count:
        raise ValueError("samples.groups: not a value for each test sample")
