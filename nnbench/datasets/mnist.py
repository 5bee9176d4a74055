"""MNIST and Fashion-MNIST: 70,000 handwritten digits or pictures of clothes, with their authors' split."""

from functools import partial

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.images import ImageFiles

MNIST_FILES = ImageFiles(
    name="mnist",
    torchvision_class="MNIST",
    folder="MNIST/raw",
    md5={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)
FASHION_FILES = ImageFiles(
    name="fashion_mnist",
    torchvision_class="FashionMNIST",
    folder="FashionMNIST/raw",
    md5={
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)
_images = partial(
    Dataset,
    input_shape=(1, 28, 28),
    scaling="global",
    train_size=50_000,
    validation_size=10_000,
    test_size=10_000,
)

MNIST = _images(
    name="mnist",
    title="MNIST",
    source="LeCun, Cortes, Burges: the MNIST database of handwritten digits; by way of torchvision",
    licence="CC BY-SA 3.0",
    class_names=tuple("0123456789"),
    load=MNIST_FILES.load,
)
FASHION_MNIST = _images(
    name="fashion_mnist",
    title="Fashion-MNIST",
    source="Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv 1708.07747; by way of torchvision",
    licence="MIT",
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    load=FASHION_FILES.load,
)
