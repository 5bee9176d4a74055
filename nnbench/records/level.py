"""One level of a finding: what was claimed, and what every seed measured. Sections of ``results.json``."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nnbench.experiments.measured import JsonObject
from nnbench.metrics import METRICS
from nnbench.records.origin import Count, Section
from nnbench.schema import Bounded


def _metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError("no metric of this nnbench")
    return name


MetricName = Annotated[str, AfterValidator(_metric)]
Seed = Annotated[str, Field(pattern=r"^\d{1,19}$")]
SeedStatus = Literal["ok", "diverged", "capped", "missing"]
Series = tuple[float | None, ...]


class Bounds(Section):
    """A mean and its 95 % interval, in natural units."""

    mean: float | None
    low: float | None
    high: float | None


class SearchResult(Section):
    """The learning-rate search of the tuned track: which candidate was chosen, by mean validation loss."""

    candidates: tuple[JsonObject, ...]
    scores: Series
    chosen: Count
    at_edge: bool
    seeds: Count


class CandidateResult(Bounds):
    """One of the candidates that a level was picked from."""

    cell: str
    settings: JsonObject
    by: Bounds
    drawn: Count
    chosen: Count
    diverged: Count


class PickResult(Section):
    """How a level was picked in each block."""

    by: MetricName
    metric: MetricName
    draws: Count | None
    candidates: tuple[CandidateResult, ...]
    chosen: dict[Seed, str | None] = Field(default_factory=dict)


class FromBaseline(Bounds):
    """By how much a level differs from its baseline: mean and 95 % interval on the analysis scale.

    Paired by seed; above 0 is larger: logarithms of ratios, or differences in natural units.
    """

    baseline: str


class LevelResult(Bounds):
    """One level: what was claimed, and what every seed measured."""

    level: str
    role: Literal["level", "control"]
    at: str | None
    claimed: float | None
    claimed_rank: Count | None
    from_baseline: FromBaseline | None = None  # what is judged, where a claim is about changes
    n: Count
    planned: Count
    diverged: Count
    capped: Count
    failed: Count
    not_measured: str | None
    values: dict[Seed, Bounded | None]
    seed_status: dict[Seed, SeedStatus]
    metrics: dict[str, Bounds]
    cell: str | None
    cells: tuple[str, ...]
    settings: JsonObject
    train_seconds: float | None
    samples_per_second: float | None
    parameters: float | None
    flops: float | None
    facts: JsonObject
    search: SearchResult | None
    pick: PickResult | None
    curves: dict[str, Series] | None
    tested_epoch: float | None = None
    """Whose weights are tested: that of the lowest validation loss, as a median over runs."""
