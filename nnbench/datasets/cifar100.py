"""CIFAR-100: 60,000 small colour images of 100 classes (the fine labels), with its authors' split."""

from __future__ import annotations

from pathlib import Path

from nnbench.datasets.base import Dataset, Pools
from nnbench.datasets.sources.cifar_batches import (
    IMAGE_SHAPE,
    LICENCE,
    REPORT,
    Cifar,
    fetch,
    load_batches,
)
from nnbench.datasets.sources.raw_files import RawFiles

SOURCE = Cifar(
    files=RawFiles(
        name="cifar100",
        torchvision_class="CIFAR100",
        folder="cifar-100-python",
        md5={
            "train": "16019d7e3df5f24257cddd939b257f8d",
            "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        },
        fetch=fetch,
    ),
    train=("train",),
    test=("test",),
    label_key="fine_labels",
)

# In the order of the file ``meta``.
CLASS_NAMES = tuple(
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
)


def load(data_folder: Path | None, may_download: bool) -> Pools:
    """See ``load_batches``."""
    return load_batches(SOURCE, data_folder, download=may_download)


DATASET = Dataset(
    name="cifar100",
    title="CIFAR-100",
    source=f"{REPORT}; by way of torchvision",
    licence=LICENCE,
    input_shape=IMAGE_SHAPE,
    class_names=CLASS_NAMES,
    scaling="global",
    train_size=40_000,
    validation_size=10_000,
    test_size=10_000,
    load=load,
)
