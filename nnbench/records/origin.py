"""How the numbers of ``results.json`` were made: its section ``provenance``."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from nnbench.experiments.measured import JsonObject, Part
from nnbench.records.record import Machine
from nnbench.schema import Anything


def _time(text: str) -> str:
    dt.datetime.fromisoformat(text)
    return text


Count = Annotated[int, Field(ge=0)]
Time = Annotated[str, AfterValidator(_time)]


class Section(Part):
    """A section of the results: typed, frozen, finite; fields of other versions are ignored."""

    model_config = ConfigDict(extra="ignore")


class MeasuredOn(Machine, Section):
    """A machine, and how many records were made on it."""

    cells: Count


class Sample(Section):
    """For the picture of a dataset."""

    label: float
    pixels: Anything = None
    values: tuple[float, ...] | None = None


class DatasetFacts(Section):
    """What is known of a dataset; ``error`` says why its prepared files could not be read."""

    name: str
    title: str
    source: str
    licence: str
    kind: str
    task: Literal["classification", "regression"]
    target_name: str
    target_unit: str
    class_names: tuple[str, ...]
    input_shape: tuple[Count, ...]
    sizes: dict[str, Count]
    class_counts: dict[str, tuple[Count, ...]]
    sha256: dict[str, str]
    samples: tuple[Sample, ...]
    order: str = ""  # of own data: of the rows against the class
    notes: tuple[str, ...] = ()  # of own data: what they told about themselves
    error: str | None = None


class RunFacts(Section):
    """Time and memory of all cells together."""

    cells: Count
    first_start: Time | None
    last_end: Time | None
    wall_seconds: float
    busy_seconds: float
    train_seconds: float
    evaluate_seconds: float
    load_seconds: float
    other_seconds: float = 0.0
    peak_memory_mb: float | None
    resumed: Count = 0
    not_reproducible: tuple[str, ...] = ()  # cells


class Rejected(Section):
    """A record that was not used."""

    cell: str
    reason: str


class MissingCell(Rejected):
    """A planned cell without a record."""

    claims: tuple[str, ...]


class Provenance(Section):
    """How the numbers were made."""

    nnbench_version: str
    git_commit: str | None
    git_dirty: bool | None
    config: JsonObject
    config_sha256: str
    tier: str
    seeds: Count | Literal["auto"]
    tuning_seeds: Count
    generated: Time | None
    run: RunFacts
    machines: tuple[MeasuredOn, ...]
    versions: tuple[dict[str, str | int | None], ...]
    flags: dict[str, bool | list[bool]]
    datasets: tuple[DatasetFacts, ...]
    rejected_records: tuple[Rejected, ...]
    missing_cells: tuple[MissingCell, ...]
