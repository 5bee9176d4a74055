"""What an experiment returns for one block of seeds: plain typed data, the main part of its record.

Imports no torch and affects no measured number, because the plan and the read side use these types too.
"""

import base64
import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nnbench.schema import LARGEST, Anything, Bounded, Strict

Number = Annotated[Bounded, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# checked by pydantic itself, because there are very many
Row = tuple[Annotated[float, Field(ge=-LARGEST, le=LARGEST)] | None, ...]
JsonObject = dict[str, Anything]
"""Plain data of any shape with finite numbers: what an experiment reports about a network or framework."""

Metrics = dict[str, Bounded | None]
"""Values by metric, in natural units; ``test_loss@rotated`` is one that was read at a place."""


def finite(value: float, *, digits: int | None = None) -> float | None:
    """A number for JSON, which has no NaN and no infinity; rounded to significant digits, if given."""
    rounded = value if digits is None else float(f"{value:.{digits}g}")
    return rounded if math.isfinite(rounded) else None


class Part(BaseModel):
    """A section of a record: typed, frozen, finite, without extra fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Run(Part):
    """What was measured with one seed, and how the run ended."""

    status: Literal["ok", "diverged", "capped"]
    metrics: Metrics


class Curves(Part):
    """Curves over evaluation points; a row holds one value per seed of the block."""

    epochs: tuple[Number, ...]
    train_loss: tuple[Row, ...] = ()
    validation_loss: tuple[Row, ...] = ()
    validation_accuracy: tuple[Row, ...] = ()


def _base64(text: str) -> str:
    base64.b64decode(text, validate=True)  # binascii.Error is a ValueError
    return text


Packed = Annotated[str, AfterValidator(_base64)]


class BySample(Part):
    """What each sample of a fixed test set scored, by seed, in the test set's order; see ``experiments.samples``."""

    losses: dict[str, Packed]
    hits: dict[str, Packed] = {}  # for classes: whether the right one was found
    groups: Packed | None = None  # of the samples, where some belong together


class Search(Strict):
    """The tuned track's search: settings to try, and the seeds to try each with."""

    candidates: Annotated[tuple[JsonObject, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]


class Chosen(Search):
    """A finished search: each candidate's mean validation loss, and the index of the lowest."""

    scores: tuple[Bounded, ...]
    chosen: Annotated[int, Field(ge=0)]


class Measured(Part):
    """What was measured in one block of seeds; most fields from ``curves`` on are for trainings only."""

    runs: dict[str, Run]  # by seed
    missing: dict[str, str] = {}  # by entry, the reason: ``{"tensorflow": "not installed"}``
    facts: dict[str, JsonObject] = {}  # by entry: parameters, FLOPs, versions, batch sizes
    notes: tuple[str, ...] = ()  # sentences for the reader: "4 processes share 2 cores"
    seconds: dict[str, Number] = {}  # by purpose
    not_reproducible: str | None = None  # why another run gives other numbers; None: not known to
    failure: str | None = None  # why there are no runs at all
    curves: Curves | None = None
    search: Chosen | None = None
    search_seconds: Number | None = None
    untrained: Metrics | None = None  # scores of a predictor that has learned nothing
    settings_used: JsonObject | None = None
    samples_per_second: Number | None = None
    parameters: Count | None = None
    classes: Count | None = None
    test_samples: Count | None = None
    samples: BySample | None = None
    steps: Count | None = None
    stacked: bool | None = None
    compiler: str | None = None  # of the code that took part; None: all was done by PyTorch
    stopped_epochs: dict[str, Number | None] | None = None  # by seed, when patience ran out
    pretrain: JsonObject | None = None
    out_of_memory: tuple[Count, ...] = ()  # group sizes that did not fit
    trainings: JsonObject = {}
