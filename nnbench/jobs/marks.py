"""Marks: the files by which a run knows that all seeds of a cell are measured and their records valid.

A mark says what records it stands for, and what the file system said of them when they were read and checked: those
that are as they were then need not be read again.
"""

import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

from nnbench.cells.cell import blocks_of
from nnbench.cells.fingerprint import module_fingerprint
from nnbench.records.store import cell_folder, record_path, records_sha256, write_atomically


def done_path(results: Path, cell_id: str, seeds: int) -> Path:
    """Where the mark lies: ``cells/<id>/seeds-10.done``."""
    return cell_folder(results, cell_id) / f"seeds-{seeds}.done"


def log_path(results: Path, cell_id: str, seeds: int) -> Path:
    """Where the job writes what it does, as the rule says: ``cells/<id>/seeds-10.log``."""
    return done_path(results, cell_id, seeds).with_suffix(".log")


def stamps_of(results: Path, cell_id: str, seeds: int) -> str:
    """What the file system says of the present records now, and what would check them: look before they are read."""
    stamps = [_stamp(record_path(results, cell_id, block)) for block in blocks_of(seeds)]
    return hashlib.sha256(f"{checking_code()} {stamps}".encode()).hexdigest()


def is_marked(results: Path, cell_id: str, seeds: int, stamps: str) -> bool:
    """Whether the mark has these stamps: all records are there, valid, and were not touched since."""
    with suppress(OSError):
        return done_path(results, cell_id, seeds).read_bytes().endswith(f"\n{stamps}\n".encode())
    return False


def mark_done(results: Path, cell_id: str, seeds: int, stamps: str | None = None) -> None:
    """Leave the mark of records that are valid; NnbenchError if the cell's folder cannot be written.

    It holds the records' checksums, too, since Snakemake takes a small file of the same content for unchanged.
    """
    stamps = stamps or stamps_of(results, cell_id, seeds)
    if not is_marked(results, cell_id, seeds, stamps):
        checksum = records_sha256(results, [(cell_id, block) for block in blocks_of(seeds)])
        write_atomically(done_path(results, cell_id, seeds), f"{checksum}\n{stamps}\n".encode())


@cache
def checking_code() -> str:
    """The fingerprint of the code that reads and checks records: with another one, they are read again."""
    return module_fingerprint("nnbench.records.store")


def _stamp(path: Path) -> tuple[int, ...]:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
    return ()
