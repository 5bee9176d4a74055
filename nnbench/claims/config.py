"""What is to be measured: the config of a run and the claims of the documents.

YAML becomes typed values here and nowhere else. A config holds science (claims, settings, seeds);
cores, memory and queues belong to Snakemake.
"""

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from nnbench.claims.changes import Changes
from nnbench.claims.claim import Claim, Datasets, Document, Overrides, RunTier
from nnbench.claims.contexts import Context, Space, read_space
from nnbench.claims.looks import Seeds
from nnbench.claims.studies import Studies, Study, read_studies
from nnbench.datasets.own import description as own
from nnbench.datasets.own.spelling import one_name
from nnbench.errors import NnbenchError
from nnbench.registry import DATASETS, DEVICE, check_name
from nnbench.schema import Strict, meant, parse
from nnbench.settings import Settings
from nnbench.yamlfile import read_yaml

DEFAULT_CONFIG = "config/config.yaml"
_KINDS = {type(None): "nothing", list: "a list", str: "a text"}
JsonSchema = dict[str, object]


def _plain_path(text: str) -> str:
    if not text.strip() or set("{}\r\n") & set(text):
        raise ValueError(
            "a path has a name, and no braces, which are Snakemake's wildcards, and no line breaks"
        )
    return text


PathText = Annotated[str, AfterValidator(_plain_path)]


class Config(Strict):
    """The run: which documents, which claims of them, how many seeds, where things lie."""

    documents: Annotated[tuple[PathText, ...], Field(min_length=1)]
    only: tuple[str, ...] = ("*",)
    """Claims to run, as shell patterns over ids such as ``loss/*``."""
    tier: RunTier = "default"
    seeds: Seeds = 10
    """Replicates of every cell; auto: as many as settle its claims, see ``claims.looks``."""
    tuning_seeds: Annotated[int, Field(ge=1, le=100)] = 3
    contexts: Annotated[int, Field(ge=0, le=1000)] = 0
    """In how many contexts each claim that has some is measured beside the reference."""
    context_seeds: Annotated[int, Field(ge=5, le=1000)] = 5
    context_space: PathText = "config/contexts.yaml"
    studies: tuple[PathText, ...] = ()
    """Files of factor studies."""
    study_points: Annotated[int, Field(ge=8, le=4096)] | None = None
    """Points of each study on each data set; None: as many as its file says."""
    study_seeds: Annotated[int, Field(ge=5, le=1000)] | None = None
    changes: PathText | None = None
    """What was changed in claims after results had been seen (``claims.changes``)."""
    device: str = "auto"
    jobs_per_gpu: Annotated[int, Field(ge=1, le=32)] = 1
    """How many cells share a GPU at once; one that measures time has it for itself."""
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    batch_minutes: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """About how long the cells that one job measures take; None: 3 on this machine, 30 on a cluster."""
    data_folder: PathText = "data"
    download: bool = False
    results: PathText = "results"
    reports: PathText = "reports"
    reference: Overrides = Field(default_factory=dict)
    dataset_settings: Datasets = Field(default_factory=dict)
    instead: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Datasets to use where a claim names another one, as in mnist5k: [mnist, fashion_mnist]."""
    overrides: dict[str, Overrides] = Field(default_factory=dict)
    """Keys of a claim, by its id, that replace those in its document's file."""

    @property
    def files(self) -> tuple[str, ...]:
        """The files, beside its own, that say what is measured."""
        space = (self.context_space,) if self.contexts else ()
        return (*self.documents, *space, *self.studies)

    @field_validator("only", mode="before")
    @classmethod
    def _only(cls, value: object) -> object:
        """A text stands for a list, as in ``--config only=loss/*,keras/scaling``."""
        value = value.split(",") if isinstance(value, str) else value
        return tuple(value) if isinstance(value, list) else value

    @field_validator("device")
    @classmethod
    def _device(cls, name: str) -> str:
        if not DEVICE.fullmatch(name):
            raise ValueError("should be auto, cpu, cuda, cuda:N or mps")
        return name

    @field_validator("instead")
    @classmethod
    def _instead(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """By the one name of each data set."""
        return {one_name(name): tuple(map(one_name, others)) for name, others in value.items()}

    @field_validator("dataset_settings")
    @classmethod
    def _datasets(cls, value: dict[str, Overrides]) -> dict[str, Overrides]:
        try:
            for name in value:
                check_name("dataset", name, DATASETS)
        except NnbenchError as error:  # pydantic adds where a ValueError arose
            raise ValueError(str(error)) from None
        return value


def _document(path: Path, config: Config) -> Document:
    """One document's claims, with the config's ``overrides`` and ``instead`` applied to them."""
    document = parse(Document, read_yaml(path), where=str(path))
    claims = {}
    for name, claim in document.claims.items():
        change = config.overrides.get(f"{document.document}/{name}", {})
        data = claim.model_dump(mode="json", exclude_unset=True) | change
        for reading in (data, *data.get("variants", {}).values()):
            if reading.get("datasets") and "datasets" not in change:
                where = f"{path}: claims.{name}.datasets"
                reading["datasets"] = _replaced(reading["datasets"], config.instead, where=where)
        claims[name] = parse(Claim, data, where=f"{path}: claims.{name}")
    for name, claim in claims.items():
        for variant in (None, *claim.variants):
            for dataset in claim.reading(variant).datasets:
                check_name(f"{path}: claims.{name}.datasets", dataset, DATASETS)
    return document.model_copy(update={"claims": claims})


def _replaced(
    datasets: Mapping[str, Overrides], instead: Mapping[str, tuple[str, ...]], *, where: str
) -> dict[str, Overrides]:
    """A claim's datasets with others instead; NnbenchError if one would have two kinds of settings."""
    found: dict[str, Overrides] = {}
    for dataset, settings in datasets.items():
        for other in instead.get(dataset, (dataset,)):
            if found.setdefault(other, settings) != settings:
                raise NnbenchError(
                    f"{where}: with `instead`, {other!r} stands there twice, with different settings",
                    got=f"{found[other]} and {settings}",
                    todo="use another dataset instead, or give `datasets` of the claim in `overrides`",
                )
    return found


def read_documents(config: Config, *, root: Path = Path()) -> tuple[Document, ...]:
    """All documents of a config; an NnbenchError if two files use the same document name."""
    documents = tuple(_document(root / path, config) for path in config.documents)
    for name, count in Counter(document.document for document in documents).items():
        if count > 1:
            raise NnbenchError(
                f"document {name!r} stands in two files",
                got=", ".join(config.documents),
                todo="leave one out of `documents`, or give it another name by its key `document`",
            )
    return documents


def read_contexts(config: Config, *, root: Path = Path()) -> tuple[Context, ...]:
    """The contexts that are listed; none where none are asked for. NnbenchError if there are too few."""
    if not config.contexts:
        return ()
    found = read_space(root / config.context_space).all()
    if len(found) < config.contexts:
        raise NnbenchError(
            f"{config.context_space}: lists {len(found)} contexts",
            got=f"contexts: {config.contexts}",
            todo="list more of them (`nnbench contexts` draws them), or ask for fewer",
        )
    return found


def studies_of(config: Config, *, root: Path = Path()) -> dict[str, Study]:
    """The studies of a config by id, with the numbers of points and seeds that it asks for."""
    asked = {"points": config.study_points, "seeds": config.study_seeds}
    changes = {name: value for name, value in asked.items() if value is not None}
    return read_studies(config.studies, root=root, changes=changes)


def parse_config(data: Mapping[str, object], *, where: str = "config") -> Config:
    """Check the merged config that Snakemake or the command line gives."""
    for key in data if isinstance(data, Mapping) else ():
        setting = key if key in Settings.model_fields else meant(key, Settings.model_fields)
        if setting and key not in Config.model_fields and not meant(key, Config.model_fields):
            raise NnbenchError(
                f"{where}: {key!r} is no key of a config, but {setting!r} is a setting of trainings",
                todo=f"set it under `reference`: --config 'reference={{{setting}: …}}'",
            )
    return parse(Config, data, where=where)


def read_config(source: str, *over: str) -> Config:
    """Read a config from a path, or from JSON text (as Snakemake's rules pass it).

    Files in ``over`` are laid over it, as Snakemake lays its ``--configfile`` over the config.
    """
    if source.lstrip().startswith("{"):
        try:
            return parse_config(json.loads(source), where="config (JSON)")
        except (ValueError, RecursionError) as error:
            raise NnbenchError(
                f"config: not JSON ({error})",
                got=repr(source[:60]),
                todo="correct it, or name a config file",
            ) from None
    data = sections(Path(source))
    for path in over:
        data = laid_over(data, sections(Path(path)))
    return parse_config(data, where=" + ".join((source, *over)))


def sections(path: Path) -> dict[str, object]:
    """A config file's keys and values; NnbenchError if it holds something else.

    The documents of another project's ``config/config.yaml`` lie in that project.
    """
    found = read_yaml(path)
    if not isinstance(found, dict):
        raise NnbenchError(
            f"{path}: should be keys with values: {{key: value}}",
            got=_KINDS.get(type(found), "a value"),
            todo="begin with `documents: [config/claims/my.yaml]`; config/README.md lists the other keys",
        )
    project = path.resolve().parent.parent
    documents = found.get("documents")
    if str(path).endswith(DEFAULT_CONFIG) and project != Path.cwd() and isinstance(documents, list):
        found["documents"] = [str(project / str(document)) for document in documents]
        if isinstance(studies := found.get("studies"), list):
            found["studies"] = [str(project / str(study)) for study in studies]
        for key in ("context_space", "changes"):
            if isinstance(file := found.get(key), str):
                found[key] = str(project / file)
    return found


def laid_over(base: Mapping[str, object], top: Mapping[str, object]) -> dict[str, object]:
    """One config over another, section by section, as Snakemake merges them."""
    result = dict(base)
    for key, value in top.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = laid_over(below, value)  # noqa: PLW2901 - what is below shows through
        result[key] = value
    return result


def resolve_settings(layers: tuple[Mapping[str, object], ...], *, where: str) -> Settings:
    """Lay overrides, whole sections at a time, over the defaults; equal results are parsed once."""
    data = {key: value for layer in layers for key, value in layer.items()}
    try:
        return _settings(json.dumps(data, sort_keys=True))
    except (NnbenchError, TypeError, ValueError, RecursionError):
        return parse(Settings, data, where=where)  # to say where it is wrong


@cache
def _settings(text: str) -> Settings:
    return parse(Settings, json.loads(text), where="settings")


def json_schemas() -> dict[str, JsonSchema]:
    """JSON schemas of the config files, for editors: ``config`` and ``claims``."""
    return {
        "config": {**Config.model_json_schema(), "title": "nnbench config"},
        "claims": {**Document.model_json_schema(), "title": "nnbench claims of one document"},
        "studies": {**Studies.model_json_schema(), "title": "nnbench factor studies"},
        "changes": {**Changes.model_json_schema(), "title": "nnbench changes of claims"},
        "contexts": {**Space.model_json_schema(), "title": "nnbench space of contexts"},
        "dataset": {**own.json_schema(), "title": "nnbench data of a user's own"},
        "settings": {**Settings.model_json_schema(), "title": "nnbench training settings"},
    }
