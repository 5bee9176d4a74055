"""Files that are written whole or not at all, and whose bytes depend on their content only."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

# The earliest time that a zip file can hold; a real one would make each file's bytes differ.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def sha256(content: bytes | memoryview) -> str:
    """The SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def array_sha256(array: npt.NDArray[Any]) -> str:
    """The SHA-256 of an array's values in C order, little endian."""
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return sha256(ordered.data.cast("B"))


def npz_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """An uncompressed npz file; unlike with ``np.savez``, the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH)
            entry.create_system = 3
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, arrays[name], version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def read_npz(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file.

    Raises:
        ValueError, zipfile.BadZipFile, EOFError: It is damaged, or holds pickled objects.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def write_atomically(path: Path, content: bytes) -> None:
    """Write to a temporary file beside ``path``, flush it to the disk, then rename it.

    Raises:
        OSError: The folder is full or cannot be written; ``path`` is as it was before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()
