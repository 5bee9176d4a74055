"""What a source file means is read once and kept in the user's cache, and nothing but the same file finds it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnbench.cells import known
from nnbench.cells.known import known_meaning
from nnbench.cells.meaning import Meaning, meaning_of

SOURCE = b"import numpy as np\nnnbench_inputs = ['a.csv']\n\ndef f(x):\n    return np.load(x) + 1\n"
Read = list[bytes]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Read:
    """The sources that were read as Python; the cache is empty at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen: Read = []

    def counted(source: bytes, path: Path, module: str, *, package: bool) -> Meaning:
        seen.append(source)
        return meaning_of(source, path, module, package=package)

    monkeypatch.setattr(known, "meaning_of", counted)
    return seen


def meaning(source: bytes = SOURCE, path: str = "a/b.py", module: str = "a.b") -> Meaning:
    return known_meaning(source, Path(path), module, package=False)


def test_a_file_is_read_once_and_means_the_same_afterwards(read: Read) -> None:
    first = meaning()
    assert first == meaning() == meaning_of(SOURCE, Path("a/b.py"), "a.b", package=False)
    assert first.inputs == ("a.csv",)
    assert first.notes
    assert read == [SOURCE]


def test_an_edited_file_is_read_anew(read: Read) -> None:
    edited = SOURCE.replace(b"1", b"2")
    assert meaning().words != meaning(edited).words
    assert read == [SOURCE, edited]


def test_a_file_under_another_name_is_another_one(read: Read) -> None:
    meaning()
    meaning(module="a.c")
    assert read == [SOURCE] * 2


def test_notes_name_the_file_where_it_lies_now(read: Read) -> None:
    meaning()
    assert {note.file for note in meaning(path="elsewhere/b.py").notes} == {Path("elsewhere/b.py")}
    assert read == [SOURCE]


@pytest.mark.parametrize("damage", [b"", b"\n\n", b"{}"])
def test_a_damaged_cache_is_read_anew(damage: bytes, read: Read, tmp_path: Path) -> None:
    first = meaning()
    (file,) = (tmp_path / "nnbench/meanings").iterdir()
    file.write_bytes(damage or file.read_bytes().replace(b"numpy", b"nunpy"))
    assert meaning() == first
    assert read == [SOURCE] * 2
    assert meaning() == first
    assert read == [SOURCE] * 2  # and mended


def test_another_reader_reads_anew(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    meaning()
    monkeypatch.setattr(known, "_reader", lambda: "another")
    meaning()
    assert read == [SOURCE] * 2


def test_a_user_may_have_no_home(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nowhere)
    assert meaning() == meaning()
    assert read == [SOURCE] * 2


def test_there_may_be_no_cache_to_write_to(
    read: Read, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert meaning() == meaning()
    assert read == [SOURCE] * 2
