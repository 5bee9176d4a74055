"""The fields of results.json that a report shows, with their types (``docs/results-schema.md``)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from nnbench.metrics import METRICS
from nnbench.schema import Anything


def _metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError("no metric of this nnbench")
    return name


def _time(text: str) -> str:
    dt.datetime.fromisoformat(text)
    return text


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
MetricName = Annotated[str, AfterValidator(_metric)]
Seed = Annotated[str, Field(pattern=r"^\d{1,19}$")]
Count = Annotated[int, Field(ge=0)]
Time = Annotated[str, AfterValidator(_time)]
Verdict = Literal["reproduced", "partly", "contradicted", "inconclusive"]
Series = list[float | None]


class _Shape(BaseModel):  # other fields may stand beside those that are shown
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class Bounds(_Shape):
    """A mean and its interval."""

    mean: float | None
    low: float | None
    high: float | None


class Search(_Shape):
    """Of the tuned track."""

    candidates: list[dict[str, Anything]]
    scores: Series
    chosen: Count
    at_edge: bool


class Candidate(Bounds):
    """One of those that a level was picked from."""

    cell: str
    settings: dict[str, Anything]
    by: Bounds
    drawn: Count
    chosen: Count
    diverged: Count


class Pick(_Shape):
    """How a level was picked."""

    by: MetricName
    metric: MetricName
    draws: Count | None
    candidates: list[Candidate]
    chosen: dict[Seed, str | None] = {}


class Level(Bounds):
    """One level on one dataset in one track."""

    level: str
    role: Literal["level", "control"]
    at: str | None
    claimed: float | None
    claimed_rank: Count | None
    n: Count
    planned: Count
    diverged: Count
    capped: Count
    failed: Count
    not_measured: str | None
    values: dict[Seed, float | None]
    seed_status: dict[Seed, Literal["ok", "diverged", "capped", "missing"]]
    metrics: dict[str, Bounds]
    cell: str | None
    cells: list[str]
    settings: dict[str, Anything]
    train_seconds: float | None
    samples_per_second: float | None
    parameters: float | None
    flops: float | None
    facts: dict[str, Anything]
    search: Search | None
    pick: Pick | None
    curves: dict[str, Series] | None


class Pair(_Shape):
    """Two levels, compared."""

    a: str
    b: str
    difference: float | None
    low: float | None
    high: float | None
    margin: float
    unit: Literal["raw", "log"]
    percent: float | None = None
    status: Literal["UP", "up", "REV", "equal", "unclear", "holds", "violated"]
    role: str
    p: float | None
    p_holm: float | None
    tie: bool
    n: Count
    censored: bool
    text: str


class Result(_Shape):
    """A claim on one dataset in one track, as one of its variants reads it."""

    dataset: str
    dataset_title: str
    track: str
    variant: str | None
    variant_title: str | None
    decides: bool
    kind: str
    task: Literal["classification", "regression"]
    metric: MetricName
    metric_title: str
    unit: str
    lower_is_better: bool
    directed: bool
    scale: Literal["raw", "log"]
    timing: bool
    derived: str
    conditional: bool
    objective: str | None
    machines: list[str]
    notes: list[str]
    chance: float | None
    resolution: float | None
    levels: Annotated[list[Level], Field(min_length=1)]
    verdict: Verdict | None
    verdict_reason: str | None
    blocks: Count
    pairs: list[Pair]
    sentence: str | None


class Claim(_Shape):
    """One claim of a document."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*$")]
    document: Name
    document_title: str
    title: str
    quote: str
    kind: str
    status: Literal["judged", "measured", "not run", "qualitative"]
    reason: str | None
    cost_seconds: float | None
    verdict: Verdict | None
    answer: str
    experiment: str | None
    limits: str | None
    caveats: list[str]
    links: list[str]
    second_look: str | None
    depends_on_track: bool
    command: str | None
    results: list[Result]


class Summary(_Shape):
    """How many claims came out in which way."""

    claims: Count
    reproduced: Count
    partly: Count
    contradicted: Count
    inconclusive: Count
    measured: Count
    qualitative: Count
    not_run: Count


class Machine(_Shape):
    """Where cells were measured."""

    hostname: str
    platform: str
    cores: Count
    memory_gb: float | None
    device: str
    device_name: str
    threads: Count
    cells: Count


class Sample(_Shape):
    """For the picture of a dataset."""

    label: float
    pixels: list[Any] | None = None
    values: list[float] | None = None


class Dataset(_Shape):
    """What is known of a dataset."""

    name: str
    title: str
    source: str
    licence: str
    kind: str
    task: Literal["classification", "regression"]
    target_name: str
    target_unit: str
    class_names: list[str]
    input_shape: list[Count]
    sizes: dict[str, Count]
    class_counts: dict[str, list[Count]]
    sha256: dict[str, str]
    samples: list[Sample]


class Unprepared(_Shape):
    """A dataset that could not be read."""

    name: str
    error: str


class Run(_Shape):
    """Time and memory of all cells together."""

    cells: Count
    first_start: Time | None
    last_end: Time | None
    wall_seconds: float
    busy_seconds: float
    train_seconds: float
    evaluate_seconds: float
    load_seconds: float
    peak_memory_mb: float | None
    resumed: Count = 0


class Rejected(_Shape):
    """A record that was not used."""

    cell: str
    reason: str


class Missing(Rejected):
    """A planned cell without a record."""

    claims: list[str]


class Provenance(_Shape):
    """How the numbers were made."""

    nnbench_version: str
    git_commit: str | None
    git_dirty: bool | None
    config: dict[str, Anything]
    config_sha256: str
    tier: str
    seeds: Count
    tuning_seeds: Count
    generated: Time | None
    run: Run
    machines: list[Machine]
    versions: list[dict[str, str | int | None]]
    flags: dict[str, bool | list[bool]]
    datasets: list[Dataset | Unprepared]
    rejected_records: list[Rejected]
    missing_cells: list[Missing]


class Results(_Shape):
    """The whole document."""

    schema_version: int
    summary: Summary
    provenance: Provenance
    claims: list[Claim]
