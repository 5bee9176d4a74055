"""An experiment: a declaration for the plan, and a function for the job.

The plan reads declarations without importing torch; the job loads ``measure`` by name:

    measure(request: Request) -> Measured

Several levels of a claim can come from one cell, which then has several entries: a metric of the entry
``VGG16`` has the key ``seconds@VGG16``, and the claim's level says ``at: VGG16``. So timings are
interleaved inside one job, block by block, and every block compares all levels under the same conditions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnbench.errors import NnbenchError
from nnbench.registry import EXPERIMENTS, load
from nnbench.schema import Strict


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What the plan knows about an experiment.

    Attributes:
        name: Its name in the registry.
        title: What it does, in a few words, for the report.
        measure: ``module:function``, loaded in the job alone.
        options: The model of its ``experiment_options``.
        metrics: The metrics that it measures.
        entries: From its options, the names after ``@`` that a level can read; () if none.
        alone: Whether it needs the machine for itself, as timings do.
        every_gpu: Whether it computes on all GPUs of the machine, not on one.
        memory_mb: From its options, the memory to reserve, in MB.
        seconds: From its options and the number of blocks, a rough duration on two CPU cores.
    """

    name: str
    title: str
    measure: str
    options: type[Strict]
    metrics: tuple[str, ...]
    entries: Callable[[Any], tuple[str, ...]] = lambda _: ()
    alone: bool = False
    every_gpu: bool = False
    memory_mb: Callable[[Any], int] | None = None
    seconds: Callable[[Any, int], float] | None = None


def experiment_of(name: str) -> Experiment:
    """The declaration of an experiment (no torch).

    Raises:
        NnbenchError: The name is unknown, or what it names is no experiment.
    """
    found = load("experiment", name, EXPERIMENTS)
    if not isinstance(found, Experiment):
        raise NnbenchError(
            f"experiment {name!r} is not a nnbench.experiments.base.Experiment",
            got=type(found).__name__,
        )
    return found
