"""What a job needs of the plan, beside its cell's records.

A job plans nothing: claims that change while it waits do not concern it, and the raw files of own
data may not be there.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from nnbench.cells.cell import Cell, code_of_cell
from nnbench.cells.cell import cell_id as id_of
from nnbench.cells.cost import estimated_seconds, memory_mb, runs_alone
from nnbench.cells.fingerprint import source_of
from nnbench.datasets.prepared.source import Source
from nnbench.datasets.prepared.store import MANIFEST
from nnbench.errors import NnbenchError
from nnbench.jobs.unchanged import difference
from nnbench.plan.plan import Plan
from nnbench.records.store import cell_folder, dataset_folder, write_atomically
from nnbench.schema import Strict


class Planned(Strict):
    """A cell, and what its job asks for."""

    cell: Cell
    source: Source  # its dataset as it was planned
    data: str  # the manifest that it waits for
    rank: int  # the longest has the highest
    seconds: float  # an estimate
    memory_mb: int
    alone: bool  # it measures time


def write_planned(results: Path, planned: Planned) -> None:
    """For its job; NnbenchError if the folder cannot be written."""
    write_atomically(_path(results, planned.cell.id), planned.model_dump_json().encode())


def read_planned(results: Path, cell_id: str) -> Planned | None:
    """A cell as it was planned last; None: it never was, or that cannot be read."""
    with suppress(OSError, ValueError):
        found = Planned.model_validate_json(_path(results, cell_id).read_bytes())
        if cell_id == found.cell.id == id_of(found.cell):
            return found
    return None


class Jobs:
    """The jobs of a run, after its plan."""

    def __init__(self, results: Path, plan: Callable[[], Plan]) -> None:
        self.results, self._plan = results, plan
        self._known: dict[str, Planned] = {}

    def of(self, cell_id: str) -> Planned:
        """A cell and what its job asks for; NnbenchError if it is not planned, which says why."""
        if cell_id not in self._known:
            self._known[cell_id] = self._planned(cell_id)
        return self._known[cell_id]

    def forget(self) -> None:
        """The plan has changed."""
        self._known.clear()
        self.__dict__.pop("_estimates", None)

    def _planned(self, cell_id: str) -> Planned:
        if cell_id not in self._estimates:
            raise no_longer_planned(self.results, cell_id)
        cell, (rank, seconds) = self._plan().cells[cell_id], self._estimates[cell_id]
        return Planned(
            cell=cell,
            source=source_of(cell.dataset),
            data=str(dataset_folder(self.results, cell.dataset) / MANIFEST),
            rank=rank,
            seconds=seconds,
            memory_mb=memory_mb(cell),
            alone=runs_alone(cell),
        )

    @cached_property
    def _estimates(self) -> dict[str, tuple[int, float]]:
        """The rank of each cell, the shortest first, and the seconds that it is estimated to take."""
        cells, seeds = self._plan().cells, self._plan().seeds
        found = {i: estimated_seconds(cell, seeds=seeds[i]) for i, cell in cells.items()}
        ranked = enumerate(sorted(found, key=found.__getitem__))
        return {cell_id: (rank, found[cell_id]) for rank, cell_id in ranked}


def no_longer_planned(results: Path, cell_id: str) -> NnbenchError:
    """The error for a cell that the present plan does not have: it says what changed since it had it."""
    if (planned := read_planned(results, cell_id)) is None:
        return NnbenchError(
            f"cell {cell_id} is not planned",
            todo="take an id from `nnbench plan --json`; claims, data or code may have changed",
        )
    what = f"cell {cell_id} is no longer planned: {_changed(planned)} changed"
    return NnbenchError(what, todo="start snakemake again: it plans with what is there now")


def _changed(planned: Planned) -> str:
    """Which of data, training code and claims make that the cell is not planned any more, in words."""
    cell = planned.cell
    try:
        if (found := source_of(cell.dataset)) != planned.source:
            return difference(planned.source, found)
    except (NnbenchError, OSError):
        return f"the data ({cell.dataset})"
    code = code_of_cell(cell.dataset, cell.settings, cell.search)
    return "the claims or the config" if code == cell.code else "the training code"


def _path(results: Path, cell_id: str) -> Path:
    return cell_folder(results, cell_id) / "planned.json"
