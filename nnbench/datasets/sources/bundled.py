"""Data included in scikit-learn: read without a network, and verified by checksum."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
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

    def load(self, _data_folder: Path | None, _may_download: bool) -> Pools:
        """The pool and the test set, float32 ``(N, features)``; the test set gets 30 % of each class.

        For regression it gets three of every ten samples adjacent in target order. Errors as in ``read``.
        """
        inputs, targets = self.read()
        labels = targets.astype(LABEL_TYPES[self.task])
        arrays = Arrays(inputs=inputs.astype(np.float32), labels=labels)
        return stratified_share(arrays, test_share=TEST_SHARE, seed=self.split_seed)

    def read(self) -> tuple[Doubles, Doubles]:
        """Inputs ``(N, features)`` and targets ``(N,)`` from scikit-learn.

        Raises NnbenchError if scikit-learn is missing, or its data are not the ones that were checked.
        """
        what = f"dataset {self.name!r}: scikit-learn's data"
        refused = partial(wrong_package, package="scikit-learn", checked=self.sha256)
        try:
            load = getattr(importlib.import_module("sklearn.datasets"), f"load_{self.name}")
            bunch = load(**self.options)
        except (ImportError, OSError) as error:
            raise refused(f"{what} cannot be read", got=error) from error
        inputs, targets = bunch.data.astype(np.float64), bunch.target.astype(np.float64)
        digest = sha256((array_sha256(inputs) + array_sha256(targets)).encode())
        if digest != self.sha256:
            got = f"scikit-learn {metadata.version('scikit-learn')}, sha256 {digest}"
            raise refused(f"{what} are not the ones that were checked", got=got)
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
