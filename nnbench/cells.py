"""One experiment, fully spelled out and named by a hash, and what it roughly costs."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError
from nnbench.experiments.base import Experiment, experiment_of
from nnbench.fingerprint import code_fingerprint, further_parts
from nnbench.models.costs import Cost
from nnbench.models.declared import cost_of, replicates_at_once
from nnbench.registry import DATASETS, load
from nnbench.schema import Strict, parse
from nnbench.selection import outputs_in_use, train_size
from nnbench.settings import Settings

CELL_SCHEMA = 2
WORK_PER_SECOND = 2.3e10  # multiply-adds of one core where there is no record to go by; measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One experiment: a dataset, settings, seeds and, in the tuned track, a search grid."""

    id: str
    dataset: str
    settings: Settings
    seeds: tuple[int, ...]
    search: Mapping[str, Any] | None
    threads: int
    code: str

    def document(self) -> dict[str, Any]:
        """The cell as plain data: what a job is given and what a record repeats."""
        return {"id": self.id, **_content(self)}


def _content(cell: Cell) -> dict[str, Any]:
    return {
        "schema": CELL_SCHEMA,
        "dataset": cell.dataset,
        "settings": cell.settings.model_dump(mode="json"),
        "seeds": list(cell.seeds),
        "search": cell.search,
        "threads": cell.threads,
        "code": cell.code,
    }


def canonical(data: object) -> str:
    """JSON with sorted keys and no spaces: the text that is hashed."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def hashed(content: Mapping[str, Any]) -> str:
    """The id of a cell with this content: 16 hex digits of the SHA-256 of its canonical JSON."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:16]


def make_cell(
    dataset: str,
    settings: Settings,
    *,
    seeds: tuple[int, ...],
    search: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> Cell:
    """A cell with its id."""
    code = code_fingerprint(
        dataset,
        settings.model,
        settings.activation,
        settings.optimizer,
        settings.experiment,
        parts=further_parts(settings.experiment_options, search),
    )
    cell = Cell(
        id="",
        dataset=dataset,
        settings=settings,
        seeds=seeds,
        search=search,
        threads=threads,
        code=code,
    )
    return replace(cell, id=hashed(_content(cell)))


@cache
def dataset_of(name: str) -> Dataset:
    """The dataset behind a name; numpy only.

    Nothing is downloaded, and nothing read but a user's own data: their sizes and classes are theirs.
    """
    found = load("dataset", name, DATASETS)
    if not isinstance(found, Dataset):
        raise NnbenchError(
            f"dataset {name!r} is not a nnbench.datasets.base.Dataset", got=type(found).__name__
        )
    return found


def work(cell: Cell) -> float:
    """Rough arithmetic of a cell (multiply-adds), to start long jobs first and to estimate times."""
    if (seconds := declared_seconds(cell)) is not None:
        return seconds * WORK_PER_SECOND
    search = cell.search or {"candidates": [], "seeds": []}
    runs = len(cell.seeds) + len(search["candidates"]) * len(search["seeds"])
    settings, size = cell.settings, _train_size(cell)
    stages = [(settings, size)]
    if settings.pretrain is not None:
        before = settings.model_copy(
            update=settings.pretrain.model_dump(include={"classes", "train_size", "train_for"})
        )
        stages.append((before, train_size(dataset_of(cell.dataset), before)))
    if settings.rbm is not None:
        stages.append((settings.model_copy(update={"train_for": settings.rbm.train_for}), size))
    return float(runs * sum(_stage_work(cell, own, size=size) for own, size in stages))


@cache
def _experiment(name: str) -> Experiment:
    """Asked for several times a cell; loading it anew each time adds up in a plan of thousands."""
    return experiment_of(name)


def declared_seconds(cell: Cell) -> float | None:
    """How long the cell's experiment says that it takes; None: see ``work``."""
    experiment = _experiment(cell.settings.experiment)
    if experiment.seconds is None:
        return None
    return experiment.seconds(_options(cell), len(cell.seeds))


def _stage_work(cell: Cell, settings: Settings, *, size: int) -> float:
    """One run: forward and backward of each step, and the optimiser's memory traffic."""
    cost = _cost(cell)
    per_step = 3 * cost.macs * settings.batch_size + 30 * cost.parameters
    return float(settings.total_steps(size) * per_step)


def memory_mb(cell: Cell) -> int:
    """Memory to reserve for a cell, in MB: PyTorch itself, the data, the stacked weights."""
    experiment = _experiment(cell.settings.experiment)
    if experiment.memory_mb is not None:
        return experiment.memory_mb(_options(cell))
    dataset = dataset_of(cell.dataset)
    copies = len(cell.seeds) if dataset.kind == "generated" else 1
    values = math.prod(dataset.input_shape) * (_train_size(cell) + dataset.validation_size) * copies
    outputs = outputs_in_use(dataset, cell.settings)
    at_once = replicates_at_once(cell.settings, dataset.input_shape, outputs)
    weights = min(len(cell.seeds), at_once) * _cost(cell).parameters
    # 4 bytes each; a set and the draw that fills it; weights, gradient, two moments, best, temporary
    return 1200 + int(4 * (1.3 * values + 7 * weights) / 1e6)


def runs_alone(cell: Cell) -> bool:
    """Whether nothing else may run beside the cell: it measures time."""
    return _experiment(cell.settings.experiment).alone


def _cost(cell: Cell) -> Cost:
    dataset = dataset_of(cell.dataset)
    return cost_of(cell.settings, dataset.input_shape, outputs_in_use(dataset, cell.settings))


def _train_size(cell: Cell) -> int:
    return train_size(dataset_of(cell.dataset), cell.settings)


def _options(cell: Cell) -> Strict:
    experiment = _experiment(cell.settings.experiment)
    return parse(experiment.options, cell.settings.experiment_options, where=f"cell {cell.id}")
