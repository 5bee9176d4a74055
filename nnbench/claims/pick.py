"""A level that is chosen among candidates: what they are."""

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nnbench.schema import Strict


class Range(Strict):
    """Where a random search draws one setting from: uniform, or uniform in the logarithm."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("a range needs low < high, and low > 0 where it is logarithmic")
        return self


class Pick(Strict):
    """A level that is chosen among candidates, anew in each block and never by the test set."""

    by: Literal["validation_loss", "validation_accuracy", "train_loss", "train_accuracy"]
    grid: dict[str, Annotated[list[object], Field(min_length=1)]] = Field(default_factory=dict)
    """All combinations of these values."""
    one_at_a_time: dict[str, Annotated[list[object], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """The level as it is, and each of these values alone."""
    random: dict[str, Range] = Field(default_factory=dict)
    """``pool`` random draws, of which each block may choose among ``draws``."""
    pool: Annotated[int, Field(ge=2, le=1000)] = 30
    draws: Annotated[int, Field(ge=1, le=1000)] = 9
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(map(bool, (self.grid, self.one_at_a_time, self.random))) != 1:
            raise ValueError("a pick needs one of grid, one_at_a_time and random")
        if self.random and self.draws > self.pool:
            raise ValueError(f"draws ({self.draws}) cannot exceed pool ({self.pool})")
        return self

    def candidates(self) -> list[dict[str, object]]:
        """The settings of each candidate."""
        if self.grid:
            return combinations(self.grid)
        if self.one_at_a_time:
            changes = sorted(self.one_at_a_time.items())
            return [{}, *({name: value} for name, values in changes for value in values)]
        generator = random.Random(self.seed)  # noqa: S311 - not for secrets
        return [
            {name: _drawn(self.random[name], generator) for name in sorted(self.random)}
            for _ in range(self.pool)
        ]


def combinations(grid: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """All of a grid; names in sorted order, so that a file's order means nothing."""
    names = sorted(grid)
    found = itertools.product(*(grid[name] for name in names))
    return [dict(zip(names, values, strict=True)) for values in found]


def _drawn(values: Range, generator: random.Random) -> float:
    """One value, rounded to four digits so that a reader can repeat it."""
    if values.log:
        value = math.exp(generator.uniform(math.log(values.low), math.log(values.high)))
    else:
        value = generator.uniform(values.low, values.high)
    return float(f"{value:.4g}")
