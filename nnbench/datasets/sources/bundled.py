"""Data included in scikit-learn: read without a network, and verified by checksum."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import LABEL_TYPES, Arrays, Pools, Task
from nnbench.datasets.prepared.files import array_sha256, sha256
from nnbench.datasets.splits import stratified_share
from nnbench.errors import NnbenchError

CHECKED_VERSION = "1.9.1"
TEST_SHARE = 0.3  # of tables

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """One of scikit-learn's datasets."""

    name: str  # in the registry; read by ``sklearn.datasets.load_<name>``
    sha256: str  # of the concatenated SHA-256 of inputs and targets (float64, little endian)
    split_seed: int  # for the division into pool and test set
    task: Task = "classification"
    options: Mapping[str, bool] = field(default_factory=dict)  # scikit-learn's arguments


def load_table(source: Bundled, _data_folder: Path | None, _may_download: bool) -> Pools:
    """The pool and the test set, float32 ``(N, features)``; the test set gets 30 % of each class.

    For regression it gets three of every ten samples adjacent in target order. Errors as in ``read_bundled``.
    """
    inputs, targets = read_bundled(source)
    labels = targets.astype(LABEL_TYPES[source.task])
    arrays = Arrays(inputs=inputs.astype(np.float32), labels=labels)
    return stratified_share(arrays, test_share=TEST_SHARE, seed=source.split_seed)


def read_bundled(source: Bundled) -> tuple[Doubles, Doubles]:
    """Inputs ``(N, features)`` and targets ``(N,)`` from scikit-learn.

    Raises NnbenchError if scikit-learn is missing, or its data are not the ones that were checked.
    """
    where = f"dataset {source.name!r}: scikit-learn's data"
    try:
        load = getattr(importlib.import_module("sklearn.datasets"), f"load_{source.name}")
        bunch = load(**source.options)
    except (ImportError, OSError) as error:
        what = f"{where} cannot be read"
        raise wrong_package(
            what, got=error, package="scikit-learn", checked=source.sha256
        ) from error
    inputs, targets = bunch.data.astype(np.float64), bunch.target.astype(np.float64)
    digest = sha256((array_sha256(inputs) + array_sha256(targets)).encode())
    if digest != source.sha256:
        what = f"{where} are not the ones that were checked"
        got = f"scikit-learn {metadata.version('scikit-learn')}, sha256 {digest}"
        raise wrong_package(what, got=got, package="scikit-learn", checked=source.sha256)
    return inputs, targets


def wrong_package(
    what: str, *, got: object, package: str, checked: str, version: str = CHECKED_VERSION
) -> NnbenchError:
    """The error for a package whose data are missing, or do not have the SHA-256 ``checked``."""
    return NnbenchError(
        what,
        got=got,
        allowed=f"{package} {version}, sha256 {checked}",
        todo=f"pip install --force-reinstall {package}=={version}",
    )
