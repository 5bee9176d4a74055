"""Training one network on several processes in different ways: the options."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from nnbench.experiments import cost
from nnbench.experiments.base import Experiment
from nnbench.schema import Strict

Way = Literal["single", "one", "two", "data", "tensor", "mesh"]
Width = Annotated[int, Field(ge=1, le=2**16)]
Steps = Annotated[int, Field(ge=1, le=10**6)]

SHAPES: Mapping[Way, tuple[int, int]] = {
    "single": (1, 1),
    "one": (1, 1),
    "two": (2, 1),
    "data": (4, 1),
    "tensor": (1, 4),
    "mesh": (2, 2),
}
"""Number of processes along the data axis and along the tensor axis.

``single`` has all cores; ``one`` has those of one process of four, as each of ``two`` has, whose batches are divided.
"""


class ParallelOptions(Strict):
    """One MLP, trained in several ways from the same weights on the same batches.

    Activation, initialisation, momentum and data come from the settings; width, batch size, optimiser and
    learning rate are given here.
    """

    ways: Annotated[dict[str, Way], Field(min_length=2)] = Field(
        default={"single": "single", "data": "data", "tensor": "tensor", "mesh": "mesh"}
    )
    """By the name that a level reads (``at:``); must include ``single``, the reference."""
    processes: Literal[4] = 4
    """The smallest number with a mesh that divides both data and layers (two by two)."""
    hidden: Annotated[tuple[Width, ...], Field(min_length=1)] = (1024, 1024)
    batch_size: Annotated[int, Field(ge=1, le=2**20)] = 256
    """Samples per optimiser step over all processes."""
    steps: Steps = 50
    """Timed optimiser steps per block; their seconds are the metric."""
    parts: Annotated[int, Field(ge=1, le=1000)] = 5
    """Groups of steps timed separately; the median counts, so that one interruption does not."""
    warm_up: Annotated[int, Field(ge=0, le=10**6)] = 5
    """Steps before the timed ones, in which memory is allocated and processes connect."""
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: Annotated[float, Field(gt=0.0)] = 0.05

    @field_validator("ways")
    @classmethod
    def _checked_ways(cls, ways: dict[str, Way]) -> dict[str, Way]:
        if "single" not in ways.values():
            raise ValueError("a level with `single` is missing: it is the reference of the others")
        if len(set(ways.values())) < len(ways):
            raise ValueError("two levels have the same way: each can be the way of one level")
        if any(not name or "@" in name for name in ways):
            raise ValueError("a level's name is a text without @")
        return ways

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if any(width % self.processes for width in self.hidden):
            raise ValueError(f"each width of hidden must be a multiple of {self.processes}")
        if self.batch_size % self.processes:
            raise ValueError(f"batch_size must be a multiple of {self.processes}")
        if self.steps % self.parts:
            raise ValueError("steps must be a multiple of parts")
        return self


PARALLEL = Experiment(
    name="parallel",
    title="training on several processes",
    measure="nnbench.experiments.parallel.measure:measure",
    options=ParallelOptions,
    metrics=("seconds",),
    entries=lambda options: tuple(options.ways),
    alone=True,
    every_gpu=True,
    memory_mb=cost.parallel_memory_mb,
    seconds=cost.parallel_seconds,
)
