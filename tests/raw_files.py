"""Files of MNIST's and CIFAR's families: those on this machine, and small ones in their format."""

from __future__ import annotations

import hashlib
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnbench.datasets.cifar import CIFAR10, CIFAR10_FILES, CIFAR100, CIFAR100_FILES
from nnbench.datasets.mnist import FASHION_FILES, MNIST_FILES
from nnbench.datasets.sources.images import ImageFiles

Content = Callable[[np.ndarray, list[int], str], bytes]
MNIST_FAMILY = {"MNIST": MNIST_FILES, "FashionMNIST": FASHION_FILES}
CIFAR_FAMILY = {"CIFAR10": (CIFAR10_FILES, CIFAR10), "CIFAR100": (CIFAR100_FILES, CIFAR100)}
FOLDERS = {
    **{source.name: [source.folder] for source in MNIST_FAMILY.values()},
    "cifar10": [CIFAR10_FILES.folder],
    "cifar100": [CIFAR100_FILES.folder],
    "cifar_everyday": [CIFAR10_FILES.folder, CIFAR100_FILES.folder],
}


def data_folder_with(name: str) -> Path:
    """The optional folder with torchvision's raw files."""
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    folder = Path(os.environ.get("NNBENCH_TEST_DATA", beside))
    if not all((folder / below).is_dir() for below in FOLDERS[name]):
        pytest.skip(f"no {name} files: set NNBENCH_TEST_DATA to torchvision's root folder")
    return folder


def md5_of(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324 - the authors' choice


def idx_images(pixels: np.ndarray) -> bytes:
    return struct.pack(">4i", 0x0803, *pixels.shape) + pixels.tobytes()


def idx_labels(labels: np.ndarray) -> bytes:
    return struct.pack(">2i", 0x0801, len(labels)) + labels.astype(np.uint8).tobytes()


def write_mnist(folder: Path) -> ImageFiles:
    """Small IDX files in a data folder, and a source that knows their checksums."""
    below = folder / MNIST_FILES.folder
    below.mkdir(parents=True)
    for seed, stem in enumerate(("train", "t10k")):
        rng = np.random.default_rng(seed)
        images = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8)
        (below / f"{stem}-images-idx3-ubyte").write_bytes(idx_images(images))
        (below / f"{stem}-labels-idx1-ubyte").write_bytes(idx_labels(np.arange(20) % 10))
    return replace(MNIST_FILES, md5={name: md5_of(below / name) for name in MNIST_FILES.md5})


def pixels(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8)


def text2(text: bytes) -> bytes:
    """A text as Python 2 pickled it (SHORT_BINSTRING)."""
    return b"U" + bytes([len(text)]) + text


def python2_batch(data: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    """The bytes of a batch, instruction by instruction as in the original files (protocol 2)."""
    rows = struct.pack("<H", len(data))
    return b"".join(
        [
            b"\x80\x02}q\x01(" + text2(b"batch_label") + b"q\x02" + text2(b"batch 1 of 5"),
            text2(key.encode()) + b"q\x04]q\x05(",
            *(b"K" + bytes([label]) for label in labels),
            b"e" + text2(b"data") + b"q\x06cnumpy.core.multiarray\n_reconstruct\nq\x07",
            b"cnumpy\nndarray\nq\x08K\x00\x85" + text2(b"b") + b"\x87Rq\x09",
            b"(K\x01M" + rows + b"M\x00\x0c\x86cnumpy\ndtype\nq\x0a" + text2(b"u1"),
            b"K\x00K\x01\x87Rq\x0b(K\x03" + text2(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff",
            b"K\x00tb\x89T" + struct.pack("<i", data.nbytes) + data.tobytes() + b"tb",
            text2(b"filenames") + b"]q\x0c(" + text2(b"a_000001.png") * len(labels) + b"eu.",
        ]
    )


def python3_batch(data: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    return pickle.dumps({key: labels, "data": data}, protocol=2)


class Cifar:
    """Writes small batches, whose checksums nnbench and torchvision then take for the published ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.torchvision = pytest.importorskip("torchvision.datasets")

    def write(
        self, name: str, folder: Path, content: Content = python2_batch, count: int = 6
    ) -> ImageFiles:
        (source, dataset), kind = CIFAR_FAMILY[name], getattr(self.torchvision, name)
        below, classes = folder / source.folder, dataset.class_names
        below.mkdir(parents=True, exist_ok=True)
        key = "labels" if name == "CIFAR10" else "fine_labels"
        batches = [name for name, _ in kind.train_list + kind.test_list]
        for seed, batch in enumerate(batches):
            labels = [(seed + row) % len(classes) for row in range(count)]
            (below / batch).write_bytes(content(pixels(count, seed), labels, key))
        meta = kind.meta["filename"]
        (below / meta).write_bytes(pickle.dumps({kind.meta["key"]: list(classes)}, 2))
        md5 = {known: md5_of(below / known) for known in source.md5}
        for lists in ("train_list", "test_list"):
            known = [[batch, md5[batch]] for batch, _ in getattr(kind, lists)]
            self.monkeypatch.setattr(kind, lists, known)
        self.monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5[meta]})
        return replace(source, md5=md5)


@pytest.fixture
def cifar(monkeypatch: pytest.MonkeyPatch) -> Cifar:
    return Cifar(monkeypatch)
