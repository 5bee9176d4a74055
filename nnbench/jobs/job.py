"""The jobs of the DAG that measure: prepare one dataset, measure one cell in blocks of seeds."""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from nnbench.cells.cell import Cell, block_name, blocks_of, dataset_of
from nnbench.cells.fingerprint import source_of
from nnbench.datasets.own.look import told_of
from nnbench.datasets.prepared import store
from nnbench.datasets.prepared.files import sweep
from nnbench.datasets.prepared.source import SOURCE, Source, as_jobs_know_it, read_source
from nnbench.datasets.prepared.told import write_told
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.experiments.measured import Chosen
from nnbench.jobs import provenance
from nnbench.jobs.alone import check_held, machine
from nnbench.jobs.lease import Lease, leased
from nnbench.jobs.locks import folder_lock, to_log
from nnbench.jobs.other_load import OtherLoad
from nnbench.jobs.unchanged import (
    as_planned,
    check_folder,
    check_planned,
    import_own_parts,
    same_inputs,
)
from nnbench.processes import ending_by
from nnbench.records.record import Machine, Record
from nnbench.records.store import (
    AGAIN,
    RejectedRecordError,
    cell_folder,
    read_record,
    record_path,
    usable,
    write_atomically,
    write_record,
)
from nnbench.registry import DATASETS, check_name, is_data_file
from nnbench.schema import parse

PROGRESS_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a job is told beside its cell.

    Attributes:
        results: The folder of results; the records lie in it.
        data: The folder of the cell's prepared dataset.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        cores: CPU cores that it has for itself; None: all that there are.
        jobs_per_gpu: How many jobs share a GPU.
        reuse: Whether blocks with a valid record are left alone.
        checkpoint_seconds: How often a training is saved, at most; None: see ``engine.checkpoint``.
    """

    results: Path
    data: Path
    device: str
    cores: int | None = None
    jobs_per_gpu: int = 1
    reuse: bool = False
    checkpoint_seconds: float | None = None


def prepare_dataset(
    name: str,
    folder: Path,
    *,
    data_folder: Path,
    download: bool,
    planned: Source | None = None,
) -> None:
    """Write a dataset's files once, for all cells; valid ones of the same data are left alone.

    Args:
        name: As configs name it.
        folder: Where the files go.
        data_folder: Where downloaded data lie.
        download: Whether missing ones may be fetched.
        planned: What the plan named; None: what is there now.

    Raises:
        NnbenchError: The data cannot be used, or changed since they were planned. No file is then
            written.
    """
    check_name("dataset", name, DATASETS)
    source = planned or source_of(name)
    if planned is None:
        check_folder(source, folder)
    with folder_lock(folder):
        whole = store.is_whole(folder) and read_source(folder) == source
        if whole and not os.environ.get(AGAIN):
            print(f"{folder}: already prepared")
            return
        sweep(folder)
        with machine(alone=False):
            _prepare(source, folder, data_folder=data_folder, download=download)


def _prepare(source: Source, folder: Path, *, data_folder: Path, download: bool) -> None:
    name = source.dataset
    with as_planned(source):
        dataset = dataset_of(name)
        if dataset.load is not None:
            pools = dataset.load(data_folder, download)
            dataset = replace(dataset, load=lambda _folder, _download: pools)
        told = told_of(Path(name)) if is_data_file(name) else None
    (folder / store.MANIFEST).unlink(missing_ok=True)
    write_atomically(folder / SOURCE, source.model_dump_json().encode())
    if told:
        write_told(folder, told)
    store.prepare(dataset, folder, data_folder=data_folder, download=download)


def run_job(cell: Cell, blocks: Sequence[tuple[int, ...]], job: Job) -> tuple[Record, ...]:
    """Measure blocks of a cell's seeds and write their records.

    A job that is asked to end (SIGTERM, SIGINT) saves the state of its training first, and the next
    job goes on from there.

    Raises:
        NnbenchError: Training code or data are not those that the cell was planned with, or the data,
            device or results folder are not usable.
    """
    check_planned(cell, job.data)
    folder = cell_folder(job.results, cell.id)
    with folder_lock(folder):
        missing = [block for block in blocks if not _finished(cell, block, job)]
        if missing:
            sweep(folder)
            _measure_blocks(cell, missing, job)
        else:
            print(f"{folder}: already measured")
    return tuple(read_record(record_path(job.results, cell.id, block)) for block in blocks)


def seeds_and_blocks(seeds: int, names: Sequence[str]) -> list[tuple[int, ...]]:
    """The blocks of so many seeds, or those of them that are named, as in ``5-9``.

    Raises:
        NnbenchError: There is no such block.
    """
    found = {block_name(block): block for block in blocks_of(seeds)}
    if unknown := [name for name in names if name not in found]:
        todo = "name blocks of the seeds that are asked for (--seeds)"
        raise NnbenchError("no such block", got=unknown[0], allowed=", ".join(found), todo=todo)
    return [found[name] for name in names or found]


def _finished(cell: Cell, block: Sequence[int], job: Job) -> bool:
    if not job.reuse or os.environ.get(AGAIN) or not usable(_record(cell, block, job)):
        return False
    # of a job that was ended right after it had written its record
    _checkpoint(cell, block, job).unlink(missing_ok=True)
    return True


def _record(cell: Cell, block: Sequence[int], job: Job) -> Path:
    return record_path(job.results, cell.id, block)


def _checkpoint(cell: Cell, block: Sequence[int], job: Job) -> Path:
    return cell_folder(job.results, cell.id) / f"checkpoint-{block_name(block)}.pt"


def _measure_blocks(cell: Cell, blocks: Sequence[tuple[int, ...]], job: Job) -> None:
    manifest = store.read_manifest(job.data)  # the usual mistake is told before torch is loaded
    experiment = experiment_of(cell.settings.experiment)
    with (
        machine(alone=experiment.alone) as held,
        leased(
            job.device,
            jobs_per_gpu=job.jobs_per_gpu,
            alone=experiment.alone,
            every=experiment.every_gpu,
        ) as lease,
    ):
        import_own_parts(cell, job.data)
        chosen = _earlier_search(cell, job)
        for block in blocks:
            to_log(f"seeds {block_name(block)}: measuring on {lease.device}")
            started = time.perf_counter()
            load = OtherLoad()
            with same_inputs(cell, job.data):
                record = _measured(cell, block, replace(job, device=lease.device), chosen)
            also: dict[str, object] = {"data": dict(manifest.arrays), "slot": _slot(record, lease)}
            if experiment.alone:
                check_held(held)
                also["notes"] = (*record.notes, *load.notes())
            record = record.model_copy(update=also)
            write_record(_record(cell, block, job), record)
            _checkpoint(cell, block, job).unlink(missing_ok=True)
            taken = time.perf_counter() - started
            to_log(f"seeds {block_name(block)}: measured in {taken:.1f} s")
            chosen = record.search


def _slot(record: Record, lease: Lease) -> str | None:
    """After `auto`, a PyTorch without CUDA has computed on the CPU, whatever was leased."""
    return None if record.machine.device == "cpu" else lease.slot


def _earlier_search(cell: Cell, job: Job) -> Chosen | None:
    """The search of the tuned track as an earlier block made it: the same cell has the same search."""
    if cell.search is None or os.environ.get(AGAIN):
        return None
    for path in sorted(cell_folder(job.results, cell.id).glob("record-*.json")):
        with suppress(RejectedRecordError):
            if (found := read_record(path).search) is not None:
                return found
    return None


class _Progress:
    """Says in the log how far a training is, every ten seconds at most."""

    def __init__(self, block: str) -> None:
        self.block, self.next = block, time.monotonic() + PROGRESS_SECONDS

    def __call__(self, stage: str, epoch: float, most: float) -> None:
        if (now := time.monotonic()) >= self.next:
            self.next = now + PROGRESS_SECONDS
            part = stage.partition(", seeds ")[0]  # "runs", "candidate 3"
            to_log(f"seeds {self.block}: {part}, epoch {epoch:.3g} of {most:.3g}")


def _measured(cell: Cell, block: tuple[int, ...], job: Job, chosen: Chosen | None) -> Record:
    """One block, measured."""
    # torch takes seconds to import: only here, when nothing can be wrong any more
    from nnbench.engine.checkpoint import EVERY_SECONDS, Checkpoint  # noqa: PLC0415
    from nnbench.engine.device import describe_device, identity, peak_memory_mb  # noqa: PLC0415
    from nnbench.experiments.run import Request, measure, numerics  # noqa: PLC0415

    device = numerics(job.device, threads=cell.threads)
    every = EVERY_SECONDS if job.checkpoint_seconds is None else job.checkpoint_seconds
    path, progress = _checkpoint(cell, block, job), _Progress(block_name(block))
    checkpoint = Checkpoint(path, every_seconds=every, progress=progress)
    started = provenance.now()
    with ending_by(checkpoint.stop):
        checkpoint.open({"cell": cell.id, "block": block_name(block), **identity(device)})
        options = experiment_of(cell.settings.experiment).options
        request = Request(
            options=parse(options, cell.settings.experiment_options, where=f"cell {cell.id}"),
            settings=cell.settings,
            dataset=as_jobs_know_it(cell.dataset, job.data),
            folder=job.data,
            seeds=block,
            search=cell.search,
            chosen=chosen,
            device=device,
            cores=job.cores or provenance.cores_there(),
            checkpoint=checkpoint,
        )
        found = measure(request)
    return Record(
        **dict(found),
        cell=cell,
        seeds=block,
        started=started,
        ended=provenance.now(),
        machine=Machine.model_validate({**provenance.machine(), **describe_device(device)}),
        versions=provenance.versions(),
        resumed=checkpoint.resumed,
        peak_memory_mb=provenance.peak_memory_mb(),
        device_peak_memory_mb=peak_memory_mb(device),
        **provenance.git_state(),
    )
