"""Fashion-MNIST: 70,000 pictures of clothes in MNIST's format, with its authors' split."""

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.images import ImageFiles

SOURCE = ImageFiles(
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

DATASET = Dataset(
    name="fashion_mnist",
    title="Fashion-MNIST",
    source="Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv 1708.07747; by way of torchvision",
    licence="MIT",
    input_shape=(1, 28, 28),
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    scaling="global",
    train_size=50_000,
    validation_size=10_000,
    test_size=10_000,
    load=SOURCE.load,
)
