"""Files that are written completely or not at all, and whose bytes depend only on their content."""

import hashlib
import io
import lzma
import math
import os
import re
import secrets
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # of any dtype

# The earliest time that zip can store; the current time would make the bytes of each file differ.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.tmp")  # what ``replacing`` writes to

# An npz file whose contents exceed both limits is rejected as a zip bomb.
UNPACKED_MOST = 100  # times the file's size; zip's usual compression reaches at most 1032
UNPACKED_ALWAYS = 2**30  # bytes
# Version 3 is for structured arrays with non-ASCII names.
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
# What zipfile, its decompressors, numpy and Pillow raise for corrupt or malicious files.
UNREADABLE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, tokenize.TokenError),
)


def sha256(content: bytes | memoryview) -> str:
    """SHA-256 of some bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def array_sha256(array: Array) -> str:
    """SHA-256 of an array's values in C order, little endian."""
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return sha256(ordered.data.cast("B"))


def npz_bytes(arrays: Mapping[str, Array]) -> bytes:
    """An uncompressed npz file; unlike ``np.savez``, the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            entry = zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH)
            entry.create_system = 3
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, arrays[name], version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def read_npz(content: bytes) -> dict[str, Array]:
    """The arrays of an npz file, without unpickling or allocating more memory than the file justifies.

    Raises ValueError if it is damaged, holds pickled objects, or unpacks to far more than its own size.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, about files from older versions
            # a zip bomb shows by the sizes in its directory, beyond which zipfile never reads
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > max(UNPACKED_ALWAYS, UNPACKED_MOST * len(content)):
                raise ValueError(f"its {len(content)} bytes unpack to {unpacked}")
            return {
                entry.filename.removesuffix(".npy"): _read_npy(archive, entry)
                for entry in archive.infolist()
            }
    except UNREADABLE as error:
        raise ValueError(f"no npz file of plain arrays: {error}") from error


def _read_npy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Array:
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{entry.filename} is of npy version {version}")
        shape, _, kind = _HEADERS[version](file)
        promised, stored = math.prod(shape) * kind.itemsize, entry.file_size - file.tell()
    # numpy itself rejects objects; values of size 0 take no space, however many
    if (promised != stored or not kind.itemsize) and not kind.hasobject:
        raise ValueError(f"{entry.filename} promises {promised} bytes and has {stored}")
    with archive.open(entry) as file:
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
        return array


def is_there(path: Path, *, folder: bool = False) -> bool:
    """Whether the file, or folder, exists; False if the name is impossible or not accessible."""
    try:
        return path.is_dir() if folder else path.is_file()
    except OSError:  # name too long, or no permission for the folder
        return False


def write_atomically(path: Path, content: bytes) -> None:
    """Write a temporary file beside ``path``, flush it to disk, rename it; errors as in ``replacing``."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that replaces ``path`` if the block succeeds, and is otherwise removed.

    Raises OSError if the disk is full or not writable; ``path`` is left unchanged.
    """
    # two machines that share the folder may have processes with the same id
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def sweep(folder: Path) -> None:
    """Remove files left half-written by killed processes; call it only while nobody else uses the folder."""
    for path in folder.glob(".*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)
