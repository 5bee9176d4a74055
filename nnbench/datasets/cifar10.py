"""CIFAR-10: 60,000 small colour images of ten classes, with its authors' split."""

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.images import CIFAR_LICENCE, CIFAR_REPORT, ImageFiles

SOURCE = ImageFiles(
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

DATASET = Dataset(
    name="cifar10",
    title="CIFAR-10",
    source=f"{CIFAR_REPORT}; by way of torchvision",
    licence=CIFAR_LICENCE,
    input_shape=(3, 32, 32),
    class_names=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
    scaling="global",
    train_size=40_000,
    validation_size=10_000,
    test_size=10_000,
    load=SOURCE.load,
)
