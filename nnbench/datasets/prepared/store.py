"""Prepared datasets on disk: written once by one process, read by every training job.

The test set is in a separate file, so that training code can be given a pool without it. The loaders raise
NnbenchError for missing or damaged files, and for those that generated data do not have.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationError

from nnbench.datasets.base import (
    LABEL_TYPES,
    STREAMS,
    Arrays,
    Dataset,
    Scaling,
    Task,
    check_arrays,
    check_pools,
    take,
)
from nnbench.datasets.prepared.files import (
    array_sha256,
    npz_bytes,
    read_npz,
    sha256,
    write_atomically,
)
from nnbench.errors import NnbenchError
from nnbench.schema import Strict, first_problem

MANIFEST = "manifest.json"
SAMPLES_PER_CLASS = 2
SAMPLES_MOST = 20
CHECKED_DRAW = 1_000  # generated samples that are checked against the dataset's description

Size = Annotated[int, Field(ge=0)]
FileName = Annotated[str, Field(pattern=r"^[a-z]+\.npz$")]


class Manifest(Strict):
    """What ``prepare`` writes last; the first fields are those of ``Dataset``."""

    name: str
    title: str
    source: str
    licence: str
    kind: Literal["fixed", "generated"]
    input_shape: tuple[Size, ...]
    class_names: tuple[str, ...]
    scaling: Scaling
    task: Task
    target_name: str
    target_unit: str
    sizes: Mapping[str, Size]  # train, validation, test; of fixed data also trainval
    class_counts: Mapping[str, tuple[Size, ...]]  # trainval and test of fixed classification data
    files: Mapping[FileName, str]  # SHA-256
    arrays: Mapping[str, str]  # SHA-256 of the values, by ``file/array``: ``test/labels``
    numpy_version: str  # that prepared the data


def prepare(
    dataset: Dataset, folder: Path, *, data_folder: Path | None, download: bool
) -> Manifest:
    """Write a dataset's files to ``folder``, which is created, and its manifest last.

    Fixed data: ``trainval.npz``, ``test.npz``, ``samples.npz``. Generated data: ``samples.npz``. Source files
    are read from ``data_folder``; ``download`` allows fetching missing ones. Raises NnbenchError if the
    source is missing or damaged, the data do not match the dataset's description, or the folder is not
    writable.
    """
    sets = _sets(dataset, data_folder, download=download)
    contents = {name: npz_bytes(arrays.named()) for name, arrays in sets.items()}
    manifest = _manifest(dataset, sets, contents=contents)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for name, content in contents.items():
            write_atomically(folder / f"{name}.npz", content)
        write_atomically(folder / MANIFEST, manifest_bytes(manifest))
    except OSError as error:
        raise NnbenchError(
            f"dataset {dataset.name!r}: cannot write to the folder {folder}",
            got=error,
            todo="free disk space, or choose a folder that can be written, and rerun",
        ) from error
    return manifest


def manifest_bytes(manifest: Manifest) -> bytes:
    """The content of ``manifest.json``; equal manifests give equal bytes."""
    values = manifest.model_dump(mode="json")
    return (json.dumps(values, indent=2, sort_keys=True) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a prepared dataset; NnbenchError if it is missing or damaged."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise NnbenchError(
            f"dataset file {path} is missing: the dataset was not prepared here, or preparing it was interrupted",
            todo="prepare it: `nnbench prepare NAME FOLDER`, or start snakemake, which does it first",
        ) from error
    except ValidationError as error:
        raise _damaged(path, "cannot be read as a manifest", got=first_problem(error)) from None
    except OSError as error:
        raise _damaged(path, "cannot be read as a manifest", got=error) from error


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a prepared dataset whose files all match its manifest."""
    try:
        manifest = read_manifest(folder)
        return all(sha256((folder / n).read_bytes()) == s for n, s in manifest.files.items())
    except (NnbenchError, OSError):
        return False


def load_trainval(folder: Path) -> Arrays:
    """Read the pool from which training and validation sets are drawn."""
    return _load(folder, "trainval.npz")


def load_test(folder: Path) -> Arrays:
    """Read the test set; only for the final evaluation."""
    return _load(folder, "test.npz")


def load_samples(folder: Path) -> Arrays:
    """Read a few training samples for the report's picture: up to two per class, at most 20.

    With more than 10 classes, one from each of the first 20; for regression, the first 20 rows.
    """
    return _load(folder, "samples.npz")


def _sets(dataset: Dataset, data_folder: Path | None, *, download: bool) -> dict[str, Arrays]:
    """The content of each npz file, by file name."""
    if dataset.load is not None:
        pools = dataset.load(data_folder, download)
        check_pools(dataset, pools)
        samples = _samples(pools.trainval)
        return {"trainval": pools.trainval, "test": pools.test, "samples": samples}
    assert dataset.draw is not None, "Dataset allows exactly one of load and draw"
    drawn = dataset.draw(CHECKED_DRAW, seed=0, stream="train")
    check_arrays(dataset, drawn, name="first draw")
    return {"samples": _samples(drawn)}


def _samples(arrays: Arrays) -> Arrays:
    """The first samples of each class, in the order of classes; see ``load_samples``."""
    if arrays.labels.dtype != np.int64:
        return take(arrays, np.arange(min(len(arrays), SAMPLES_MOST)))
    classes = np.unique(arrays.labels)[:SAMPLES_MOST]
    each = max(1, min(SAMPLES_PER_CLASS, SAMPLES_MOST // len(classes)))
    rows = [np.flatnonzero(arrays.labels == label)[:each] for label in classes]
    return take(arrays, np.concatenate(rows))


def _manifest(
    dataset: Dataset, sets: Mapping[str, Arrays], *, contents: Mapping[str, bytes]
) -> Manifest:
    stored = {name: arrays for name, arrays in sets.items() if name != "samples"}
    defaults = {stream: getattr(dataset, f"{stream}_size") for stream in STREAMS}
    classified = stored if dataset.task == "classification" else {}
    shared = {n: getattr(dataset, n) for n in Manifest.model_fields if hasattr(dataset, n)}
    return Manifest(
        **shared,
        sizes={name: len(arrays) for name, arrays in stored.items()} | defaults,
        class_counts={n: tuple(np.bincount(a.labels).tolist()) for n, a in classified.items()},
        files={f"{name}.npz": sha256(content) for name, content in contents.items()},
        arrays={
            f"{name}/{array}": array_sha256(values)
            for name, arrays in sets.items()
            for array, values in arrays.named().items()
        },
        numpy_version=np.__version__,
    )


def _load(folder: Path, name: str) -> Arrays:
    manifest, path = read_manifest(folder), folder / name
    if name not in manifest.files:
        raise NnbenchError(
            f"dataset {manifest.name!r} in {folder} has no {name}",
            got=f"{manifest.kind} data",
            allowed=", ".join(sorted(manifest.files)),
            todo="draw its samples with the dataset's draw(n, seed=..., stream=...)",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _damaged(path, "cannot be read", got=error) from error
    if (digest := sha256(content)) != manifest.files[name]:
        raise _damaged(path, "is damaged: its checksum differs", got=f"sha256 {digest}")
    try:
        arrays = Arrays(**read_npz(content))
    except (ValueError, TypeError, NnbenchError) as error:
        raise _damaged(path, "does not hold plain inputs and labels", got=error) from error
    _check_kind(arrays, manifest, path)
    return arrays


def _check_kind(arrays: Arrays, manifest: Manifest, path: Path) -> None:
    """Check samples against the manifest: a label out of range would crash a job."""
    found = (arrays.inputs.shape[1:], str(arrays.labels.dtype))
    promised = (manifest.input_shape, LABEL_TYPES[manifest.task])
    classes = len(manifest.class_names)
    labels = arrays.labels if manifest.task == "classification" else arrays.labels[:0]
    if found != promised or ((labels < 0) | (labels >= classes)).any():
        got = f"inputs {found[0]}, labels {found[1]}"
        raise _damaged(path, "holds other samples than its manifest says", got=got)


def _damaged(path: Path, what: str, *, got: object = None) -> NnbenchError:
    """The error for a file of a prepared dataset that is missing or has changed."""
    todo = "delete the folder and rerun, so that the dataset is prepared anew"
    return NnbenchError(f"dataset file {path} {what}", got=got, todo=todo)
