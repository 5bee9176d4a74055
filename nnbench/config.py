"""What is to be measured: the config of a run and the claims of the documents.

The only place where YAML becomes typed values. A config holds science (claims, settings, seeds);
cores, memory and queues belong to Snakemake.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from nnbench.errors import NnbenchError, nearest
from nnbench.metrics import METRICS
from nnbench.registry import DATASETS, check_name
from nnbench.schema import Strict, parse
from nnbench.settings import Settings
from nnbench.yamlfile import read_yaml

Kind = Literal["order", "best", "differs", "equal", "definition", "qualitative"]
Track = Literal["as-written", "tuned"]
Tier = Literal["default", "full"]
Overrides = dict[str, Any]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_LEVEL = re.compile(r"[^\x00-\x1f]{1,60}")


class Variant(Strict):
    """Another reading of a claim's levels, judged on its own."""

    title: str
    levels: dict[str, Overrides]


class Claim(Strict):
    """One table or sentence of a document, and the experiment that answers it.

    ``levels`` are what the document compares, ``controls`` what nnbench adds to show beside them;
    ``claimed`` holds the document's own numbers, by level. ``config/README.md`` explains each key.
    """

    title: str
    quote: str
    kind: Kind
    metric: str = "test_loss"
    factor: str = ""
    levels: dict[str, Overrides] = Field(default_factory=dict)
    controls: dict[str, Overrides] = Field(default_factory=dict)
    variants: dict[str, Variant] = Field(default_factory=dict)
    claimed: dict[str, float] = Field(default_factory=dict)
    better: tuple[str, ...] = ()
    than: tuple[str, ...] = ()
    margin: Annotated[float, Field(gt=0.0)] | None = None
    datasets: dict[str, Overrides] = Field(default_factory=dict)
    settings: Overrides = Field(default_factory=dict)
    tracks: tuple[Track, ...] = ("as-written",)
    decided_by: Track = "as-written"
    tune: dict[str, list[Any]] = Field(default_factory=dict)
    tier: Tier = "default"
    not_run: str | None = None
    links: tuple[str, ...] = ()
    experiment: str = ""
    limits: str = ""
    caveats: tuple[str, ...] = ()

    @field_validator("claimed", mode="before")
    @classmethod
    def _percent(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: _number(item) for key, item in value.items()}

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, name: str) -> str:
        if name not in METRICS:
            guess = nearest(name, METRICS)
            raise ValueError(
                f"unknown metric; did you mean {guess!r}?" if guess else "unknown metric"
            )
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Claim:
        for problem in _claim_problems(self):
            raise ValueError(problem)
        return self

    @property
    def runs(self) -> bool:
        """Whether there is an experiment to run at all."""
        return self.not_run is None and self.kind != "qualitative"


def _number(value: object) -> object:
    """A claimed value; "85 %" becomes 0.85."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else value


def _claim_problems(claim: Claim) -> list[str]:
    """Everything wrong with a claim that its types cannot say."""
    problems = [
        f"level {name!r} is not a printable name of 1 to 60 characters"
        for name in (*claim.levels, *claim.controls)
        if not _LEVEL.fullmatch(name)
    ]
    if twice := set(claim.levels) & set(claim.controls):
        problems.append(f"{sorted(twice)} are both levels and controls")
    if claim.kind == "qualitative":
        return problems
    problems += [
        f"{key} names {name!r}, which is no level; levels: {list(claim.levels)}"
        for key in ("better", "than")
        for name in getattr(claim, key)
        if name not in claim.levels
    ]
    if claim.decided_by not in claim.tracks:
        problems.append(f"decided_by is {claim.decided_by!r}, but tracks are {list(claim.tracks)}")
    return problems + _claimed_problems(claim) + (_run_problems(claim) if claim.runs else [])


def _run_problems(claim: Claim) -> list[str]:
    """What a claim lacks to be run."""
    problems = []
    if not claim.levels:
        problems.append("zero levels: name at least one")
    if not claim.datasets:
        problems.append("no dataset: name at least one")
    if claim.kind == "best" and not (claim.better and claim.than):
        problems.append("kind best needs better: [...] and than: [...]")
    if claim.kind in ("order", "differs", "equal") and len(claim.levels) == 1:
        problems.append(f"kind {claim.kind} compares levels: name at least two")
    return problems


def _claimed_problems(claim: Claim) -> list[str]:
    problems = []
    for name in claim.claimed:
        if name not in claim.levels:
            guess = nearest(name, claim.levels)
            hint = f"; did you mean {guess!r}?" if guess else ""
            problems.append(
                f"claimed has {name!r}, which is no level{hint} Levels: {list(claim.levels)}"
            )
    missing = [name for name in claim.levels if name not in claim.claimed]
    if claim.kind in ("order", "definition") and claim.levels and missing:
        problems.append(
            f"claimed lacks a value for {missing} (kind {claim.kind} needs one a level)"
        )
    for name, value in claim.claimed.items():
        if METRICS[claim.metric].scale == "log" and value <= 0:
            problems.append(f"claimed {name!r} must be positive, got {value}")
        if METRICS[claim.metric].unit == "fraction" and not 0 <= value <= 1:
            problems.append(f'claimed {name!r} is an accuracy: write 0.85 or "85 %", got {value}')
    return problems


class Document(Strict):
    """A text with claims: its short name, its title and its claims by name."""

    document: str
    title: str
    file: str
    claims: dict[str, Claim]

    @field_validator("document")
    @classmethod
    def _short_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a document's name is lower-case letters, digits, - and _")
        return name

    @field_validator("claims")
    @classmethod
    def _claim_names(cls, claims: dict[str, Claim]) -> dict[str, Claim]:
        for name in claims:
            if not _NAME.fullmatch(name):
                raise ValueError(f"claim {name!r}: use lower-case letters, digits, - and _")
        return claims


class Config(Strict):
    """The run: which documents, which claims of them, how many seeds, where things lie."""

    documents: tuple[str, ...]
    only: tuple[str, ...] = ("*",)
    """Claims to run, as shell patterns over ids such as ``loss/*``."""
    tier: Tier = "default"
    seeds: Annotated[int, Field(ge=1, le=1000)] = 10
    tuning_seeds: Annotated[int, Field(ge=1, le=100)] = 3
    device: str = "auto"
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    data_folder: str = "data"
    download: bool = False
    results: str = "results"
    reports: str = "reports"
    reference: Overrides = Field(default_factory=dict)
    dataset_settings: dict[str, Overrides] = Field(default_factory=dict)

    @field_validator("device")
    @classmethod
    def _device(cls, name: str) -> str:
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
            raise ValueError("device is auto, cpu, cuda, cuda:N or mps")
        return name

    @field_validator("dataset_settings")
    @classmethod
    def _datasets(cls, value: dict[str, Overrides]) -> dict[str, Overrides]:
        for name in value:
            _checked_dataset(name)
        return value


def _checked_dataset(name: str) -> str:
    try:
        return check_name("dataset", name, DATASETS)
    except NnbenchError as error:
        raise ValueError(str(error)) from None


def read_document(path: Path) -> Document:
    """Read one document's claims (``make_plan`` resolves their levels)."""
    document = parse(Document, read_yaml(path), where=str(path))
    for name, claim in document.claims.items():
        for dataset in claim.datasets:
            try:
                _checked_dataset(dataset)
            except ValueError as error:
                raise NnbenchError(f"{path}: claims.{name}.datasets: {error}") from None
    return document


def read_documents(config: Config, *, root: Path = Path()) -> tuple[Document, ...]:
    """All documents of a config.

    Raises:
        NnbenchError: Two files use the same document name.
    """
    documents = tuple(read_document(root / path) for path in config.documents)
    names = [document.document for document in documents]
    for name in names:
        if names.count(name) > 1:
            raise NnbenchError(f"document {name!r} stands in two files", todo="rename one of them")
    return documents


def parse_config(data: Mapping[str, Any], *, where: str = "config") -> Config:
    """Check the merged config that Snakemake or the command line gives."""
    return parse(Config, dict(data), where=where)


def read_config(source: str) -> Config:
    """Read a config from a path, or from JSON text (as Snakemake's rules pass it)."""
    if source.lstrip().startswith("{"):
        return parse_config(json.loads(source))
    return parse_config(read_yaml(Path(source)), where=source)


def resolve_settings(layers: tuple[Mapping[str, Any], ...], *, where: str) -> Settings:
    """Lay overrides over the defaults and check the result."""
    result: dict[str, Any] = {}
    for layer in layers:
        result.update(layer)
    settings = parse(Settings, result, where=where)
    assert math.isfinite(settings.lr)
    return settings


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON schemas of the config files, for editors: ``config`` and ``claims``."""
    return {
        "config": {**Config.model_json_schema(), "title": "nnbench config"},
        "claims": {**Document.model_json_schema(), "title": "nnbench claims of one document"},
        "settings": {**Settings.model_json_schema(), "title": "nnbench training settings"},
    }
