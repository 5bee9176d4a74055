"""Meanings of files that were read before, in the user's cache: reading Python is most of a fingerprint's time.

There is a file for each module's name. It says what it was made of, so that an edited file, another Python or another
``meaning.py`` is read anew, and has a checksum, so that a damaged one is.
"""

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from nnbench.cells import meaning
from nnbench.cells.meaning import Meaning, meaning_of
from nnbench.processes import user_cache

_MEANING = TypeAdapter(Meaning)


def known_meaning(source: bytes, path: Path, module: str, *, package: bool) -> Meaning:
    """The same as ``meaning_of``, from the cache where that has it."""
    read_by = f"{sys.version_info[:2]} {_reader()} {module} {package}"
    head = _sha256(read_by.encode() + b"\0" + source)
    with suppress(OSError, ValueError):
        made_of, checksum, body = _kept(module, package=package).read_bytes().split(b"\n", 2)
        if (made_of, checksum) == (head, _sha256(body)):
            found = _MEANING.validate_json(body)
            return replace(found, notes=tuple(replace(note, file=path) for note in found.notes))
    found = meaning_of(source, path, module, package=package)
    with suppress(OSError):  # there may be no cache to write to
        body = _MEANING.dump_json(found)
        _write(_kept(module, package=package), b"\n".join((head, _sha256(body), body)))
    return found


def _kept(module: str, *, package: bool) -> Path:
    """The file of a module's name."""
    name = _sha256(f"{module} {package}".encode()).decode()[:32]
    return user_cache() / "meanings" / f"{name}.json"


@cache
def _reader() -> str:
    """What reads: with another one, all is read anew."""
    return hashlib.sha256(Path(meaning.__file__).read_bytes()).hexdigest()


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _write(file: Path, content: bytes) -> None:
    """All or nothing, but not flushed to the disk: what is lost is read again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)
