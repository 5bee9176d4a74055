"""The CIFAR family: batches of 32 x 32 colour images in Python 2's pickle format.

``raw_files`` checks a batch's MD5, then ``plain_pickle`` reads it without running anything in it.

Some test images of both sets have near or exact duplicates among the training images: 3.3 % in
CIFAR-10 and 10 % in CIFAR-100 (Barz, Denzler: Do we train on test data?, J. Imaging 2020). They are
kept, as everybody's results have them.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnbench.datasets.base import Arrays, Pools
from nnbench.datasets.sources.plain_pickle import read_plain
from nnbench.datasets.sources.raw_files import RawFiles, damaged, find_files, read_checked

IMAGE_SHAPE = (3, 32, 32)  # channel first: the batches' own order
LICENCE = "none stated by the authors, who ask for a citation"
REPORT = "Krizhevsky: Learning multiple layers of features from tiny images, Toronto 2009"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cifar:
    """One dataset of the family.

    Attributes:
        files: Its batches and where they lie.
        train, test: Names of the batches, in order.
        label_key: The batches' key of the labels.
    """

    files: RawFiles
    train: tuple[str, ...]
    test: tuple[str, ...]
    label_key: str


def fetch(torchvision_dataset: Any, data_folder: Path) -> None:
    """Download and unpack the archive, checked by torchvision's MD5; no batch is read."""
    unpack = importlib.import_module("torchvision.datasets.utils").download_and_extract_archive
    kind = torchvision_dataset
    unpack(kind.url, str(data_folder), filename=kind.filename, md5=kind.tgz_md5)


def load_batches(source: Cifar, data_folder: Path | None, *, download: bool) -> Pools:
    """The pool and the test set ``(N, 3, 32, 32)``, uint8, in the order of the batches.

    Args:
        source: Which dataset.
        data_folder: torchvision's ``root``.
        download: Whether missing files may be fetched.

    Raises:
        NnbenchError: Files are missing and cannot be fetched, or one is damaged.
    """
    folder = find_files(source.files, data_folder, download=download)
    return Pools(
        trainval=_read_part(source, folder, source.train),
        test=_read_part(source, folder, source.test),
    )


def _read_part(source: Cifar, folder: Path, names: Sequence[str]) -> Arrays:
    batches = [_read_batch(source, folder / name) for name in names]
    return Arrays(
        inputs=np.concatenate([batch.inputs for batch in batches]),
        labels=np.concatenate([batch.labels for batch in batches]),
    )


def _read_batch(source: Cifar, path: Path) -> Arrays:
    content = read_checked(source.files, path)
    allowed = f"a pickled dictionary with data (N, 3072) uint8 and {source.label_key} (N)"
    try:
        batch = read_plain(content)
        labels = np.array(batch[source.label_key], dtype=np.int64)
        return Arrays(inputs=batch["data"].reshape(len(labels), *IMAGE_SHAPE), labels=labels)
    except KeyError as error:
        raise damaged(source.files, path, got=f"no key {error}", allowed=allowed) from error
    except (ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise damaged(source.files, path, got=error, allowed=allowed) from error
