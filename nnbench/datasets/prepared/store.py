"""Prepared datasets on disk: written once by one process, read by every training job.

The test set has a file of its own, so that training code can be handed a pool without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import LABEL_TYPES, Arrays, Dataset, check_arrays, check_pools
from nnbench.datasets.prepared.files import (
    array_sha256,
    npz_bytes,
    read_npz,
    sha256,
    write_atomically,
)
from nnbench.datasets.prepared.manifest import (
    MANIFEST,
    Manifest,
    damaged,
    manifest_bytes,
    read_manifest,
)
from nnbench.errors import NnbenchError

__all__ = [
    "Manifest",
    "load_samples",
    "load_test",
    "load_trainval",
    "prepare",
    "read_manifest",
    "reference_checksum",
]

SAMPLES_PER_CLASS = 2
SAMPLES_MOST = 20
REFERENCE_SIZE = 1_000


def prepare(
    dataset: Dataset, folder: Path, *, data_folder: Path | None, download: bool
) -> Manifest:
    """Write a dataset's files and, last of all, its manifest.

    Fixed data: ``trainval.npz``, ``test.npz``, ``samples.npz``. Generated data: ``samples.npz`` and
    the checksum of a reference draw, by which a job can tell that it draws the same samples.

    Args:
        dataset: What to prepare.
        folder: Where to; it is created.
        data_folder: Where the source files of some datasets lie.
        download: Whether missing source files may be fetched.

    Raises:
        NnbenchError: The source is missing or damaged, the data are not what the dataset promises,
            or the folder cannot be written.
    """
    sets = _sets(dataset, data_folder, download=download)
    files = _files(sets)
    contents = {part: npz_bytes(_named(arrays)) for part, arrays in files.items()}
    manifest = _manifest(dataset, sets, files=files, contents=contents)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for part, content in contents.items():
            write_atomically(folder / f"{part}.npz", content)
        write_atomically(folder / MANIFEST, manifest_bytes(manifest))
    except OSError as error:
        raise NnbenchError(
            f"dataset {dataset.name!r}: cannot write to the folder {folder}",
            got=error,
            todo="free disk space, or choose a folder that can be written, and rerun",
        ) from error
    return manifest


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a prepared dataset with every file as its manifest says."""
    try:
        manifest = read_manifest(folder)
        return all(sha256((folder / n).read_bytes()) == s for n, s in manifest.files.items())
    except (NnbenchError, OSError):
        return False


def load_trainval(folder: Path) -> Arrays:
    """Read the pool that training and validation sets are drawn from.

    Raises:
        NnbenchError: The files are missing or damaged, or the dataset is a generated one.
    """
    return _load(folder, "trainval")


def load_test(folder: Path) -> Arrays:
    """Read the test set; for the evaluation at the end only.

    Raises:
        NnbenchError: The files are missing or damaged, or the dataset is a generated one.
    """
    return _load(folder, "test")


def load_samples(folder: Path) -> Arrays:
    """Read a few training samples for the report's picture: up to two of each class, at most 20.

    Of more than 10 classes it is one each of the first 20; of a regression, the first 20 rows.

    Raises:
        NnbenchError: The files are missing or damaged.
    """
    return _load(folder, "samples")


def reference_checksum(arrays: Arrays) -> str:
    """The SHA-256 over the checksums of inputs and labels."""
    return sha256((array_sha256(arrays.inputs) + array_sha256(arrays.labels)).encode())


def _sets(dataset: Dataset, data_folder: Path | None, *, download: bool) -> dict[str, Arrays]:
    """``trainval`` and ``test`` of fixed data; the ``reference`` draw of generated data."""
    if dataset.load is not None:
        pools = dataset.load(data_folder, download)
        check_pools(dataset, pools)
        return {"trainval": pools.trainval, "test": pools.test}
    assert dataset.draw is not None, "Dataset allows exactly one of load and draw"
    reference = dataset.draw(REFERENCE_SIZE, seed=0, stream="train")
    check_arrays(dataset, reference, part="reference draw")
    return {"reference": reference}


def _files(sets: Mapping[str, Arrays]) -> dict[str, Arrays]:
    """The content of each npz file; the reference draw is not stored, only its samples are."""
    first = next(iter(sets.values()))
    return {part: sets[part] for part in sets if part != "reference"} | {"samples": _samples(first)}


def _samples(arrays: Arrays) -> Arrays:
    """The first of each class ``(2 * classes, ...)``, in the order of classes; see ``load_samples``."""
    if arrays.labels.dtype != np.int64:
        return Arrays(inputs=arrays.inputs[:SAMPLES_MOST], labels=arrays.labels[:SAMPLES_MOST])
    classes = np.unique(arrays.labels)[:SAMPLES_MOST]
    each = max(1, min(SAMPLES_PER_CLASS, SAMPLES_MOST // len(classes)))
    rows = [np.flatnonzero(arrays.labels == label)[:each] for label in classes]
    index = np.concatenate(rows)
    return Arrays(inputs=arrays.inputs[index], labels=arrays.labels[index])


def _named(arrays: Arrays) -> dict[str, npt.NDArray[Any]]:
    return {"inputs": arrays.inputs, "labels": arrays.labels}


def _manifest(
    dataset: Dataset,
    sets: Mapping[str, Arrays],
    *,
    files: Mapping[str, Arrays],
    contents: Mapping[str, bytes],
) -> Manifest:
    stored = {part: arrays for part, arrays in files.items() if part in sets}
    reference = sets.get("reference")
    return Manifest(
        name=dataset.name,
        title=dataset.title,
        source=dataset.source,
        licence=dataset.licence,
        kind=dataset.kind,
        input_shape=dataset.input_shape,
        class_names=dataset.class_names,
        scaling=dataset.scaling,
        task=dataset.task,
        target_name=dataset.target_name,
        target_unit=dataset.target_unit,
        sizes=_sizes(dataset, stored),
        class_counts=_class_counts(dataset, stored),
        files={f"{part}.npz": sha256(content) for part, content in contents.items()},
        arrays=_array_checksums(files),
        reference_checksum=None if reference is None else reference_checksum(reference),
        numpy_version=np.__version__,
    )


def _sizes(dataset: Dataset, stored: Mapping[str, Arrays]) -> dict[str, int]:
    return {part: len(arrays) for part, arrays in stored.items()} | {
        "train": dataset.train_size,
        "validation": dataset.validation_size,
        "test": dataset.test_size,
    }


def _class_counts(dataset: Dataset, stored: Mapping[str, Arrays]) -> dict[str, tuple[int, ...]]:
    if dataset.task == "regression":
        return {}
    return {part: tuple(np.bincount(a.labels).tolist()) for part, a in stored.items()}


def _array_checksums(files: Mapping[str, Arrays]) -> dict[str, str]:
    return {
        f"{part}/{name}": array_sha256(array)
        for part, arrays in files.items()
        for name, array in _named(arrays).items()
    }


def _load(folder: Path, part: str) -> Arrays:
    manifest, path = read_manifest(folder), folder / f"{part}.npz"
    if path.name not in manifest.files:
        raise NnbenchError(
            f"dataset {manifest.name!r} in {folder} has no {path.name}",
            got=f"{manifest.kind} data",
            allowed=", ".join(sorted(manifest.files)),
            todo="draw its samples with the dataset's draw(n, seed=..., stream=...)",
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise damaged(path, "cannot be read", got=error) from error
    if (digest := sha256(content)) != manifest.files[path.name]:
        raise damaged(path, "is damaged: its checksum differs", got=f"sha256 {digest}")
    try:
        arrays = Arrays(**read_npz(content))
    except (ValueError, TypeError, NnbenchError) as error:
        raise damaged(path, "does not hold plain inputs and labels", got=error) from error
    _check_kind(arrays, manifest, path)
    return arrays


def _check_kind(arrays: Arrays, manifest: Manifest, path: Path) -> None:
    """See that the samples are of the manifest's kind: a label out of range would crash a job."""
    found = (arrays.inputs.shape[1:], str(arrays.labels.dtype))
    promised = (manifest.input_shape, LABEL_TYPES[manifest.task])
    classes = len(manifest.class_names)
    labels = arrays.labels if manifest.task == "classification" else arrays.labels[:0]
    if found != promised or ((labels < 0) | (labels >= classes)).any():
        raise damaged(
            path,
            "holds other samples than its manifest says",
            got=f"inputs {found[0]}, labels {found[1]}",
        )
