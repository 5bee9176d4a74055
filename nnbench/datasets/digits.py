"""Digits: the 1,797 images of 8 x 8 pixels that come with scikit-learn.

Pixels are integers 0 ... 16 in the source; here they are float32 and divided by 16 (exact in binary), so that
1 means full ink as in the other image sets. No image occurs twice.
"""

from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.bundled import Bundled
from nnbench.datasets.splits import stratified

SOURCE = Bundled(
    name="digits",
    sha256="d65b2adfb700010fbf02feca90eedd2261959169b008d437c409e1efbdbb71da",
    split_seed=20_240_502,
)
TEST_PER_CLASS = 36


def load(_data_folder: Path | None, _may_download: bool) -> Pools:
    """Pool (1437, 1, 8, 8) and test set (360, 1, 8, 8), float32 in [0, 1]; errors as in ``Bundled.read``."""
    pixels, labels = SOURCE.read()
    inputs = pixels.reshape(-1, 1, 8, 8).astype(np.float32) / np.float32(16)
    arrays = Arrays(inputs=inputs, labels=labels.astype(np.int64))
    return stratified(arrays, test_per_class=TEST_PER_CLASS, seed=SOURCE.split_seed)


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
    one_set=True,
)
