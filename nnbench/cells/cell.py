"""A cell: one experiment, named by a hash of all that its numbers depend on, and what it costs.

Seeds are not part of it. A cell is measured in blocks of five seeds, each with a record of its own, so
that more seeds add blocks and fewer read some of them.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from nnbench.cells.fingerprint import code_fingerprint, further_parts
from nnbench.datasets.base import Dataset
from nnbench.datasets.selection import outputs_in_use, train_size
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.experiments.measured import Search
from nnbench.models.costs import Cost, cost_of
from nnbench.models.facts import replicates_at_once
from nnbench.registry import DATASETS, load
from nnbench.schema import Strict, parse
from nnbench.settings import Settings

BLOCK = 5  # seeds of a block: as many as a verdict needs at least
WORK_PER_SECOND = 2.3e10  # multiply-adds of one core where there is no record to go by; measured
# asked several times per cell; loading it anew each time adds up in a plan of thousands
_experiment = cache(experiment_of)

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
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


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
    return Cell(id=cell_id(content), **dict(content))


def code_of_cell(dataset: str, settings: Settings, search: Search | None) -> str:
    """The fingerprint of the code and own data that a cell's numbers depend on."""
    return code_fingerprint(*_named_code(dataset, settings, search))


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
            f"dataset {name!r} is not a nnbench.datasets.base.Dataset", got=type(found).__name__
        )
    return found


def work(cell: Cell, *, seeds: int) -> float:
    """Rough arithmetic of so many seeds (multiply-adds), to start long jobs first and estimate times."""
    if (seconds := declared_seconds(cell, seeds=seeds)) is not None:
        return seconds * WORK_PER_SECOND
    tried = len(cell.search.candidates) * len(cell.search.seeds) if cell.search else 0
    settings, dataset, cost = cell.settings, dataset_of(cell.dataset), _cost(cell)
    stages = [settings]
    if settings.pretrain is not None:
        before = settings.pretrain.model_dump(include={"classes", "train_size", "train_for"})
        stages.append(settings.model_copy(update=before))
    if settings.rbm is not None:
        stages.append(settings.model_copy(update={"train_for": settings.rbm.train_for}))
    # forward and backward of each step, and the optimiser's memory traffic
    per_step = 3 * cost.macs * settings.batch_size + 30 * cost.parameters
    steps = (stage.total_steps(train_size(dataset, stage)) for stage in stages)
    return (seeds + tried) * sum(float(number * per_step) for number in steps)


def declared_seconds(cell: Cell, *, seeds: int) -> float | None:
    """How long the cell's experiment says that it takes; None: see ``work``."""
    experiment = _experiment(cell.settings.experiment)
    return None if experiment.seconds is None else experiment.seconds(_options(cell), seeds)


def memory_mb(cell: Cell) -> int:
    """Memory to reserve for a cell, in MB: PyTorch itself, the data, the weights of one block."""
    experiment = _experiment(cell.settings.experiment)
    if experiment.memory_mb is not None:
        return experiment.memory_mb(_options(cell))
    dataset = dataset_of(cell.dataset)
    copies = BLOCK if dataset.kind == "generated" else 1
    samples = train_size(dataset, cell.settings) + dataset.validation_size
    values = math.prod(dataset.input_shape) * samples * copies
    parameters = _cost(cell).parameters
    weights = min(BLOCK, replicates_at_once(parameters)) * parameters
    # 4 bytes each; a set and the draw that fills it; weights, gradient, two moments, best, temporary
    return 1200 + int(4 * (1.3 * values + 7 * weights) / 1e6)


def runs_alone(cell: Cell) -> bool:
    """Whether nothing else may run beside the cell: it measures time."""
    return _experiment(cell.settings.experiment).alone


def _cost(cell: Cell) -> Cost:
    dataset = dataset_of(cell.dataset)
    return cost_of(cell.settings, dataset.input_shape, outputs_in_use(dataset, cell.settings))


def _options(cell: Cell) -> Strict:
    experiment = _experiment(cell.settings.experiment)
    return parse(experiment.options, cell.settings.experiment_options, where=f"cell {cell.id}")
