"""The MNIST family: four IDX files a dataset, as ``raw_files`` finds and checks them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Arrays, Pools
from nnbench.datasets.sources.raw_files import RawFiles, damaged, find_files, read_checked

# IDX files begin with big-endian int32: a magic number (the values' type, and how many sizes follow),
# then the sizes: N, rows, columns of images, or N of labels.
IMAGE_HEAD = (0x0803, None, 28, 28)
LABEL_HEAD = (0x0801, None)


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
    return Arrays(
        inputs=_read_idx(source, raw / f"{part}-images-idx3-ubyte")[:, None].copy(),
        labels=_read_idx(source, raw / f"{part}-labels-idx1-ubyte").astype(np.int64),
    )


def _read_idx(source: RawFiles, path: Path) -> npt.NDArray[np.uint8]:
    """The values of one file, in the shape that its head states and its name promises."""
    content = read_checked(source, path)
    wanted = IMAGE_HEAD if "idx3" in path.name else LABEL_HEAD
    start = 4 * len(wanted)
    head = np.frombuffer(content[:start].ljust(start, b"\0"), ">u4").tolist()
    values = np.frombuffer(memoryview(content)[start:], np.uint8)
    agrees = all(found == value for found, value in zip(head, wanted, strict=True) if value)
    if not agrees or math.prod(head[1:]) != len(values):
        allowed = f"a head of {wanted}, where None is how many there are"
        got = f"a head of {head}, and {len(values)} values"
        raise damaged(source, path, got=got, allowed=allowed)
    return values.reshape(head[1:])
