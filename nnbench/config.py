"""What is to be measured: the config of a run and the claims of the documents.

The only place where YAML becomes typed values. A config holds science (claims, settings, seeds);
cores, memory and queues belong to Snakemake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from nnbench.claims import Document, Overrides, Tier
from nnbench.errors import NnbenchError
from nnbench.registry import DATASETS, check_name
from nnbench.schema import Strict, parse
from nnbench.settings import Settings, merged
from nnbench.yamlfile import read_yaml

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,2})?")


class Config(Strict):
    """The run: which documents, which claims of them, how many seeds, where things lie."""

    documents: Annotated[tuple[str, ...], Field(min_length=1)]
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
        if not DEVICE.fullmatch(name):
            raise ValueError("device is auto, cpu, cuda, cuda:N or mps")
        return name

    @field_validator("dataset_settings")
    @classmethod
    def _datasets(cls, value: dict[str, Overrides]) -> dict[str, Overrides]:
        try:
            for name in value:
                check_name("dataset", name, DATASETS)
        except NnbenchError as error:  # pydantic reports ValueErrors with their place
            raise ValueError(str(error)) from None
        return value


def read_document(path: Path) -> Document:
    """Read one document's claims (``make_plan`` resolves their levels)."""
    document = parse(Document, read_yaml(path), where=str(path))
    for name, claim in document.claims.items():
        for dataset in claim.datasets:
            check_name(f"{path}: claims.{name}.datasets", dataset, DATASETS)
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
    return parse(Config, data, where=where)


def read_config(source: str) -> Config:
    """Read a config from a path, or from JSON text (as Snakemake's rules pass it)."""
    if source.lstrip().startswith("{"):
        try:
            return parse_config(json.loads(source), where="config (JSON)")
        except (ValueError, RecursionError) as error:
            raise NnbenchError(f"config: not JSON ({error})", got=_start(source)) from None
    return parse_config(read_yaml(Path(source)), where=source)


def _start(text: str) -> str:
    return repr(text[:60])


def resolve_settings(layers: tuple[Mapping[str, Any], ...], *, where: str) -> Settings:
    """Lay overrides over the defaults and check the result."""
    return parse(Settings, merged(*layers), where=where)


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON schemas of the config files, for editors: ``config`` and ``claims``."""
    return {
        "config": {**Config.model_json_schema(), "title": "nnbench config"},
        "claims": {**Document.model_json_schema(), "title": "nnbench claims of one document"},
        "settings": {**Settings.model_json_schema(), "title": "nnbench training settings"},
    }
