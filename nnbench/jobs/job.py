"""The jobs of the DAG that measure: prepare one dataset, run one cell."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnbench.cells.cell import dataset_of
from nnbench.cells.fingerprint import code_fingerprint, further_parts
from nnbench.claims.config import Config
from nnbench.datasets.prepared import store
from nnbench.datasets.prepared.files import sweep
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.jobs import provenance
from nnbench.jobs.lease import Lease, leased
from nnbench.plan.plan import make_plan
from nnbench.processes import ending_by
from nnbench.records.record import CONTENT, cell_problem
from nnbench.records.store import (
    AGAIN,
    folder_lock,
    kept_path,
    publish,
    take_finished,
    write_record,
)
from nnbench.schema import parse
from nnbench.settings import Settings

if TYPE_CHECKING:  # it imports torch
    from nnbench.engine.checkpoint import Checkpoint

CHECKPOINT = "checkpoint.pt"


def prepare_dataset(name: str, folder: Path, *, data_folder: Path, download: bool) -> None:
    """Write a dataset's files once, for all cells; those that are there and whole are left alone."""
    with folder_lock(folder):
        if store.is_whole(folder) and not os.environ.get(AGAIN):
            print(f"{folder}: is prepared already")
            return
        sweep(folder)
        store.prepare(dataset_of(name), folder, data_folder=data_folder, download=download)


def run_job(
    cell: Mapping[str, Any],
    record: Path,
    *,
    data: Path,
    device: str,
    cores: int | None = None,
    jobs_per_gpu: int = 1,
    reuse: bool = False,
    checkpoint_seconds: float | None = None,
) -> None:
    """Measure a cell and write its record.

    A job that is asked to end (SIGTERM, SIGINT) saves the state of its training first, and the next one
    goes on from there.

    Args:
        cell: Its document.
        record: Where to write.
        data: The folder of its prepared dataset.
        device: Where to compute.
        cores: CPU cores that it has for itself; None: all that there are.
        jobs_per_gpu: How many jobs share a GPU.
        reuse: Whether a finished record that is there already will do.
        checkpoint_seconds: How often a training is saved, at most; None: see ``engine.checkpoint``.

    Raises:
        NnbenchError: The training code is not the one the cell was planned with, or the data, device or
            results folder are not usable.
    """
    _check_code(cell)
    with folder_lock(record.parent):
        if reuse and not os.environ.get(AGAIN) and take_finished(record):
            print(f"{record}: is finished already")
            # of a job that was ended right after its record was written
            record.with_name(CHECKPOINT).unlink(missing_ok=True)
            return
        sweep(record.parent)
        manifest = store.read_manifest(data)  # the usual mistake is told before torch is loaded
        wanted = experiment_of(cell["settings"]["experiment"])
        with leased(
            device, jobs_per_gpu=jobs_per_gpu, alone=wanted.alone, every=wanted.every_gpu
        ) as lease:
            measured, checkpoint = _measured(
                cell, record, lease, data=data, cores=cores, every_seconds=checkpoint_seconds
            )
            own = _provenance(manifest, lease)
        write_record(kept_path(record), {"cell": cell, **measured, **own})
        publish(record)
        checkpoint.remove()


def _measured(
    cell: Mapping[str, Any],
    record: Path,
    lease: Lease,
    *,
    data: Path,
    cores: int | None,
    every_seconds: float | None,
) -> tuple[dict[str, Any], Checkpoint]:
    """What the cell's experiment finds and when it was begun, and the checkpoint that it used."""
    # torch takes seconds to import: only here, when nothing can be wrong any more
    from nnbench.engine.checkpoint import EVERY_SECONDS, Checkpoint  # noqa: PLC0415
    from nnbench.experiments.run import run_cell  # noqa: PLC0415

    every = EVERY_SECONDS if every_seconds is None else every_seconds
    checkpoint = Checkpoint(record.parent / CHECKPOINT, every_seconds=every)
    started = provenance.now()
    with ending_by(checkpoint.stop):
        result = run_cell(
            cell,
            folder=data,
            device=lease.device,
            cores=cores or provenance.cores_there(),
            checkpoint=checkpoint,
        )
    return {**result, "started": started}, checkpoint


def read_cell(text: str) -> dict[str, Any]:
    """A cell's document from JSON.

    Raises:
        NnbenchError: It is none, or its id is not the hash of its content.
    """
    try:
        given: dict[str, Any] = json.loads(text)
        cell = {key: given[key] for key in ("id", *CONTENT)}
        problem = cell_problem(cell)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        problem = str(error)
    if problem:
        raise NnbenchError(
            f"not a cell's document ({problem})",
            got=repr(text[:80]),
            todo="take one from `nnbench plan --json`",
        )
    parse(Settings, cell["settings"], where="cell: settings")
    return cell


def _check_code(cell: Mapping[str, Any]) -> None:
    settings = cell["settings"]
    names = ("model", "activation", "optimizer", "experiment")
    parts = further_parts(settings["experiment_options"], cell["search"])
    code = code_fingerprint(cell["dataset"], *(settings[name] for name in names), parts=parts)
    if code != cell["code"]:
        raise NnbenchError(
            f"cell {cell['id']}: the training code changed after this run was planned",
            todo="start snakemake again, so that the plan and the code agree",
        )


def _provenance(manifest: store.Manifest, lease: Lease) -> dict[str, Any]:
    from nnbench.engine.device import choose_device, describe_device  # noqa: PLC0415

    device = choose_device(lease.device)
    return {
        "ended": provenance.now(),
        "data": dict(manifest.arrays),
        "machine": {**provenance.machine(), **describe_device(device)},
        # after `auto`, a PyTorch without CUDA has computed on the CPU, whatever was leased
        "slot": None if device.type == "cpu" else lease.slot,
        "versions": provenance.versions(),
        "peak_memory_mb": provenance.peak_memory_mb(),
        **provenance.git_state(),
    }


def planned_cell(name: str, config: Config) -> dict[str, Any]:
    """The document of a planned cell, by its id or the beginning of it.

    Raises:
        NnbenchError: No cell or several cells begin so.
    """
    if name.lstrip().startswith("{"):
        return read_cell(name)
    found = [cell for cell_id, cell in make_plan(config).cells.items() if cell_id.startswith(name)]
    if len(found) != 1:
        raise NnbenchError(
            f"{len(found)} planned cells begin with {name!r}",
            todo="take an id from `nnbench plan --json`",
        )
    return found[0].document()
