"""One experiment, fully spelled out and named by a hash, and what it roughly costs."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError
from nnbench.fingerprint import code_fingerprint
from nnbench.registry import DATASETS, load
from nnbench.settings import Settings

CELL_SCHEMA = 1


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
    code = code_fingerprint(dataset, settings.model, settings.activation, settings.optimizer)
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
    """The dataset behind a name (numpy only; nothing is read or downloaded)."""
    found = load("dataset", name, DATASETS)
    if not isinstance(found, Dataset):
        raise NnbenchError(
            f"dataset {name!r} is not a nnbench.datasets.base.Dataset", got=type(found).__name__
        )
    return found


def work(cell: Cell) -> float:
    """Rough arithmetic of a cell (multiply-adds), to start long jobs first and to estimate times."""
    dataset, settings = dataset_of(cell.dataset), cell.settings
    size = settings.train_size or dataset.train_size
    widths = [_product(dataset.input_shape), *settings.hidden, len(dataset.class_names)]
    weights = sum(a * b for a, b in itertools.pairwise(widths))
    search = cell.search or {"candidates": [], "seeds": []}
    runs = len(cell.seeds) + len(search["candidates"]) * len(search["seeds"])
    # forward and backward, and the optimiser's memory traffic
    per_step = weights * (3 * settings.batch_size + 30)
    return float(runs * settings.total_steps(size) * per_step)


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for side in shape:
        result *= side
    return result


def memory_mb(cell: Cell) -> int:
    """Memory to reserve for a cell, in MB: PyTorch itself, the data, the stacked weights."""
    dataset, settings = dataset_of(cell.dataset), cell.settings
    size = (settings.train_size or dataset.train_size) + dataset.validation_size
    copies = len(cell.seeds) if dataset.kind == "generated" else 1
    values = _product(dataset.input_shape) * size * copies
    widths = [_product(dataset.input_shape), *settings.hidden, len(dataset.class_names)]
    weights = len(cell.seeds) * sum(a * b for a, b in itertools.pairwise(widths))
    # 4 bytes each; a set and the draw that fills it; weights, gradient, two moments, best, temporary
    return 1200 + int(4 * (1.3 * values + 7 * weights) / 1e6)
