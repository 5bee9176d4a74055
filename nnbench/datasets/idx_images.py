"""The MNIST family: four IDX files, laid out and downloaded as torchvision does it.

The files are checked against their known MD5s and then read from memory by numpy, so that what was
checked is what is used; torchvision is imported for a download only (the import takes seconds).
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Pools
from nnbench.errors import NnbenchError

# IDX files begin with big-endian int32: magic, N, rows, columns for images; magic, N for labels.
IMAGE_HEADER_BYTES = 16
LABEL_HEADER_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class IdxSource:
    """One dataset of the family.

    Attributes:
        name: The dataset's name in the registry.
        torchvision_class: Its class in ``torchvision.datasets``, and its folder.
        md5: Of each unpacked file.
    """

    name: str
    torchvision_class: str
    md5: Mapping[str, str]


def load_images(source: IdxSource, data_folder: Path | None, *, download: bool) -> Pools:
    """The pool ``(60000, 1, 28, 28)`` and the test set ``(10000, 1, 28, 28)``, uint8.

    Args:
        source: Which dataset.
        data_folder: torchvision's ``root``: the files lie in ``<data_folder>/<class>/raw``.
        download: Whether missing files may be fetched.

    Raises:
        NnbenchError: Files are missing and cannot be fetched, or one is damaged.
    """
    if data_folder is None:
        raise _unavailable(source, "no data folder is set", got=None)
    raw = data_folder / source.torchvision_class / "raw"
    if download and _missing(source, raw):
        _download(source, data_folder)
    if missing := _missing(source, raw):
        raise _unavailable(source, f"files are missing in {raw}", got=f"no {', '.join(missing)}")
    return Pools(trainval=_read_part(source, raw, "train"), test=_read_part(source, raw, "t10k"))


def _missing(source: IdxSource, raw: Path) -> list[str]:
    return [name for name in source.md5 if not (raw / name).is_file()]


def _download(source: IdxSource, data_folder: Path) -> None:
    try:
        dataset = getattr(importlib.import_module("torchvision.datasets"), source.torchvision_class)
        dataset(root=data_folder, download=True)
    except (ImportError, RuntimeError, OSError, ValueError) as error:
        what = f"the download to {data_folder} failed"
        raise _unavailable(source, what, got=error) from error


def _read_part(source: IdxSource, raw: Path, part: str) -> Arrays:
    images = _read_checked(source, raw / f"{part}-images-idx3-ubyte")
    labels = _read_checked(source, raw / f"{part}-labels-idx1-ubyte")
    pixels = np.frombuffer(images, np.uint8, offset=IMAGE_HEADER_BYTES)
    return Arrays(
        inputs=pixels.reshape(-1, 1, 28, 28).copy(),
        labels=np.frombuffer(labels, np.uint8, offset=LABEL_HEADER_BYTES).astype(np.int64),
    )


def _read_checked(source: IdxSource, path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unavailable(source, f"{path} cannot be read", got=error) from error
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != source.md5[path.name]:
        raise NnbenchError(
            f"dataset {source.name!r}: {path} is truncated or damaged",
            got=f"{len(content)} bytes, MD5 {digest}",
            allowed=f"MD5 {source.md5[path.name]}",
            todo="delete that file and fetch it again; or use the embedded dataset 'mnist5k'",
        )
    return content


def _unavailable(source: IdxSource, what: str, *, got: object) -> NnbenchError:
    return NnbenchError(
        f"dataset {source.name!r}: {what}",
        got=got,
        allowed=f"<data folder>/{source.torchvision_class}/raw/ with {', '.join(source.md5)}",
        todo="set the data folder to one that has them, or allow the download where there is a "
        "network; or use the embedded dataset 'mnist5k', which needs neither",
    )
