"""What a cell leaves behind, as one JSON file: the only thing that the run side gives the read side.

A file is ``{"schema_version":1,"sha256":"…","record":{…}}`` on one line; the checksum is that of
the record's bytes as they stand, so that a flipped bit or a lost tail shows without parsing. Records
are written to a temporary file, flushed to the disk and renamed: a reader sees all or nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nnbench.cells.fingerprint import dataset_fingerprint
from nnbench.datasets.own.description import read_description
from nnbench.datasets.prepared import files
from nnbench.errors import NnbenchError
from nnbench.records.record import record_problem
from nnbench.registry import is_data_file

SCHEMA_VERSION = 1
MADE_OF = "records.sha256"
"""The file beside the tables that says what records they were made of."""
AGAIN = "NNBENCH_AGAIN"
"""Set in the environment where finished cells are to be measured again (Snakemake's ``--force…``)."""
LONGEST_HEAD = 130  # bytes
# half of a pair that stands for one character; alone it stands for none
_HALF = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
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


def records_sha256(results: Path, cells: Iterable[str]) -> str:
    """The SHA-256 over the checksums of these cells' records, as they state them; missing ones count as such.

    It tells whether tables and results were made of these records, whatever their time stamps say.
    """
    digest = hashlib.sha256()
    for cell_id in sorted(cells):
        stated = stated_sha256(record_path(results, cell_id))
        if stated is not None:
            digest.update(cell_id.encode() + stated)
    return digest.hexdigest()


def stated_sha256(path: Path) -> bytes | None:
    """The checksum that a record states, unchecked; ``-`` where it states none, None where it is missing."""
    try:
        with path.open("rb") as file:
            match = _HEAD.match(file.read(LONGEST_HEAD))
    except OSError:
        return None
    return match[2] if match else b"-"


def read_record(path: Path) -> dict[str, Any]:
    """A record as plain data, of the shape that its readers go by.

    Raises:
        RejectedRecordError: See ``check_record``; also when its fields are not what they must be, or
            when it is not the record of its folder.
    """
    try:
        text = check_record(path).decode()
        record: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        raise RejectedRecordError(path, "no JSON") from None
    if _HALF.search(text) and not _is_unicode(record):
        raise RejectedRecordError(path, "a text is no valid Unicode")
    if problem := record_problem(record):
        raise RejectedRecordError(path, problem)
    if record["cell"]["id"] != path.parent.name:
        raise RejectedRecordError(path, "belongs to another cell")
    return record


def _is_unicode(record: object) -> bool:
    try:
        json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def set_aside(path: Path) -> Path:
    """Rename a rejected record, so that nothing takes it for a result and it can still be looked at."""
    aside = path.with_name("record.rejected.json")
    path.replace(aside)
    return aside


def kept_path(record: Path) -> Path:
    """The second copy of a finished record, which is written first.

    Snakemake removes the outputs of a job that failed or was interrupted, even those that were whole, or writes the
    outputs of before over them. What lies under this name, which it does not know, is taken back.
    """
    return record.with_name("finished.json")


def take_finished(record: Path) -> bool:
    """Put a cell's finished record in its place, if there is one; whether there is one.

    Raises:
        NnbenchError: It is not there, and the folder cannot be written.
    """
    for path in (kept_path(record), record):
        with contextlib.suppress(RejectedRecordError):
            read_record(path)
            if path != record:
                publish(record)
            return True
    return False


def found_record(path: Path) -> dict[str, Any] | None:
    """The record of a cell; None where there is none.

    Another pipeline's Snakemake, whose waiting job was cancelled, may have removed it: it is taken back.

    Raises:
        RejectedRecordError: See ``read_record``.
        NnbenchError: It cannot be put back.
    """
    return read_record(path) if path.exists() or take_finished(path) else None


def publish(record: Path) -> None:
    """Give a record that was written under ``kept_path`` its own name.

    Copied, not linked: what Snakemake writes over the one must not change the other.

    Raises:
        NnbenchError: The folder cannot be written.
    """
    content = kept_path(record).read_bytes()
    with contextlib.suppress(OSError):
        if record.read_bytes() == content:
            return
    write_atomically(record, content)


Say = Callable[[str], None]


def _to_log(message: str) -> None:
    print(f"nnbench: {message}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def folder_lock(folder: Path, *, say: Say = _to_log) -> Iterator[None]:
    """Hold a cell's or a dataset's folder for this process, and wait for it as long as another one has it.

    The kernel lets go of it however the process ends. Where a file system has no locks, this is said and
    nothing is held: two processes may then do the same work, and the last one's record stays.

    Raises:
        NnbenchError: The folder cannot be written.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where there is no lock
    except ImportError:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"{folder}: waiting for {file.read(200) or 'another process'}, which works on it")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            say(f"{folder}: this file system has no locks ({error.strerror})")
        with contextlib.suppress(OSError):  # on a full disk nobody learns who waits for whom
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}")
            file.flush()
        yield
