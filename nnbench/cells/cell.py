"""One experiment, fully spelled out and named by a hash, and what it roughly costs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from nnbench.cells.fingerprint import code_fingerprint, further_parts
from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError
from nnbench.registry import DATASETS, load
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
