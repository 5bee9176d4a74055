"""Batches: cells that one job measures one after the other, so that Python and PyTorch are started once for all.

They hold what is still to be measured, and are composed at the start of a run. A file tells a job, on a cluster
too, what its batch is, whatever has been measured meanwhile.
"""

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from nnbench.cells.cost import START_SECONDS
from nnbench.errors import NnbenchError
from nnbench.jobs.planned import Planned
from nnbench.records.store import write_atomically
from nnbench.schema import Strict

LOCAL_MINUTES, CLUSTER_MINUTES = 5.0, 30.0  # of `batch_minutes`
PER_CORE = 4  # batches, so that no core is idle for long at the end
WORTH_A_START = 10.0  # seconds: three times what a job's start takes
SHORTEST_MINUTES = 15  # start-up from a shared disk, the data, and waiting for a lock
SLOWER = 5.0  # how much longer than estimated a batch may take before a cluster ends it


class Batch(Strict):
    """Cells of the same data and about the same memory, the longest first, and what their job asks for."""

    cells: Mapping[str, int]  # id -> seeds
    data: str  # the manifest that it waits for
    seconds: float  # an estimate
    memory_mb: int
    alone: bool  # it measures time
    rank: int = 0  # the longest has the highest

    @property
    def name(self) -> str:
        """What Snakemake calls it: two runs in different folders never share one."""
        text = json.dumps([str(Path.cwd()), dict(self.cells)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def runtime_minutes(self) -> int:
        """What to ask a cluster for: many times the estimate, since machines differ and estimates err."""
        return SHORTEST_MINUTES + math.ceil(SLOWER * self.seconds / 60)

    @property
    def slurm_extra(self) -> str | None:
        """A whole node for a cell that measures time; it computes on all the cores that it finds there."""
        return "--exclusive" if self.alone else None


def compose(
    planned: Sequence[Planned],
    seeds: Mapping[str, int],
    *,
    seconds: float,
    apart: Collection[str] = (),
) -> dict[str, Batch]:
    """Batches of cells of about so many seconds, by name; a cell that measures time has one of its own.

    Cells ``apart``, which are asked for by name, are in no batch with others.
    """
    groups: dict[tuple[object, ...], list[Planned]] = {}
    for cell in sorted(planned, key=lambda cell: -cell.rank):
        memory = math.ceil(math.log2(cell.memory_mb))
        own = cell.cell.id if cell.alone or cell.cell.id in apart else None
        groups.setdefault((cell.data, memory, own), []).append(cell)
    cut = [_batch(part, seeds) for group in groups.values() for part in _cut(group, seconds)]
    cut.sort(key=lambda batch: batch.seconds)
    ranked = (batch.model_copy(update={"rank": rank}) for rank, batch in enumerate(cut))
    return {batch.name: batch for batch in ranked}


def batch_seconds(
    planned: Sequence[Planned], *, parallel: int | None, minutes: float | None
) -> float:
    """How long a batch should take: as long as is allowed, but no core is to be left without one.

    Args:
        planned: All that is to be measured.
        parallel: Jobs that run at once on this machine; None: a cluster's.
        minutes: The config's ``batch_minutes``.
    """
    if parallel is None:
        return 60 * (minutes or CLUSTER_MINUTES)
    share = sum(map(_seconds, (cell for cell in planned if not cell.alone))) / parallel
    enough = max(share / PER_CORE, min(WORTH_A_START, share))
    return min(60 * (minutes or LOCAL_MINUTES), enough)


def batch_path(results: Path, name: str) -> Path:
    """The file that says what a batch is; its log and its mark lie beside it."""
    return results / "batches" / f"{name}.json"


def write_batch(results: Path, batch: Batch) -> None:
    """For the batch's job; NnbenchError if the folder cannot be written."""
    write_atomically(batch_path(results, batch.name), batch.model_dump_json().encode())


def read_batch(path: Path) -> Batch:
    """A batch as the run that composed it wrote it; NnbenchError if it is gone or damaged."""
    with suppress(OSError, ValueError):
        return Batch.model_validate_json(path.read_bytes())
    raise NnbenchError(
        f"{path}: missing or damaged", todo="start snakemake again: it writes it anew"
    )


def _cut(group: Sequence[Planned], seconds: float) -> Iterator[list[Planned]]:
    part: list[Planned] = []
    filled = 0.0  # a batch may have thousands of cells
    for cell in group:
        if part and filled + _seconds(cell) > seconds:
            yield part
            part, filled = [], 0.0
        part.append(cell)
        filled += _seconds(cell)
    yield part


def _batch(part: Sequence[Planned], seeds: Mapping[str, int]) -> Batch:
    return Batch(
        cells={cell.cell.id: seeds[cell.cell.id] for cell in part},
        data=part[0].data,
        seconds=sum(map(_seconds, part)),
        memory_mb=max(cell.memory_mb for cell in part),
        alone=part[0].alone,
    )


def _seconds(cell: Planned) -> float:
    return START_SECONDS + cell.seconds
