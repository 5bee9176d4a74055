"""Cats, dogs, cars and chairs: three classes of CIFAR-10 and one of CIFAR-100.

CIFAR-10 has 5,000 training and 1,000 test images per class, CIFAR-100 has 500 and 100. The first 500 and 100
of every class are used, so that all classes have equally many. They alternate: cat, dog, automobile, chair,
cat, …

The chairs come from a different set. Both sets were selected from the same collection of tiny images, but any
difference in selection can help a network to tell chairs from the rest.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnbench.datasets import cifar10, cifar100
from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.images import CIFAR_LICENCE, CIFAR_REPORT
from nnbench.errors import NnbenchError

CLASS_NAMES = ("cat", "dog", "automobile", "chair")
TRAIN_PER_CLASS = 500
TEST_PER_CLASS = 100


def load(data_folder: Path | None, may_download: bool) -> Pools:
    """The pool (2000, 3, 32, 32) and test set (400, 3, 32, 32), uint8; errors as in ``ImageFiles.load``."""
    ten = cifar10.SOURCE.load(data_folder, may_download)
    hundred = cifar100.SOURCE.load(data_folder, may_download)
    return Pools(
        trainval=_alternating(ten.trainval, hundred.trainval, each=TRAIN_PER_CLASS),
        test=_alternating(ten.test, hundred.test, each=TEST_PER_CLASS),
    )


def _alternating(ten: Arrays, hundred: Arrays, *, each: int) -> Arrays:
    """The first ``each`` images of every class in file order, alternating between classes."""
    classes = []
    for name in CLASS_NAMES:
        is_ten = name in cifar10.DATASET.class_names
        arrays, dataset = (ten, cifar10.DATASET) if is_ten else (hundred, cifar100.DATASET)
        rows = np.flatnonzero(arrays.labels == dataset.class_names.index(name))[:each]
        if len(rows) < each:
            raise NnbenchError(
                "dataset 'cifar_everyday': too few images of a class",
                got=f"{name} {len(rows)}",
                allowed=f"at least {each} of each",
                todo="use the complete files of CIFAR-10 and CIFAR-100",
            )
        classes.append(arrays.inputs[rows])
    inputs: npt.NDArray[np.uint8] = np.stack(classes, axis=1)
    return Arrays(
        inputs=inputs.reshape(-1, *inputs.shape[2:]),
        labels=np.tile(np.arange(len(CLASS_NAMES), dtype=np.int64), each),
    )


DATASET = Dataset(
    name="cifar_everyday",
    title="Cats, dogs, cars, chairs (CIFAR)",
    source=f"{CIFAR_REPORT}; three classes of CIFAR-10, one of CIFAR-100, by way of torchvision",
    licence=CIFAR_LICENCE,
    input_shape=(3, 32, 32),
    class_names=CLASS_NAMES,
    scaling="global",
    train_size=1_600,
    validation_size=400,
    test_size=400,
    load=load,
)
