"""MNIST: 70,000 handwritten digits, with the split of its authors."""

from __future__ import annotations

from pathlib import Path

from nnbench.datasets.base import Dataset, Pools
from nnbench.datasets.sources.idx_images import idx_files, load_images

SOURCE = idx_files(
    "mnist",
    "MNIST",
    md5={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)


def load(data_folder: Path | None, may_download: bool) -> Pools:
    """See ``load_images``."""
    return load_images(SOURCE, data_folder, download=may_download)


DATASET = Dataset(
    name="mnist",
    title="MNIST",
    source="LeCun, Cortes, Burges: the MNIST database of handwritten digits; by way of torchvision",
    licence="CC BY-SA 3.0",
    input_shape=(1, 28, 28),
    class_names=tuple("0123456789"),
    scaling="global",
    train_size=50_000,
    validation_size=10_000,
    test_size=10_000,
    load=load,
)
