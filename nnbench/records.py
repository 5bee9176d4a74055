"""What a cell leaves behind, as one JSON file: the only thing that the run side gives the read side.

A file is ``{"schema_version":1,"sha256":"…","record":{…}}`` on one line; the checksum is that of
the record's bytes as they stand, so that a flipped bit or a lost tail shows without parsing. Records
are written to a temporary file, flushed to the disk and renamed: a reader sees all or nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nnbench.datasets import files
from nnbench.datasets.own import read_description
from nnbench.errors import NnbenchError
from nnbench.fingerprint import dataset_fingerprint
from nnbench.registry import is_data_file

SCHEMA_VERSION = 1
_HEAD = re.compile(rb'\{"schema_version":(\d{1,6}),"sha256":"([0-9a-f]{64})","record":')


class RejectedRecordError(NnbenchError):
    """A file that is no valid record of this schema; ``reason`` says why in a few words."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path}: not a usable record ({reason})",
            todo="run the pipeline again: the cell is rerun",
        )


def record_path(results: Path, cell_id: str) -> Path:
    """Where a cell's record lies."""
    return results / "cells" / cell_id / "record.json"


def dataset_folder(results: Path, name: str) -> Path:
    """Where a prepared dataset lies; a change of the code that prepares it gives a new folder."""
    # a user's own data are named by a path, which is no name of a folder
    label = read_description(Path(name)).spec.name if is_data_file(name) else name
    return results / "data" / f"{label.replace(':', '.')}-{dataset_fingerprint(name)[:8]}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing of it.

    Raises:
        NnbenchError: The folder is read-only or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> NnbenchError:
    return NnbenchError(
        f"{path}: cannot be written ({error.strerror or error})",
        todo="make the folder writable and see that its disk has room, then run again",
    )


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Store a record with its checksum."""
    body = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    digest = hashlib.sha256(body).hexdigest()
    head = f'{{"schema_version":{SCHEMA_VERSION},"sha256":"{digest}","record":'.encode()
    write_atomically(path, head + body + b"}\n")


def check_record(path: Path) -> bytes:
    """The bytes of a record that is whole and of this schema.

    Raises:
        RejectedRecordError: It is missing, truncated, altered, of another schema version, or lies
            in another cell's folder.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RejectedRecordError(path, error.strerror or "unreadable") from None
    match = _HEAD.match(content)
    if match is None:
        raise RejectedRecordError(path, "damaged head")
    if int(match[1]) != SCHEMA_VERSION:
        raise RejectedRecordError(path, f"schema version {int(match[1])}, this is {SCHEMA_VERSION}")
    body = content[match.end() : -2]
    if not content.endswith(b"}\n") or hashlib.sha256(body).hexdigest().encode() != match[2]:
        raise RejectedRecordError(path, "checksum does not match")
    if f'"id":"{path.parent.name}"'.encode() not in body:
        raise RejectedRecordError(path, "belongs to another cell")
    return body


def read_record(path: Path) -> dict[str, Any]:
    """A record as plain data.

    Raises:
        RejectedRecordError: See ``check_record``; also when it is not the record of its folder.
    """
    record: dict[str, Any] = json.loads(check_record(path))
    if record.get("cell", {}).get("id") != path.parent.name:
        raise RejectedRecordError(path, "belongs to another cell")
    return record


def set_aside(path: Path) -> Path:
    """Rename a rejected record, so that nothing takes it for a result and it can still be looked at."""
    aside = path.with_name("record.rejected.json")
    path.replace(aside)
    return aside


@contextlib.contextmanager
def cell_lock(folder: Path) -> Iterator[None]:
    """Hold a cell for this process; the kernel lets go of it however the process ends.

    Raises:
        NnbenchError: Another process is training the cell.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where there is no lock
    except ImportError:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / ".lock").open("w")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NnbenchError(
                f"{folder}: another process is training this cell",
                todo="wait for it, or end it, then run again",
            ) from None
        yield
