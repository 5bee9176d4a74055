"""A user's own data by path: wherever a config names a dataset, it may name a YAML file instead.

    format: csv              # or npz, or folder
    name: iris
    title: Iris
    source: where the data come from
    licence: CC0
    path: iris.csv           # relative to this file
    target: species

A plan reads only what it needs (sizes, classes); the samples are prepared once, as for any dataset.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter

from nnbench.datasets.apart import most_left_out
from nnbench.datasets.base import Arrays, Pools, Rows, take
from nnbench.datasets.own.common import (
    OwnData,
    OwnDataset,
    Samples,
    check_inputs,
    check_samples,
)
from nnbench.datasets.own.folder import FolderData
from nnbench.datasets.own.groups import equal_inputs, joined, share_groups
from nnbench.datasets.own.npz import NpzData
from nnbench.datasets.own.table import CsvData
from nnbench.datasets.prepared.files import is_there
from nnbench.datasets.splits import share_rows
from nnbench.errors import NnbenchError, unknown_name
from nnbench.registry import DATASETS
from nnbench.schema import parse
from nnbench.yamlfile import read_yaml

TEST_SHARE = 0.3  # as for the tables that come with nnbench
VALIDATION_SHARE = 0.2
LEVELS = ("*", "*/*", "*/*/*")  # train/<class>/<image>; no deeper, since links may form a circle
OwnFormat = CsvData | NpzData | FolderData
FORMATS: Mapping[str, type[OwnFormat]] = {"csv": CsvData, "npz": NpzData, "folder": FolderData}


def json_schema() -> dict[str, object]:
    """The JSON schema of such a YAML file, for editors."""
    return TypeAdapter(Annotated[OwnFormat, Field(discriminator="format")]).json_schema()


def read_description(path: Path) -> tuple[OwnFormat, Path]:
    """The keys of the YAML file that describes own data, and the path of the data, which must exist.

    Raises NnbenchError if the file is missing or says something that makes no sense.
    """
    if not is_there(path):
        raise NnbenchError(
            f"dataset {str(path)!r}: no such file",
            allowed=f"a registered name ({', '.join(DATASETS)}), or the path of a YAML file",
            todo="correct the path; it starts at the folder from which nnbench is started",
        )
    content = read_yaml(path)
    if not isinstance(content, dict) or "format" not in content:
        allowed, todo = f"format: {', '.join(FORMATS)}", "say which format the data have"
        raise NnbenchError(f"{path}: the key `format` is missing", allowed=allowed, todo=todo)
    name = str(content["format"])
    if name not in FORMATS:
        raise unknown_name(f"{path}: format", name, FORMATS)
    spec = parse(FORMATS[name], content, where=str(path))
    if spec.name in DATASETS:
        what = f"{path}: name: {spec.name!r} is a dataset of nnbench's own"
        raise NnbenchError(what, todo="choose another name")
    data, is_folder = path.parent / spec.path, name == "folder"
    if not is_there(data, folder=is_folder):
        what = f"{path}: path: no such {'folder' if is_folder else 'file'}"
        todo = "correct the path; it is relative to the YAML file"
        raise NnbenchError(what, got=str(data), todo=todo)
    return spec, data


def dataset_at(path: Path) -> OwnDataset:
    """The dataset that a YAML file describes; NnbenchError if it, the data or their sizes make no sense."""
    spec, data = read_description(path)
    with naming(data):
        samples = spec.samples(data)
        check_samples(samples)
        _check_own_test(spec, samples)
        own_test = len(samples.labels) > 1
        labels = samples.labels
        rows = None if own_test else divided(spec, samples)
        pool, test = labels if rows is None else [labels[0][part] for part in rows]
        groups = groups_of(spec, samples)
    pooled = None if groups is None or rows is None else groups[rows[0]]
    train, validation = _train_and_validation(spec, len(pool), path, pooled)
    target_name, target_unit = ("", "") if samples.class_names else samples.target
    classes = len(samples.class_names)
    return OwnDataset(
        name=spec.name,
        title=spec.title,
        source=spec.source,
        licence=spec.licence,
        input_shape=samples.input_shape,
        class_names=samples.class_names,
        scaling=spec.scaling or ("global" if len(samples.input_shape) == 3 else "feature"),
        train_size=train,
        validation_size=validation,
        test_size=len(test),
        load=partial(_load, spec, data),
        one_set=not own_test,
        task="classification" if samples.class_names else "regression",
        target_name=target_name,
        target_unit=target_unit,
        pool_counts=tuple(np.bincount(pool.astype(np.int64)).tolist()) if classes else (),
    )


def _check_own_test(spec: OwnFormat, samples: Samples) -> None:
    """NnbenchError for keys of a split, where the data bring theirs."""
    for key in ("test_share", "duplicates"):
        if len(samples.labels) > 1 and (given := getattr(spec, key)) is not None:
            raise NnbenchError(
                f"{key}: the data have a test set of their own",
                got=given,
                todo=f"remove {key}, or the test set",
            )


@contextmanager
def naming(data: Path) -> Iterator[None]:
    """Put the path of the data in front of an error about them."""
    try:
        yield
    except NnbenchError as error:
        raise error.at(str(data)) from error


def _load(spec: OwnFormat, data: Path, _data_folder: Path | None, _may_download: bool) -> Pools:
    """Read all samples and divide them; a test set of the data's own is kept."""
    with naming(data):
        samples = spec.samples(data)
        pairs = zip(samples.read(), samples.labels, strict=True)
        groups = groups_of(spec, samples)
        sets = [Arrays(inputs=inputs, labels=labels, groups=groups) for inputs, labels in pairs]
        for arrays, where in zip(sets, ("", " in the test set"), strict=False):
            check_inputs(arrays.inputs, where=where)
    if len(sets) == 1:
        sets = [take(sets[0], rows) for rows in divided(spec, samples)]
    return Pools(trainval=sets[0], test=sets[1])


def divided(spec: OwnData, samples: Samples) -> tuple[Rows, Rows]:
    """The rows of the pool and of the test set; NnbenchError if what is kept together allows no such."""
    share = TEST_SHARE if spec.test_share is None else spec.test_share
    labels, groups = samples.labels[0], groups_of(spec, samples)
    if groups is None:
        return share_rows(labels, test_share=share, seed=spec.split_seed)
    return share_groups(labels, groups, test_share=share, seed=spec.split_seed)


def groups_of(spec: OwnData, samples: Samples) -> Rows | None:
    """A number for each sample, the same for those that are kept together; None: no two are."""
    if not spec.duplicates:
        return samples.groups
    twins = equal_inputs(samples.read()[0])
    return twins if samples.groups is None else joined(samples.groups, twins)


def _train_and_validation(
    spec: OwnData, pool: int, path: Path, groups: Rows | None
) -> tuple[int, int]:
    """Given sizes, or a fifth of the pool for validation and the rest for training."""
    validation = spec.validation_size or max(1, round(VALIDATION_SHARE * pool))
    pool -= 0 if groups is None else most_left_out(groups, validation)
    train = spec.train_size or pool - validation
    if train < 1 or train + validation > pool:
        raise NnbenchError(
            f"{path}: train_size and validation_size do not fit the data",
            got=f"{train} + {validation}",
            allowed=f"together at most {pool} (the samples outside the test set"
            + (
                ")" if groups is None else ", less those of groups that validation has no room for)"
            ),
            todo="choose smaller ones, or leave them out",
        )
    return train, validation


def content_fingerprint(path: Path) -> str:
    """SHA-256 over the YAML file and the names and contents of all data files, which must exist."""
    _, data = read_description(path)
    digest = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n"))
    for name, file in _data_files(data):
        try:
            state = file.stat()
            content = _sha256_of(file, state.st_mtime_ns, state.st_size)
        except OSError as error:
            todo = "make it readable, or remove it"
            raise NnbenchError(f"{file}: cannot be read", got=error, todo=todo) from error
        digest.update(f"\0{name}\0{content}".encode())
    return digest.hexdigest()


def _data_files(data: Path) -> Iterator[tuple[str, Path]]:
    """Each file's name below the data folder, and the file; hidden ones are ignored."""
    if data.is_file():
        yield data.name, data
        return
    for file in sorted(file for level in LEVELS for file in data.glob(level)):
        name = file.relative_to(data)
        if is_there(file) and not any(piece.startswith(".") for piece in name.parts):
            yield name.as_posix(), file


@cache
def _sha256_of(file: Path, _modified_ns: int, _size: int) -> str:
    """Of a file in a certain state: read once per process, however often it is asked for."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def forget_files() -> None:
    """Read every data file anew: an edit may leave its size and time as they were."""
    _sha256_of.cache_clear()
