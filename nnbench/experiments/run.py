"""Any experiment, from a request to what was measured: where every job enters the training side.

Nothing here knows how a training or a timing works: the experiment's ``measure`` is loaded by name, so
that an edit of one kind of measurement leaves the ids of the others as they are.
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
    """Make this process compute reproducibly, and choose its device.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        threads: CPU threads; another number adds up in another order.

    Raises:
        NnbenchError: There is no such device.
    """
    fix_numerics(threads)
    return choose_device(device)


def measure(request: Request) -> Measured:
    """Measure one block of seeds. Where the memory does not suffice, that is the result.

    Raises:
        NnbenchError: The data or the settings are not as the experiment needs them.
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
