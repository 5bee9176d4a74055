"""Cats, dogs, cars and chairs: three classes of CIFAR-10 and one of CIFAR-100.

CIFAR-10 has 5,000 training and 1,000 test images of a class, CIFAR-100 has 500 and 100. Of every
class the first 500 and the first 100 are taken, so that no class is learned from more images than
another, and each is measured on equally many. They come in turns: cat, dog, automobile, chair, cat, …

The chairs come from another set than the rest. Both are parts of the same collection of tiny images,
but any difference in how they were chosen can help a network to tell chairs from the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnbench.datasets import cifar10, cifar100
from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.cifar_batches import IMAGE_SHAPE, LICENCE, REPORT
from nnbench.errors import NnbenchError

CLASS_NAMES = ("cat", "dog", "automobile", "chair")
TRAIN_PER_CLASS = 500
TEST_PER_CLASS = 100


def load(data_folder: Path | None, may_download: bool) -> Pools:
    """The pool ``(2000, 3, 32, 32)`` and the test set ``(400, 3, 32, 32)``, uint8.

    Raises:
        NnbenchError: Files of CIFAR-10 or CIFAR-100 are missing or damaged.
    """
    ten = cifar10.load(data_folder, may_download)
    hundred = cifar100.load(data_folder, may_download)
    return Pools(
        trainval=_in_turns(_by_name(ten.trainval, hundred.trainval), TRAIN_PER_CLASS),
        test=_in_turns(_by_name(ten.test, hundred.test), TEST_PER_CLASS),
    )


def _by_name(ten: Arrays, hundred: Arrays) -> dict[str, Arrays]:
    """The images of each class of this set, in the order of their files."""
    found = {}
    for name in CLASS_NAMES:
        names, arrays = (
            (cifar10.DATASET.class_names, ten)
            if name in cifar10.DATASET.class_names
            else (cifar100.CLASS_NAMES, hundred)
        )
        rows = arrays.labels == names.index(name)
        found[name] = Arrays(inputs=arrays.inputs[rows], labels=arrays.labels[rows])
    return found


def _in_turns(classes: Mapping[str, Arrays], each: int) -> Arrays:
    """The first ``each`` images of every class, one of each at a time."""
    if few := {name: len(arrays) for name, arrays in classes.items() if len(arrays) < each}:
        raise NnbenchError(
            "dataset 'cifar_everyday': too few images of a class",
            got=", ".join(f"{name} {count}" for name, count in few.items()),
            allowed=f"at least {each} of each",
            todo="use the complete files of CIFAR-10 and CIFAR-100",
        )
    inputs: npt.NDArray[np.uint8] = np.stack(
        [classes[name].inputs[:each] for name in CLASS_NAMES], axis=1
    )
    return Arrays(
        inputs=inputs.reshape(-1, *inputs.shape[2:]),
        labels=np.tile(np.arange(len(CLASS_NAMES), dtype=np.int64), each),
    )


DATASET = Dataset(
    name="cifar_everyday",
    title="Cats, dogs, cars, chairs (CIFAR)",
    source=f"{REPORT}; three classes of CIFAR-10, one of CIFAR-100, by way of torchvision",
    licence=LICENCE,
    input_shape=IMAGE_SHAPE,
    class_names=CLASS_NAMES,
    scaling="global",
    train_size=1_600,
    validation_size=400,
    test_size=400,
    load=load,
)
