"""Where trainings of one network from many starts end: the options."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from nnbench.errors import NnbenchError
from nnbench.experiments import cost
from nnbench.experiments.base import Experiment
from nnbench.registry import ACTIVATIONS, check_name
from nnbench.schema import Strict
from nnbench.sections import Count, Fraction, Positive

Width = Annotated[int, Field(ge=1, le=2**16)]


class Started(Strict):
    """A dense network; without hidden layers it is softmax regression, whose loss is convex."""

    hidden: tuple[Width, ...] = ()
    activation: str = "relu"

    @field_validator("activation")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return check_name("activation", name, ACTIVATIONS)
        except NnbenchError as error:  # pydantic reports ValueErrors with the key
            raise ValueError(str(error)) from None


class Starts(Strict):
    """Trainings of each network from many initial weights, all on the same samples."""

    networks: Annotated[dict[str, Started], Field(min_length=1)]
    """By the name that a level reads (``at:``)."""
    starts: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = 100
    """Of each network in each block; the loss barrier is read between the two of each pair."""
    steps: Count = 3_000
    optimizer: Literal["sgd", "adam", "rmsprop"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    batch_size: Count = 32

    @field_validator("networks")
    @classmethod
    def _readable(cls, networks: dict[str, Started]) -> dict[str, Started]:
        if any(not name or "@" in name for name in networks):
            raise ValueError("a level's name is a text without @")
        return networks


STARTS = Experiment(
    name="starts",
    title="trainings from many starts",
    measure="nnbench.experiments.starts.measure:measure",
    options=Starts,
    metrics=("trapped", "barrier"),
    entries=lambda options: tuple(options.networks),
    memory_mb=cost.starts_memory_mb,
    seconds=cost.starts_seconds,
)
