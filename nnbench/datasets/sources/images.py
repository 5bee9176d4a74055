"""MNIST's and CIFAR's families: torchvision's files, downloads and loaders, verified by checksum.

torchvision checks MNIST's files only when it downloads them, and prefers any old ``processed`` folder;
CIFAR's batches are pickles, which may run code. So every file is first read and compared with its published
MD5; then torchvision loads a private copy of exactly those bytes. What was checked is thus what is used, even
if a file is replaced in the meantime.
"""

import hashlib
import importlib
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nnbench.datasets.base import Arrays, Pools
from nnbench.datasets.prepared.files import is_there
from nnbench.errors import NnbenchError

# What torchvision raises for a broken connection, a wrong checksum or a damaged archive.
_FAILED = (
    *(ImportError, RuntimeError, OSError, ValueError, EOFError, HTTPException),
    *(tarfile.TarError, zlib.error),
)
LARGEST_BYTES = 2**29  # of one file; CIFAR-100's training batch, the largest, has 155 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles:
    """The files of one dataset."""

    name: str  # in the registry
    torchvision_class: str  # in ``torchvision.datasets``
    folder: str  # of torchvision's unpacked files, below the data folder
    md5: Mapping[str, str]  # of each unpacked file

    def load(self, data_folder: Path | None, may_download: bool) -> Pools:
        """The authors' training and test sets, uint8 ``(N, channels, height, width)``.

        ``data_folder`` is torchvision's ``root``; ``may_download`` allows fetching missing files. Raises
        NnbenchError if files are missing or damaged, or there is no torchvision or no space for a temporary
        copy.
        """
        folder = self._find(data_folder, may_download=may_download)
        try:
            with TemporaryDirectory(prefix="nnbench-") as copy:
                below = Path(copy, self.folder)
                below.mkdir(parents=True)
                for name in self.md5:
                    (below / name).write_bytes(self.read_checked(folder / name))
                trainval, test = (self._arrays(copy, train=train) for train in (True, False))
                return Pools(trainval=trainval, test=test)
        except _FAILED as error:
            raise self._unavailable(f"{folder} cannot be loaded", got=error) from error

    def _find(self, data_folder: Path | None, *, may_download: bool) -> Path:
        """The folder with all files, whose content is not checked."""
        if data_folder is None:
            raise self._unavailable("no data folder is set", got=None)
        folder = data_folder / self.folder
        if may_download and self._missing(folder):
            try:
                self._torchvision()(root=data_folder, download=True)
            except _FAILED as error:
                what = f"the download to {data_folder} failed"
                raise self._unavailable(what, got=error) from error
        if missing := self._missing(folder):
            what = f"files are missing in {folder}"
            raise self._unavailable(what, got=f"no {', '.join(missing)}")
        return folder

    def read_checked(self, path: Path) -> bytes:
        """The content of a file; NnbenchError if it is unreadable, or its MD5 is not the published one."""
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= LARGEST_BYTES else b""
        except OSError as error:
            raise self._unavailable(f"{path} cannot be read", got=error) from error
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        got, allowed = f"{len(content)} bytes, MD5 {digest}", f"MD5 {self.md5[path.name]}"
        if size > LARGEST_BYTES:
            got, allowed = f"{size} bytes", f"at most {LARGEST_BYTES}"
        elif digest == self.md5[path.name]:
            return content
        what = f"dataset {self.name!r}: {path} is truncated or damaged"
        todo = "delete that file and fetch it again; or use the embedded dataset 'mnist5k'"
        raise NnbenchError(what, got=got, allowed=allowed, todo=todo)

    def _arrays(self, root: str, *, train: bool) -> Arrays:
        """One of torchvision's two sets; MNIST's have no channel axis, CIFAR's have it last."""
        loaded = self._torchvision()(root=root, train=train)
        images = np.asarray(loaded.data)
        channels_first = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)
        labels = np.asarray(loaded.targets, dtype=np.int64)
        return Arrays(inputs=np.ascontiguousarray(channels_first), labels=labels)

    def _torchvision(self) -> type:
        # imported here: it takes seconds, and planning needs no images
        module = importlib.import_module("torchvision.datasets")
        found: type = getattr(module, self.torchvision_class)
        return found

    def _missing(self, folder: Path) -> list[str]:
        return [name for name in self.md5 if not is_there(folder / name)]

    def _unavailable(self, what: str, *, got: object) -> NnbenchError:
        return NnbenchError(
            f"dataset {self.name!r}: {what}",
            got=got,
            allowed=f"<data folder>/{self.folder}/ with {', '.join(self.md5)}",
            todo="set the data folder to one that has them, or allow the download where there is a "
            "network; or use the embedded dataset 'mnist5k', which needs neither",
        )
