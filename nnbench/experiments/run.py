"""One cell from its document to the fields of its record: whatever its experiment measures.

Nothing here knows how a training or a timing works: the experiment's ``measure`` is loaded by name, so
that an edit of one kind of measurement leaves the ids of the others as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.device import (
    choose_device,
    fix_numerics,
    identity,
    is_out_of_memory,
    peak_memory_mb,
)
from nnbench.experiments.base import experiment_of
from nnbench.experiments.request import Measured, Request
from nnbench.registry import load
from nnbench.schema import parse
from nnbench.settings import Settings


def run_cell(
    cell: Mapping[str, Any],
    *,
    folder: Path,
    device: str,
    cores: int = 1,
    checkpoint: Checkpoint | None = None,
) -> dict[str, Any]:
    """Measure one cell.

    Args:
        cell: The cell's document (``Cell.document()``).
        folder: Its prepared dataset.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        cores: CPU cores that the cell has for itself.
        checkpoint: What an earlier job left, and where this one leaves its own.

    Returns:
        ``runs`` (per seed: status and metrics), ``missing``, ``facts``, ``notes``, ``seconds``,
        ``resumed`` (whether it went on from an interrupted job's state), and
        all else that the experiment hands back beside them (of a training: ``curves``, ``search``, …);
        plain data, no NaN. A cell that needs more memory than there is has no runs, and ``failure``
        says so.

    Raises:
        NnbenchError: The device, the data or the experiment's options are not as they must be.
    """
    fix_numerics(cell["threads"])
    settings = parse(Settings, cell["settings"], where="cell")
    experiment = experiment_of(settings.experiment)
    chosen = choose_device(device)
    checkpoint = checkpoint or Checkpoint()
    checkpoint.open({"cell": cell["id"], **identity(chosen)})
    request = Request(
        options=parse(
            experiment.options, settings.experiment_options, where="cell: experiment_options"
        ),
        settings=settings,
        dataset=cell["dataset"],
        folder=folder,
        seeds=cell["seeds"],
        search=cell["search"],
        device=chosen,
        cores=cores,
        checkpoint=checkpoint,
    )
    measure: Callable[[Request], Measured] = load("measure", experiment.measure, {})
    started = time.perf_counter()
    try:
        fields = _fields(measure(request))
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        spent = {"until_failure": time.perf_counter() - started}
        failed = _fields(Measured(runs={}, seconds=spent))
        fields = {**failed, "failure": f"out of memory: {error}"}
    return {
        **fields,
        "resumed": checkpoint.resumed,
        "device_peak_memory_mb": peak_memory_mb(request.device),
    }


def _fields(measured: Measured) -> dict[str, Any]:
    return {
        "curves": None,
        "search": None,
        **measured.more,
        "runs": measured.runs,
        "missing": measured.missing,
        "facts": measured.facts,
        "notes": list(measured.notes),
        "seconds": measured.seconds,
        "failure": None,
    }
