"""A cell: one experiment, fully spelled out and named by a hash of all that its numbers depend on.

Seeds are not part of it. A cell is measured in blocks of five seeds, each with a record of its own, so
that more seeds add blocks and fewer read some of them.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from nnbench.cells.fingerprint import code_fingerprint, further_parts
from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError
from nnbench.experiments.measured import Search
from nnbench.registry import DATASETS, load
from nnbench.schema import Strict, parse
from nnbench.settings import Settings

BLOCK = 5  # seeds of a block: as many as a verdict needs at least
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Content(Strict):
    """What a cell's id is the hash of."""

    schema_version: Literal[3] = 3
    dataset: str
    settings: Settings
    search: Search | None
    threads: Annotated[int, Field(ge=1, le=256)]
    code: Hash  # the fingerprint of the code and of a user's own data behind its numbers


class Cell(Content):
    """One experiment: a dataset, settings and, in the tuned track, a search."""

    id: Hash

    def to_json(self) -> str:
        """The cell's document: what a job is given and what a record repeats."""
        return canonical(self.model_dump(mode="json"))


def canonical(data: object) -> str:
    """JSON with sorted keys and no spaces: the text that is hashed."""
    return _CANONICAL.encode(data)


def cell_id(content: Content) -> str:
    """16 hex digits of the SHA-256 of a cell's content as canonical JSON."""
    text = canonical(content.model_dump(mode="json", exclude={"id"}))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_cell(
    dataset: str, settings: Settings, *, search: Search | None = None, threads: int = 1
) -> Cell:
    """A cell of today's code, with its id."""
    code = code_of_cell(dataset, settings, search)
    content = Content(dataset=dataset, settings=settings, search=search, threads=threads, code=code)
    return Cell.model_construct(id=cell_id(content), **dict(content))  # which is checked


def code_of_cell(
    dataset: str,
    settings: Settings,
    search: Search | None,
    *,
    made_of: tuple[str, ...] | None = None,
) -> str:
    """The fingerprint of the code and own data that a cell's numbers depend on; see ``code_fingerprint``."""
    return code_fingerprint(*_named_code(dataset, settings, search), made_of=made_of)


def named_code(cell: Cell) -> tuple[str, ...]:
    """Every name of a cell that may stand for code of a user's own, as ``module:object``."""
    return _named_code(cell.dataset, cell.settings, cell.search)


def _named_code(dataset: str, settings: Settings, search: Search | None) -> tuple[str, ...]:
    further = further_parts(settings.experiment_options, search.candidates if search else ())
    names = (settings.model, settings.activation, settings.optimizer, settings.experiment)
    return (dataset, *names, *further)


def read_cell(text: str) -> Cell:
    """A cell from its document; NnbenchError if it is none, or its id is not the hash of its content."""
    try:
        cell = parse(Cell, json.loads(text), where="cell")
        if cell.id == cell_id(cell):
            return cell
        why = "its id is not the hash of its content"
    except (NnbenchError, ValueError, RecursionError) as error:
        why = error.what if isinstance(error, NnbenchError) else str(error)
    todo = "take one from `nnbench plan --json`"
    raise NnbenchError(f"not a cell's document ({why})", got=repr(text[:80]), todo=todo)


def blocks_of(seeds: int) -> list[tuple[int, ...]]:
    """Seeds 0, 1, … in blocks: 0–4, 5–9, …; the last one may be shorter."""
    return [tuple(range(first, min(first + BLOCK, seeds))) for first in range(0, seeds, BLOCK)]


def block_name(seeds: Sequence[int]) -> str:
    """A block's name in files and messages, as in ``0-4``."""
    return f"{seeds[0]}-{seeds[-1]}"


@cache
def dataset_of(name: str) -> Dataset:
    """The dataset behind a name; numpy only, nothing is downloaded, and only a user's own data is read."""
    found = load("dataset", name, DATASETS)
    if not isinstance(found, Dataset):
        raise NnbenchError(
            f"dataset {name!r} is no dataset",
            got=type(found).__name__,
            allowed="an object of the class nnbench.datasets.base.Dataset",
            todo="make one at the top of the module, and name it as module:object",
        )
    return found
