"""CIFAR-10 and CIFAR-100 with their authors' split, and cats, dogs, cars and chairs out of both.

Some test images of both sets have near or exact duplicates among the training images: 3.3 % in CIFAR-10 and
10 % in CIFAR-100 (Barz, Denzler: Do we train on test data?, J. Imaging 2020). They are kept, as in other
published results.
"""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.images import ImageFiles
from nnbench.errors import NnbenchError

REPORT = "Krizhevsky: Learning multiple layers of features from tiny images, Toronto 2009"
CIFAR10_FILES = ImageFiles(
    name="cifar10",
    torchvision_class="CIFAR10",
    folder="cifar-10-batches-py",
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
)
CIFAR100_FILES = ImageFiles(
    name="cifar100",
    torchvision_class="CIFAR100",
    folder="cifar-100-python",
    md5={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
)
_images = partial(
    Dataset,
    licence="none stated by the authors, who ask for a citation",
    input_shape=(3, 32, 32),
    scaling="global",
)
_whole = partial(
    _images,
    source=f"{REPORT}; by way of torchvision",
    train_size=40_000,
    validation_size=10_000,
    test_size=10_000,
)

CIFAR10 = _whole(
    name="cifar10",
    title="CIFAR-10",
    class_names=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    load=CIFAR10_FILES.load,
)
CIFAR100 = _whole(
    name="cifar100",
    title="CIFAR-100",
    class_names=tuple(  # the fine labels, in the order of the file ``meta``
        """
        apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
        bowl boy bridge bus butterfly camel can castle caterpillar cattle
        chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
        dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
        lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
        mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
        plain plate poppy porcupine possum rabbit raccoon ray road rocket
        rose sea seal shark shrew skunk skyscraper snail snake spider
        squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
        train trout tulip turtle wardrobe whale willow_tree wolf woman worm
        """.split()  # noqa: SIM905 - a hundred quoted names are no easier to read
    ),
    load=CIFAR100_FILES.load,
)

# CIFAR-10 has 5,000 training and 1,000 test images per class, CIFAR-100 has 500 and 100.
EVERYDAY_NAMES = ("cat", "dog", "automobile", "chair")
TRAIN_PER_CLASS = 500
TEST_PER_CLASS = 100


def load_everyday(data_folder: Path | None, may_download: bool) -> Pools:
    """Three classes of CIFAR-10 and one of CIFAR-100, equally many of each; errors as in ``ImageFiles.load``.

    Returns the pool (2000, 3, 32, 32) and test set (400, 3, 32, 32), uint8. The chairs come from a different
    set. Both sets were selected from the same collection of tiny images, but any difference in selection can
    help a network to tell chairs from the rest.
    """
    ten = CIFAR10_FILES.load(data_folder, may_download)
    hundred = CIFAR100_FILES.load(data_folder, may_download)
    return Pools(
        trainval=_alternating(ten.trainval, hundred.trainval, each=TRAIN_PER_CLASS),
        test=_alternating(ten.test, hundred.test, each=TEST_PER_CLASS),
    )


def _alternating(ten: Arrays, hundred: Arrays, *, each: int) -> Arrays:
    """The first ``each`` images of every class in file order: cat, dog, automobile, chair, cat, and so on."""
    classes = []
    for name in EVERYDAY_NAMES:
        arrays, dataset = (ten, CIFAR10) if name in CIFAR10.class_names else (hundred, CIFAR100)
        rows = np.flatnonzero(arrays.labels == dataset.class_names.index(name))[:each]
        if len(rows) < each:
            what = "dataset 'cifar_everyday': too few images of a class"
            got, allowed = f"{name} {len(rows)}", f"at least {each} of each"
            todo = "use the complete files of CIFAR-10 and CIFAR-100"
            raise NnbenchError(what, got=got, allowed=allowed, todo=todo)
        classes.append(arrays.inputs[rows])
    inputs: npt.NDArray[np.uint8] = np.stack(classes, axis=1)
    return Arrays(
        inputs=inputs.reshape(-1, *inputs.shape[2:]),
        labels=np.tile(np.arange(len(EVERYDAY_NAMES), dtype=np.int64), each),
    )


EVERYDAY = _images(
    name="cifar_everyday",
    title="Cats, dogs, cars, chairs (CIFAR)",
    source=f"{REPORT}; three classes of CIFAR-10, one of CIFAR-100, by way of torchvision",
    class_names=EVERYDAY_NAMES,
    train_size=1_600,
    validation_size=400,
    test_size=400,
    load=load_everyday,
)
