"""Run any experiment, from request to measurement: where every job enters the training side.

This file knows nothing about how a training or timing works: the experiment's ``measure`` is loaded by name,
so that editing one kind of measurement leaves the ids of the others unchanged.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from nnbench.engine.device import choose_device, fix_numerics, is_out_of_memory
from nnbench.experiments.base import experiment_of
from nnbench.experiments.measured import Measured
from nnbench.experiments.request import Request
from nnbench.registry import load


def numerics(device: str, *, threads: int) -> torch.device:
    """Make this process compute reproducibly and return its device; NnbenchError if that does not exist.

    ``device`` is ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. Another number of threads would change
    the order of summation, and so the results.
    """
    fix_numerics(threads)
    return choose_device(device)


def measure(request: Request) -> Measured:
    """Measure one block of seeds; running out of memory is a result, not an error.

    Raises NnbenchError if the data or the settings do not fit the experiment.
    """
    name = experiment_of(request.settings.experiment).measure
    measured_by: Callable[[Request], Measured] = load("measure", name, {})
    started = time.perf_counter()
    try:
        return measured_by(request)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        spent = {"until_failure": time.perf_counter() - started}
        return Measured(runs={}, seconds=spent, failure=f"out of memory: {error}")
