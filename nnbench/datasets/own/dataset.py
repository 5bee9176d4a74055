"""A user's own data by path: wherever a config names a dataset, it may name a YAML file instead.

    format: csv              # or npz, or folder
    name: iris
    title: Iris
    source: where the data come from
    licence: CC0
    path: iris.csv           # relative to this file
    target: species

A plan reads what it must (sizes, classes); the samples are prepared once, as those of any dataset.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from nnbench.datasets.base import Dataset, Pools
from nnbench.datasets.own.base import (
    Outline,
    OwnData,
    Samples,
    check_names,
    check_sizes,
    wrong_data,
)
from nnbench.datasets.own.folder import FolderData, outline_folder, read_folder
from nnbench.datasets.own.npz import NpzData, outline_npz, read_npz_data
from nnbench.datasets.own.table import CsvData, outline_csv, read_csv
from nnbench.datasets.prepared.files import is_there
from nnbench.datasets.splits import Rows, share_rows, take
from nnbench.errors import NnbenchError, unknown_name
from nnbench.registry import DATASETS
from nnbench.schema import parse
from nnbench.yamlfile import read_yaml

TEST_SHARE = 0.3  # as of the tables that come with nnbench
VALIDATION_SHARE = 0.2
DEEPEST_FOLDER = 2  # below the data's


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way of storing data: the model of its keys, what a plan reads, what ``prepare`` reads."""

    model: type[OwnData]
    outline: Callable[[Any, Path], Outline]
    read: Callable[[Any, Path], Samples]
    is_folder: bool = False


FORMATS: Mapping[str, Format] = {
    "csv": Format(model=CsvData, outline=outline_csv, read=read_csv),
    "npz": Format(model=NpzData, outline=outline_npz, read=read_npz_data),
    "folder": Format(model=FolderData, outline=outline_folder, read=read_folder, is_folder=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A YAML file that was read: its keys, their format, and where the data lie."""

    spec: OwnData
    format: Format
    data: Path


def json_schema() -> dict[str, Any]:
    """The JSON schema of such a YAML file, for editors."""
    anyone = Annotated[CsvData | NpzData | FolderData, Field(discriminator="format")]
    return TypeAdapter(anyone).json_schema()


def read_description(path: Path) -> Described:
    """Read the YAML file that describes own data; the data must be there.

    Raises:
        NnbenchError: The file is missing or says something that makes no sense.
    """
    if not is_there(path):
        raise NnbenchError(
            f"dataset {str(path)!r}: no such file",
            allowed=f"a registered name ({', '.join(DATASETS)}), or the path of a YAML file",
            todo="correct the path; it starts at the folder from which nnbench is started",
        )
    content = read_yaml(path)
    kind = str(content.get("format")) if isinstance(content, dict) else "None"
    if kind not in FORMATS:
        raise unknown_name(f"{path}: format", kind, FORMATS)
    spec = parse(FORMATS[kind].model, content, where=str(path))
    if spec.name in DATASETS:
        raise NnbenchError(
            f"{path}: name: {spec.name!r} is a dataset of nnbench's own", todo="choose another name"
        )
    return Described(spec=spec, format=FORMATS[kind], data=_data_path(spec, FORMATS[kind], path))


def _data_path(spec: OwnData, form: Format, path: Path) -> Path:
    data = path.parent / spec.path
    if not is_there(data, folder=form.is_folder):
        kind = "folder" if form.is_folder else "file"
        raise NnbenchError(
            f"{path}: path: no such {kind}",
            got=str(data),
            todo="correct the path; it is relative to the YAML file",
        )
    return data


def dataset_at(path: Path) -> Dataset:
    """The dataset that a YAML file describes.

    Raises:
        NnbenchError: The file, the data or their sizes make no sense.
    """
    described = read_description(path)
    spec, outline = described.spec, described.format.outline(described.spec, described.data)
    check_names(described.data, outline.class_names)
    check_sizes(described.data, outline)
    if outline.test_labels is not None and spec.test_share is not None:
        raise NnbenchError(
            f"{path}: test_share: the data have a test part of their own",
            got=spec.test_share,
            todo="remove test_share, or the test part",
        )
    pool, test = _sizes(spec, outline)
    train, validation = _train_and_validation(spec, pool, path)
    return Dataset(
        name=spec.name,
        title=spec.title,
        source=spec.source,
        licence=spec.licence,
        input_shape=outline.input_shape,
        class_names=outline.class_names,
        scaling=spec.scaling or ("global" if len(outline.input_shape) == 3 else "feature"),
        train_size=train,
        validation_size=validation,
        test_size=test,
        load=partial(_load, described),
        **_target(spec),
    )


def _target(spec: OwnData) -> dict[str, Any]:
    """The fields of a dataset that only a regression has."""
    if not isinstance(spec, CsvData | NpzData) or spec.task == "classification":
        return {}
    name = spec.target if isinstance(spec, CsvData) else spec.target_name
    return {"task": "regression", "target_name": name, "target_unit": spec.target_unit}


def _load(described: Described, _data_folder: Path | None, _may_download: bool) -> Pools:
    """Read all samples and divide them; a test part stays what it is."""
    samples = described.format.read(described.spec, described.data)
    if samples.test is not None:
        return Pools(trainval=samples.train, test=samples.test)
    pool, test = _divided(described.spec, samples.outline())
    return Pools(trainval=take(samples.train, pool), test=take(samples.train, test))


def _divided(spec: OwnData, outline: Outline) -> tuple[Rows, Rows]:
    share = TEST_SHARE if spec.test_share is None else spec.test_share
    return share_rows(outline.labels, test_share=share, seed=spec.split_seed)


def _sizes(spec: OwnData, outline: Outline) -> tuple[int, int]:
    """Samples of the pool and of the test set."""
    if outline.test_labels is not None:
        return len(outline.labels), len(outline.test_labels)
    pool, test = _divided(spec, outline)
    return len(pool), len(test)


def _train_and_validation(spec: OwnData, pool: int, path: Path) -> tuple[int, int]:
    """Given sizes, or a fifth of the pool for validation and the rest for training."""
    validation = spec.validation_size or max(1, round(VALIDATION_SHARE * pool))
    train = spec.train_size or pool - validation
    if train < 1 or train + validation > pool:
        raise wrong_data(
            path,
            "train_size and validation_size do not fit the data",
            got=f"{train} + {validation}",
            allowed=f"together at most {pool} (the samples that are not in the test set)",
            todo="choose smaller ones, or leave them out",
        )
    return train, validation


def content_fingerprint(path: Path) -> str:
    """SHA-256 over the YAML file and the names and contents of all data files.

    Raises:
        NnbenchError: The YAML file or the data are missing.
    """
    described = read_description(path)
    digest = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n"))
    for name, file in _data_files(described.data):
        digest.update(f"\0{name}\0{_file_sha256(file)}".encode())
    return digest.hexdigest()


def _data_files(data: Path) -> Iterator[tuple[str, Path]]:
    """Each file's name below the data's folder, and the file; hidden ones do not count."""
    if data.is_file():
        yield data.name, data
        return
    for file in sorted(_walked(data)):
        name = file.relative_to(data)
        if is_there(file) and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), file


def _walked(data: Path) -> Iterator[Path]:
    """Files as deep as images may lie, ``train/<class>/<image>``; links may lead round in circles."""
    # they are followed, as they are where the images are read
    for folder, folders, names in os.walk(data, followlinks=True):
        if len(Path(folder).relative_to(data).parts) == DEEPEST_FOLDER:
            folders.clear()
        yield from (Path(folder, name) for name in names)


def _file_sha256(file: Path) -> str:
    try:
        state = file.stat()
        return _sha256_of(file, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise wrong_data(
            file, "cannot be read", got=error, todo="make it readable, or remove it"
        ) from error


@cache
def _sha256_of(file: Path, _modified_ns: int, _size: int) -> str:
    """Of a file in a certain state: read once a process, however often it is asked for."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
