"""How long the training steps of dense networks take, by width, depth and activation: the options."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from nnbench.errors import NnbenchError
from nnbench.experiments import cost
from nnbench.experiments.base import Experiment
from nnbench.registry import ACTIVATIONS, check_name
from nnbench.schema import Strict
from nnbench.sections import Count, Positive

Width = Annotated[int, Field(ge=1, le=2**16)]


class Timed(Strict):
    """A dense network, or the activation of its hidden layers without anything else."""

    hidden: Annotated[tuple[Width, ...], Field(min_length=1)] = (128,)
    activation: str = "relu"
    activation_alone: bool = False
    """Only what the hidden layers' activation functions compute, forward and backward."""

    @field_validator("activation")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return check_name("activation", name, ACTIVATIONS)
        except NnbenchError as error:  # pydantic reports ValueErrors with the key
            raise ValueError(str(error)) from None

    def widths(self, options: "StepTime") -> Iterator[tuple[int, int]]:
        """Inputs and outputs of each dense layer; none of an activation alone."""
        if not self.activation_alone:
            yield from zip(
                (options.inputs, *self.hidden), (*self.hidden, options.outputs), strict=True
            )


class StepTime(Strict):
    """Steps of plain gradient descent on random inputs and labels that lie in memory."""

    networks: Annotated[dict[str, Timed], Field(min_length=2)]
    """By the name that a level reads (``at:``)."""
    inputs: Width = 784
    outputs: Width = 10
    batch_size: Annotated[int, Field(ge=1, le=2**20)] = 32
    steps: Count = 1_000
    """The seconds are those of so many steps: the median step's times this number."""
    seconds_each: Positive = 0.5
    """Minimum measured time of a network in a block."""
    min_steps: Count = 50
    """Minimum number of measured steps in a block."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**6)] = 20
    """Steps before the measured ones, in which memory is allocated."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if any(not name or "@" in name for name in self.networks):
            raise ValueError("a level's name is a text without @")
        return self


STEPS = Experiment(
    name="step_time",
    title="time of training steps",
    measure="nnbench.experiments.steps.measure:measure",
    options=StepTime,
    metrics=("seconds",),
    entries=lambda options: tuple(options.networks),
    alone=True,
    memory_mb=cost.steps_memory_mb,
    seconds=cost.steps_seconds,
)
