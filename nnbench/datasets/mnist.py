"""MNIST: 70,000 handwritten digits, with its authors' split."""

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.images import ImageFiles

SOURCE = ImageFiles(
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
    load=SOURCE.load,
)
