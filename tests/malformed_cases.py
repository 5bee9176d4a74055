"""The kinds of malformed input: how each is made of a valid one, and the loader that it is thrown at."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from malformed import damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Malformed inputs of one kind, and the loader that they are thrown at."""

    inputs: st.SearchStrategy[Any]
    load: Callable[[Any], object]
    names: tuple[str, ...]
    """One of them stands in every error."""
    examples: int = 60


Make = Callable[[Path], Case]
CASES: dict[str, Make] = {}
"""By kind; each makes its case in a folder of its own."""


def case(kind: str) -> Callable[[Make], Make]:
    def register(make: Make) -> Make:
        CASES[kind] = make
        return make

    return register


def file_case(
    path: Path, load: Callable[[], object], content: bytes | None = None, **more: Any
) -> Case:
    """The bytes of one file are damaged; it is there, and read without trouble, at the start."""
    good = path.read_bytes() if content is None else content
    path.write_bytes(good)
    load()

    def read(data: bytes) -> None:
        path.write_bytes(data)
        load()

    return Case(**{"inputs": damaged(good), "load": read, "names": (path.name,), **more})


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()
