"""What an experiment hands back of one block of seeds: plain typed data, the main part of its record.

No torch here, and nothing that changes a number: the plan and the read side use these types too.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nnbench.schema import LARGEST, Anything, Bounded, Strict

Number = Annotated[Bounded, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# by pydantic's own check: there are very many of these
Row = tuple[Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None, ...]
JsonObject = dict[str, Anything]
"""Plain data of any shape, its numbers finite: what an experiment tells of a network or a framework."""


Metrics = dict[str, Bounded | None]
"""Values by metric, in natural units; ``test_loss@rotated`` is one that was read at a place."""


class Part(BaseModel):
    """A section of a record: typed, frozen, finite, nothing beside its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Run(Part):
    """What one seed measured, and how it ended."""

    status: Literal["ok", "diverged", "capped"]
    metrics: Metrics


class Curves(Part):
    """By evaluation point: its epoch, and a value for each seed of the block."""

    epochs: tuple[Number, ...]
    train_loss: tuple[Row, ...] = ()
    validation_loss: tuple[Row, ...] = ()
    validation_accuracy: tuple[Row, ...] = ()


class Search(Strict):
    """The tuned track's search: settings to try, and the seeds to try each of them with."""

    candidates: Annotated[tuple[JsonObject, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]


class Chosen(Search):
    """A search that was made: each candidate's mean validation loss, and the lowest one's number."""

    scores: tuple[Bounded, ...]
    chosen: Annotated[int, Field(ge=0)]


class Measured(Part):
    """What an experiment finds in one block of seeds.

    Attributes:
        runs: By seed, as text.
        missing: Why a place was not measured, by place, as in ``{"tensorflow": "not installed"}``.
        facts: What describes each place beside its metrics: parameters, FLOPs, versions, batch sizes.
        notes: Sentences that a reader of the result needs, as in "4 processes share 2 cores".
        seconds: Time by what it was spent on.
        failure: Why there are no runs at all, if that is so.
        curves, search, untrained, …: Of a training; ``untrained`` is what a predictor scores that has
            learned nothing, ``stopped_epochs`` where patience ended, by seed.
    """

    runs: dict[str, Run]
    missing: dict[str, str] = {}
    facts: dict[str, JsonObject] = {}
    notes: tuple[str, ...] = ()
    seconds: dict[str, Number] = {}
    failure: str | None = None
    curves: Curves | None = None
    search: Chosen | None = None
    search_seconds: Number | None = None
    untrained: Metrics | None = None
    settings_used: JsonObject | None = None
    samples_per_second: Number | None = None
    parameters: Count | None = None
    classes: Count | None = None
    test_samples: Count | None = None
    steps: Count | None = None
    stacked: bool | None = None
    stopped_epochs: dict[str, Number | None] | None = None
    pretrain: JsonObject | None = None
    out_of_memory: tuple[Count, ...] = ()
    trainings: JsonObject = {}
