"""An experiment: a declaration for the plan, and a function for the job.

The plan reads declarations without importing torch; the job loads ``measure`` by name:

    measure(request: Request) -> Measured

Several levels of a claim can come from one cell, which then has several entries: a metric of the entry
``VGG16`` has the key ``seconds@VGG16``, and the claim's level says ``at: VGG16``. Timings are thus
interleaved inside one job, and every block compares all levels under the same conditions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnbench.errors import NnbenchError
from nnbench.registry import EXPERIMENTS, load
from nnbench.schema import Strict


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What the plan knows about an experiment."""

    name: str  # in the registry
    title: str  # for the report
    measure: str  # ``module:function``, loaded only in the job
    options: type[Strict]  # the type of ``experiment_options``
    metrics: tuple[str, ...]  # () for a training, whose settings decide
    # names after ``@`` that a level can read, from the options
    entries: Callable[[Any], tuple[str, ...]] = lambda _: ()
    alone: bool = False  # needs the machine to itself, as timings do
    every_gpu: bool = False  # computes on all GPUs of the machine, not on one
    memory_mb: Callable[[Any], int] | None = None  # from the options, in MB
    seconds: Callable[[Any, int], float] | None = None  # rough, from options and blocks; two cores


def experiment_of(name: str) -> Experiment:
    """An experiment's declaration (no torch); NnbenchError if the name is unknown or not an experiment's."""
    found = load("experiment", name, EXPERIMENTS)
    if not isinstance(found, Experiment):
        raise NnbenchError(
            f"experiment {name!r} is no experiment",
            got=type(found).__name__,
            allowed="an object of the class nnbench.experiments.base.Experiment",
            todo="make one at the top of the module, and name it as module:object",
        )
    return found
