"""Files that are written whole or not at all, and the same bytes for the same arrays."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nnbench.datasets.prepared.files import npz_bytes, sweep, write_atomically


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_only_what_was_left_half_written_is_swept_away(tmp_path: Path) -> None:
    left, others = tmp_path / ".data.npz.123-0a1b2c3d.tmp", tmp_path / ".notes.tmp"
    for path in (left, others):
        path.write_text("half")
    sweep(tmp_path)
    assert [path.exists() for path in (left, others)] == [False, True]


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "a text, not bytes")  # type: ignore[arg-type]
    assert contents(tmp_path) == {"file": b"old"}


def test_a_reader_of_the_old_file_never_sees_half_of_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"
    assert contents(tmp_path) == {"file": b"new"}


def test_an_npz_file_has_no_time_in_it_and_numpy_reads_it() -> None:
    arrays: dict[str, npt.NDArray[Any]] = {
        "b": np.arange(6).reshape(2, 3),
        "a": np.zeros(0, np.uint8),
    }
    content = npz_bytes(arrays)
    assert content == npz_bytes(dict(reversed(arrays.items())))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
    with np.load(io.BytesIO(content), allow_pickle=False) as read:
        assert all(np.array_equal(read[name], arrays[name]) for name in arrays)
