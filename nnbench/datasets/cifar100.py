"""CIFAR-100: 60,000 small colour images of 100 classes (the fine labels), with its authors' split."""

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.images import CIFAR_LICENCE, CIFAR_REPORT, ImageFiles

SOURCE = ImageFiles(
    name="cifar100",
    torchvision_class="CIFAR100",
    folder="cifar-100-python",
    md5={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
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


DATASET = Dataset(
    name="cifar100",
    title="CIFAR-100",
    source=f"{CIFAR_REPORT}; by way of torchvision",
    licence=CIFAR_LICENCE,
    input_shape=(3, 32, 32),
    class_names=CLASS_NAMES,
    scaling="global",
    train_size=40_000,
    validation_size=10_000,
    test_size=10_000,
    load=SOURCE.load,
)
