"""Digits: the 1,797 images of 8 x 8 pixels that come with scikit-learn.

Pixels are whole numbers 0 ... 16 in the source; here they are float32 and divided by 16 (exact in
binary), so that 1 means full ink as in the other image sets. None occurs twice.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.prepared.files import sha256
from nnbench.datasets.sources.bundled import check_digest, read_columns
from nnbench.datasets.splits import stratified

# Of the pixels (1797 x 64) followed by the labels (1797), each one byte.
DATA_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
SPLIT_SEED = 20_240_502
TEST_PER_CLASS = 36


def load(_data_folder: Path | None, _may_download: bool) -> Pools:
    """The pool ``(1437, 1, 8, 8)`` and the test set ``(360, 1, 8, 8)``, float32 in [0, 1].

    Raises:
        NnbenchError: scikit-learn is missing, or its data are not the ones that were checked.
    """
    return stratified(read(), test_per_class=TEST_PER_CLASS, seed=SPLIT_SEED)


def read() -> Arrays:
    """All samples ``(1797, 1, 8, 8)`` in scikit-learn's order.

    Raises:
        NnbenchError: scikit-learn is missing, or its data are not the ones that were checked.
    """
    data, target = read_columns("digits", "load_digits")
    pixels, labels = data.astype(np.uint8), target.astype(np.uint8)
    check_digest("digits", sha256(pixels.tobytes() + labels.tobytes()), expected=DATA_SHA256)
    inputs = pixels.reshape(-1, 1, 8, 8).astype(np.float32) / np.float32(16)
    return Arrays(inputs=inputs, labels=labels.astype(np.int64))


DATASET = Dataset(
    name="digits",
    title="Digits 8 x 8",
    source=(
        "Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI 1998, test part; "
        "as in scikit-learn's load_digits"
    ),
    licence="CC BY 4.0 (UCI), BSD-3-Clause (scikit-learn)",
    input_shape=(1, 8, 8),
    class_names=tuple("0123456789"),
    scaling="global",
    train_size=1_200,
    validation_size=237,
    test_size=360,
    load=load,
)
