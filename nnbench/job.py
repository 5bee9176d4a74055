"""The jobs of the DAG that measure: prepare one dataset, run one cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nnbench import provenance
from nnbench.cells import dataset_of, hashed
from nnbench.config import Config
from nnbench.datasets import store
from nnbench.errors import NnbenchError
from nnbench.fingerprint import code_fingerprint
from nnbench.plan import make_plan
from nnbench.processes import end_with_parent
from nnbench.records import cell_lock, write_record

CONTENT = ("schema", "dataset", "settings", "seeds", "search", "threads", "code")


def prepare_dataset(name: str, folder: Path, *, data_folder: Path, download: bool) -> None:
    """Write a dataset's files once, for all cells."""
    store.prepare(dataset_of(name), folder, data_folder=data_folder, download=download)


def run_job(
    cell: Mapping[str, Any], record: Path, *, data: Path, device: str, cores: int | None = None
) -> None:
    """Measure a cell and write its record.

    Args:
        cell: Its document.
        record: Where to write.
        data: The folder of its prepared dataset.
        device: Where to compute.
        cores: CPU cores that it has for itself; None: all that there are.

    Raises:
        NnbenchError: The training code is not the one the cell was planned with, another process
            holds the cell, or the data, device or results folder are not usable.
    """
    end_with_parent()
    _check_code(cell)
    with cell_lock(record.parent):
        started = provenance.now()
        manifest = store.read_manifest(data)  # the usual mistake is told before torch is loaded
        # torch takes seconds to import: only here, when nothing can be wrong any more
        from nnbench.cell import run_cell  # noqa: PLC0415

        result = run_cell(cell, folder=data, device=device, cores=cores or provenance.cores_there())
        write_record(
            record, {"cell": cell, **result, **_provenance(manifest, started, device=device)}
        )


def read_cell(text: str) -> dict[str, Any]:
    """A cell's document from JSON."""
    try:
        given: dict[str, Any] = json.loads(text)
        cell = {key: given[key] for key in ("id", *CONTENT)}
        _check_id(cell)
    except (ValueError, KeyError, TypeError) as error:
        raise NnbenchError(
            f"not a cell's document ({error})",
            got=repr(text[:80]),
            todo="take one from `nnbench plan --json`",
        ) from error
    return cell


def _check_id(cell: Mapping[str, Any]) -> None:
    if cell["id"] != hashed({key: cell[key] for key in CONTENT}):
        raise ValueError("its id is not the hash of its content")


def _check_code(cell: Mapping[str, Any]) -> None:
    settings = cell["settings"]
    names = ("model", "activation", "optimizer", "experiment")
    if code_fingerprint(cell["dataset"], *(settings[name] for name in names)) != cell["code"]:
        raise NnbenchError(
            f"cell {cell['id']}: the training code changed after this run was planned",
            todo="start snakemake again, so that the plan and the code agree",
        )


def _provenance(manifest: store.Manifest, started: str, *, device: str) -> dict[str, Any]:
    from nnbench.device import choose_device, describe_device  # noqa: PLC0415

    return {
        "started": started,
        "ended": provenance.now(),
        "data": dict(manifest.arrays),
        "machine": {**provenance.machine(), **describe_device(choose_device(device))},
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
