"""One cell measured in this process, on the CPU."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from nnbench.cells.cell import Cell, make_cell
from nnbench.datasets import digits
from nnbench.datasets.prepared import store
from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.device import identity
from nnbench.experiments.base import experiment_of
from nnbench.experiments.measured import Chosen, Measured, Search
from nnbench.experiments.run import Request, measure, numerics
from nnbench.jobs.job import Job, run_job
from nnbench.records.record import Record
from nnbench.schema import parse
from nnbench.settings import Settings

SEEDS = (0, 1, 2, 3, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared digits."""
    path = tmp_path_factory.mktemp("digits")
    store.prepare(digits.DATASET, path, data_folder=None, download=False)
    return path


def cell_of(
    dataset: str = "digits", *, search: Any = None, threads: int = 1, **values: Any
) -> Cell:
    """A cell with these settings, as YAML would give them; two epochs, if nothing else is said."""
    settings = parse(Settings, {"train_for": "2 epochs", **values}, where="test")
    wanted = None if search is None else parse(Search, search, where="test")
    return make_cell(dataset, settings, search=wanted, threads=threads)


def record_of(
    cell: Cell, *, folder: Path, seeds: Sequence[int] = SEEDS, cores: int | None = None
) -> Record:
    """What a job records of these seeds, as its only block."""
    with tempfile.TemporaryDirectory() as results:
        job = Job(results=Path(results), data=folder, device="cpu", cores=cores)
        return run_job(cell, [tuple(seeds)], job)[0]


def measured(
    cell: Cell,
    *,
    folder: Path,
    seeds: Sequence[int] = SEEDS,
    checkpoint: Checkpoint | None = None,
    chosen: Chosen | None = None,
) -> Measured:
    """What the cell's experiment finds of these seeds, without a job around it."""
    device = numerics("cpu", threads=cell.threads)
    checkpoint = checkpoint or Checkpoint()
    checkpoint.open({"cell": cell.id, **identity(device)})
    experiment = experiment_of(cell.settings.experiment)
    request = Request(
        options=parse(experiment.options, cell.settings.experiment_options, where="test"),
        settings=cell.settings,
        dataset=cell.dataset,
        folder=folder,
        seeds=seeds,
        search=cell.search,
        chosen=chosen,
        device=device,
        cores=1,
        checkpoint=checkpoint,
    )
    return measure(request)


def plain(found: Record | Measured) -> dict[str, Any]:
    """The plain data that stand in a file."""
    data: dict[str, Any] = json.loads(found.model_dump_json())
    return data
