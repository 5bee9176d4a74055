"""Files of well-known datasets, laid out and downloaded as torchvision does it.

The files are checked against their known MD5s and then read from memory by nnbench itself, so that
what was checked is what is used; torchvision is imported for a download only (the import takes
seconds).
"""

from __future__ import annotations

import hashlib
import importlib
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from nnbench.datasets.prepared.files import is_there
from nnbench.errors import NnbenchError

# What a connection that breaks off, a wrong checksum and a damaged archive make torchvision raise.
_FAILED = (
    *(ImportError, RuntimeError, OSError, ValueError, EOFError, HTTPException),
    *(tarfile.TarError, zlib.error),
)
LARGEST_BYTES = 2**29  # of one file; CIFAR-100's training batch, the largest, has 155 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFiles:
    """The files of one dataset.

    Attributes:
        name: The dataset's name in the registry.
        torchvision_class: Its class in ``torchvision.datasets``.
        folder: Where the files lie below the data folder (torchvision's ``root``).
        md5: Of each file.
        fetch: Downloads them: ``(torchvision's class, data folder)``.
    """

    name: str
    torchvision_class: str
    folder: str
    md5: Mapping[str, str]
    fetch: Callable[[Any, Path], object]


def find_files(source: RawFiles, data_folder: Path | None, *, download: bool) -> Path:
    """The folder that has all files; their content is not looked at.

    Args:
        source: Which dataset.
        data_folder: torchvision's ``root``.
        download: Whether missing files may be fetched.

    Raises:
        NnbenchError: Files are missing and cannot be fetched.
    """
    if data_folder is None:
        raise _unavailable(source, "no data folder is set", got=None)
    folder = data_folder / source.folder
    if download and _missing(source, folder):
        _download(source, data_folder)
    if missing := _missing(source, folder):
        raise _unavailable(source, f"files are missing in {folder}", got=f"no {', '.join(missing)}")
    return folder


def read_checked(source: RawFiles, path: Path) -> bytes:
    """The content of one file, with the checksum of its name.

    Raises:
        NnbenchError: It cannot be read, or is not the file that is known.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_BYTES else b""
    except OSError as error:
        raise _unavailable(source, f"{path} cannot be read", got=error) from error
    if size > LARGEST_BYTES:
        raise damaged(source, path, got=f"{size} bytes", allowed=f"at most {LARGEST_BYTES}")
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if digest != source.md5[path.name]:
        got = f"{len(content)} bytes, MD5 {digest}"
        raise damaged(source, path, got=got, allowed=f"MD5 {source.md5[path.name]}")
    return content


def damaged(source: RawFiles, path: Path, *, got: object, allowed: object) -> NnbenchError:
    """The error for a file whose content is not what it should be."""
    return NnbenchError(
        f"dataset {source.name!r}: {path} is truncated or damaged",
        got=got,
        allowed=allowed,
        todo="delete that file and fetch it again; or use the embedded dataset 'mnist5k'",
    )


def _missing(source: RawFiles, folder: Path) -> list[str]:
    return [name for name in source.md5 if not is_there(folder / name)]


def _download(source: RawFiles, data_folder: Path) -> None:
    try:
        torchvision = importlib.import_module("torchvision.datasets")
        source.fetch(getattr(torchvision, source.torchvision_class), data_folder)
    except _FAILED as error:
        what = f"the download to {data_folder} failed"
        raise _unavailable(source, what, got=error) from error


def _unavailable(source: RawFiles, what: str, *, got: object) -> NnbenchError:
    return NnbenchError(
        f"dataset {source.name!r}: {what}",
        got=got,
        allowed=f"<data folder>/{source.folder}/ with {', '.join(source.md5)}",
        todo="set the data folder to one that has them, or allow the download where there is a "
        "network; or use the embedded dataset 'mnist5k', which needs neither",
    )
