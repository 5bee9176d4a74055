"""Any experiment, from request to measurement: where every job enters the training side.

This file knows nothing about how a training or timing works: the experiment's ``measure`` is loaded by name,
so that editing one kind of measurement leaves the ids of the others unchanged.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.device import choose_device, fix_numerics, is_out_of_memory
from nnbench.engine.own_draws import seeded
from nnbench.engine.seeding import derived_seed
from nnbench.experiments.base import experiment_of
from nnbench.experiments.measured import Chosen, Measured, Search
from nnbench.registry import is_own, load
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job asks of an experiment, for one block of a cell's seeds."""

    options: Any  # an instance of ``Experiment.options``
    settings: Settings
    dataset: str  # its name in the registry
    folder: Path  # its prepared files
    seeds: Sequence[int]  # one per replicate
    search: Search | None  # the tuned track's candidates and seeds, or None
    device: torch.device
    cores: int  # CPU cores reserved for this job
    chosen: Chosen | None = None  # that search's outcome, if an earlier block made it
    checkpoint: Checkpoint = field(default_factory=Checkpoint)  # the state of an interrupted job


def numerics(device: str, *, threads: int) -> torch.device:
    """Make this process compute reproducibly and return its device; NnbenchError if that does not exist.

    ``device`` is ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. Another number of threads would change
    the order of summation, and so the results.
    """
    fix_numerics(threads)
    return choose_device(device)


def import_measure(experiment: str) -> None:
    """Import what measures an experiment ahead of time; a user's own code waits for the process that runs it."""
    if not is_own(experiment):
        load("measure", experiment_of(experiment).measure, {})


def measure(request: Request) -> Measured:
    """Measure one block of seeds; too little memory is a result, unusable data or settings an NnbenchError."""
    name = experiment_of(request.settings.experiment).measure
    measured_by: Callable[[Request], Measured] = load("measure", name, {})
    started = time.perf_counter()
    try:
        with seeded(derived_seed(request.seeds[0], "own parts")):  # an own experiment may draw
            return measured_by(request)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        spent = {"until_failure": time.perf_counter() - started}
        return Measured(runs={}, seconds=spent, failure=f"out of memory: {error}")
