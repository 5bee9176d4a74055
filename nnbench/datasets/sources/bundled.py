"""Data that lie inside scikit-learn: read without a network, and checked value by value."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbench.datasets.prepared.files import array_sha256, sha256
from nnbench.errors import NnbenchError

CHECKED_VERSION = "1.9.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """One of scikit-learn's sets.

    Attributes:
        name: The dataset's name in the registry.
        loader: The function of ``sklearn.datasets``.
        sha256: Over the SHA-256 of the inputs (float64, little endian) and that of the targets.
        options: Arguments of the loader.
    """

    name: str
    loader: str
    sha256: str
    options: Mapping[str, Any] = field(default_factory=dict)


def read_bundled(source: Bundled) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Inputs ``(N, features)`` and targets ``(N,)`` as scikit-learn has them.

    Raises:
        NnbenchError: scikit-learn is missing, or its data are not the ones that were checked.
    """
    inputs, targets = read_columns(source.name, source.loader, **source.options)
    digest = sha256((array_sha256(inputs) + array_sha256(targets)).encode())
    check_digest(source.name, digest, expected=source.sha256)
    return inputs, targets


def read_columns(
    name: str, loader: str, **options: Any
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Inputs and targets of any of scikit-learn's sets, not checked yet.

    Raises:
        NnbenchError: scikit-learn is missing.
    """
    try:
        bunch = getattr(importlib.import_module("sklearn.datasets"), loader)(**options)
    except (ImportError, OSError) as error:
        raise _wrong_package(name, "cannot be read", got=error, expected=None) from error
    return bunch.data.astype(np.float64), bunch.target.astype(np.float64)


def check_digest(name: str, digest: str, *, expected: str) -> None:
    """Compare a checksum of scikit-learn's data with the known one.

    Raises:
        NnbenchError: They differ.
    """
    if digest != expected:
        got = f"scikit-learn {metadata.version('scikit-learn')}, sha256 {digest}"
        what = "are not the ones that were checked"
        raise _wrong_package(name, what, got=got, expected=expected)


def _wrong_package(name: str, what: str, *, got: object, expected: str | None) -> NnbenchError:
    allowed = f"scikit-learn {CHECKED_VERSION}"
    return NnbenchError(
        f"dataset {name!r}: scikit-learn's data {what}",
        got=got,
        allowed=f"{allowed}, sha256 {expected}" if expected else allowed,
        todo=f"pip install --force-reinstall scikit-learn=={CHECKED_VERSION}",
    )
