"""Records on disk: the only thing that the run side gives the read side.

A file is ``{"schema_version":2,"sha256":"…","record":{…}}`` on one line; the checksum is that of
the record's bytes in the file, so that a flipped bit or a lost tail shows without parsing. Records
are written to a temporary file, flushed to the disk and renamed: a reader sees all or nothing.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from nnbench.cells.cell import block_name, canonical
from nnbench.cells.fingerprint import dataset_fingerprint
from nnbench.datasets.own.description import read_description
from nnbench.datasets.prepared import files
from nnbench.errors import NnbenchError
from nnbench.records.record import Record
from nnbench.registry import is_data_file
from nnbench.schema import first_problem

SCHEMA_VERSION = 2
MADE_OF = "records.sha256"  # the file beside the tables that says what records they were made of
AGAIN = "NNBENCH_AGAIN"
"""Set in the environment where finished cells are to be measured again (Snakemake's ``--force…``)."""
LONGEST_HEAD = 130  # bytes
_HEAD = re.compile(rb'\{"schema_version":(\d{1,6}),"sha256":"([0-9a-f]{64})","record":')


class RejectedRecordError(NnbenchError):
    """A file that is no valid record of this schema; ``reason`` says why in a few words."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"{path}: not a usable record ({reason})",
            todo="run the pipeline again: the cell is rerun",
        )


def cell_folder(results: Path, cell_id: str) -> Path:
    """Where a cell's records lie, with its lock, logs and checkpoints."""
    return Path(results, "cells", cell_id)


def record_path(results: Path, cell_id: str, seeds: Sequence[int]) -> Path:
    """The path of the record of one block of seeds: ``cells/<id>/record-0-4.json``."""
    return Path(results, "cells", cell_id, f"record-{block_name(seeds)}.json")


def dataset_folder(results: Path, name: str) -> Path:
    """Where a prepared dataset lies; a change of the code that prepares it gives a new folder."""
    # a user's own data are named by a path, which is no name of a folder
    label = read_description(Path(name))[0].name if is_data_file(name) else name
    return results / "data" / f"{label.replace(':', '.')}-{dataset_fingerprint(name)[:8]}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing of it; NnbenchError if the folder is read-only or the disk full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(path, content)
    except OSError as error:
        raise unwritable(path, error) from error


def check_writable(*folders: Path) -> None:
    """NnbenchError if a folder, or the one in which it would be made, cannot be written."""
    for folder in folders:
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            raise NnbenchError(
                f"folder {folder}: cannot be written",
                got=f"{there} is {'read-only' if there.is_dir() else 'no folder'}",
                todo="make it writable, or set `results` and `reports` in the config",
            )


def unwritable(path: Path, error: OSError) -> NnbenchError:
    """The error to raise for a file or folder that cannot be written."""
    return NnbenchError(
        f"{path}: cannot be written ({error.strerror or error})",
        todo="make the folder writable and see that its disk has room, then run again",
    )


def write_record(path: Path, record: Record) -> None:
    """Store a record with its checksum; ValueError for NaN or infinity, see also ``write_atomically``."""
    # not mode="json", which makes a null of a number that JSON does not know
    body = canonical(record.model_dump()).encode()
    digest = hashlib.sha256(body).hexdigest()
    head = f'{{"schema_version":{SCHEMA_VERSION},"sha256":"{digest}","record":'.encode()
    write_atomically(path, head + body + b"}\n")


def check_record(path: Path) -> bytes:
    """The bytes of a record that is whole and of this schema; RejectedRecordError if it is not."""
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
    return body


def records_sha256(results: Path, blocks: Iterable[tuple[str, Sequence[int]]]) -> str:
    """The SHA-256 over the checksums that these blocks' records state; a missing one counts as such.

    It tells whether tables and results were made of these records, whatever their time stamps say.
    A block is a cell's id with seeds, see ``Plan.blocks``.
    """
    digest = hashlib.sha256()
    for cell_id, seeds in sorted(blocks):
        with suppress(OSError), record_path(results, cell_id, seeds).open("rb") as file:
            match = _HEAD.match(file.read(LONGEST_HEAD))
            digest.update(f"{cell_id}/{block_name(seeds)}".encode() + (match[2] if match else b"-"))
    return digest.hexdigest()


def read_record(path: Path) -> Record:
    """The record of one block; RejectedRecordError if it is none, or that of another cell or block."""
    try:
        record = Record.model_validate_json(check_record(path))
    except ValidationError as error:
        raise RejectedRecordError(path, _problem(error)) from None
    named = record_path(Path(), record.cell.id, record.seeds)
    if (path.parent.name, path.name) != (named.parent.name, named.name):
        raise RejectedRecordError(path, "belongs to another cell or block")
    return record


def _problem(error: ValidationError) -> str:
    """The first problem in a few words; pydantic reads JSON itself and names its own terms."""
    if error.errors()[0]["type"] != "json_invalid":
        return first_problem(error)
    return "a text is no valid Unicode" if "hex escape" in str(error) else "no JSON"


def usable(path: Path) -> bool:
    """Whether there is a valid record."""
    try:
        read_record(path)
    except RejectedRecordError:
        return False
    return True


def set_aside(path: Path) -> Path:
    """Rename a rejected record, so that nothing takes it for a result and it can still be looked at."""
    aside = path.with_suffix(".rejected.json")
    path.replace(aside)
    return aside


def reject(path: Path) -> str | None:
    """Rename a record that cannot be used, and say so; None: nothing is wrong with it.

    NnbenchError if it cannot be renamed.
    """
    if not path.exists():
        return None
    try:
        read_record(path)
    except RejectedRecordError as error:
        reason = error.reason
    else:
        return None
    try:
        aside = set_aside(path)
    except OSError as error:
        raise NnbenchError(
            f"{path}: damaged, and cannot be renamed ({error.strerror})", todo="remove the file"
        ) from error
    return f"{path}: {reason}; kept as {aside.name}, its seeds are run again"
