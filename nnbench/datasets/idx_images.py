"""The MNIST family: four IDX files a dataset, as ``raw_files`` finds and checks them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnbench.datasets.base import Arrays, Pools
from nnbench.datasets.raw_files import RawFiles, find_files, read_checked

# IDX files begin with big-endian int32: magic, N, rows, columns for images; magic, N for labels.
IMAGE_HEADER_BYTES = 16
LABEL_HEADER_BYTES = 8


def idx_files(name: str, torchvision_class: str, md5: Mapping[str, str]) -> RawFiles:
    """The files of one dataset of the family.

    Args:
        name: The dataset's name in the registry.
        torchvision_class: Its class in ``torchvision.datasets``, and its folder.
        md5: Of each unpacked file.
    """
    folder = f"{torchvision_class}/raw"
    return RawFiles(
        name=name, torchvision_class=torchvision_class, folder=folder, md5=md5, fetch=_fetch
    )


def _fetch(torchvision_dataset: Any, data_folder: Path) -> None:
    torchvision_dataset(root=data_folder, download=True)


def load_images(source: RawFiles, data_folder: Path | None, *, download: bool) -> Pools:
    """The pool ``(60000, 1, 28, 28)`` and the test set ``(10000, 1, 28, 28)``, uint8.

    Args:
        source: Which dataset.
        data_folder: torchvision's ``root``: the files lie in ``<data_folder>/<class>/raw``.
        download: Whether missing files may be fetched.

    Raises:
        NnbenchError: Files are missing and cannot be fetched, or one is damaged.
    """
    raw = find_files(source, data_folder, download=download)
    return Pools(trainval=_read_part(source, raw, "train"), test=_read_part(source, raw, "t10k"))


def _read_part(source: RawFiles, raw: Path, part: str) -> Arrays:
    images = read_checked(source, raw / f"{part}-images-idx3-ubyte")
    labels = read_checked(source, raw / f"{part}-labels-idx1-ubyte")
    pixels = np.frombuffer(images, np.uint8, offset=IMAGE_HEADER_BYTES)
    return Arrays(
        inputs=pixels.reshape(-1, 1, 28, 28).copy(),
        labels=np.frombuffer(labels, np.uint8, offset=LABEL_HEADER_BYTES).astype(np.int64),
    )
