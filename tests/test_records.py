"""Records are whole or rejected, written whole or not at all, and one process writes each."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnbench.cells.cell import hashed
from nnbench.errors import NnbenchError
from nnbench.records.store import (
    SCHEMA_VERSION,
    RejectedRecordError,
    check_record,
    dataset_folder,
    folder_lock,
    found_record,
    kept_path,
    read_record,
    record_path,
    set_aside,
    write_record,
)

CONTENT = {
    "schema": 2, "dataset": "digits", "settings": {}, "seeds": [0], "search": None, "threads": 1,
    "code": "0123456789abcdef",
}  # fmt: skip
CELL = hashed(CONTENT)
RECORD: dict[str, Any] = {
    "cell": {"id": CELL, **CONTENT},
    "machine": {
        "device_name": "a CPU", "device": "cpu", "platform": "Linux", "hostname": "host", "cores": 2,
        "threads": 1, "memory_gb": 8.0,
    },
    "versions": {"python": "3.12"},
    "started": "2026-01-01T00:00:00+00:00",
    "ended": "2026-01-01T00:00:01+00:00",
    "seconds": {"train": 1.0},
    "git_commit": None,
    "git_dirty": None,
    "peak_memory_mb": None,
    "runs": {"0": {"status": "ok", "metrics": {"test_loss": 0.1, "test_accuracy": None}}},
    "text": 'σ "quoted" \n }\n',
    "numbers": [1, 1.0, -1e-300, 0.1 + 0.2],
}  # fmt: skip
MANY = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def stored(results: Path, record: dict[str, Any] = RECORD) -> Path:
    path = record_path(results, CELL)
    write_record(path, record)
    return path


@pytest.fixture(autouse=True)
def whole(tmp_path: Path) -> bytes:
    """The bytes of a whole record."""
    return stored(tmp_path).read_bytes()


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    assert read_record(stored(tmp_path)) == RECORD
    assert leftovers(tmp_path / "cells" / CELL) == ["record.json"]


def test_the_same_record_has_the_same_bytes_in_any_order(tmp_path: Path, whole: bytes) -> None:
    assert stored(tmp_path, dict(reversed(RECORD.items()))).read_bytes() == whole
    assert whole.endswith(b"}\n")
    assert json.loads(whole)["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_record_holds_no_number_that_json_does_not_know(value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        stored(tmp_path, {**RECORD, "bad": value})
    assert read_record(record_path(tmp_path, CELL)) == RECORD  # the old one is as it was


@MANY
@given(data=st.data())
def test_any_flipped_bits_are_noticed(data: st.DataObject, tmp_path: Path, whole: bytes) -> None:
    parts = [whole.index(b'"sha256"'), whole.index(b'"record"'), len(whole) - 2]  # head, sum, body
    first = data.draw(st.sampled_from([0, *parts]))
    at = data.draw(st.integers(first, min([*(p for p in parts if p > first), len(whole)]) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= data.draw(st.integers(1, 255))
    path = record_path(tmp_path, CELL)
    path.write_bytes(flipped)
    with pytest.raises(RejectedRecordError):
        read_record(path)


def test_a_record_cut_short_anywhere_is_noticed(tmp_path: Path, whole: bytes) -> None:
    path = record_path(tmp_path, CELL)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(RejectedRecordError):
            check_record(path)


@pytest.mark.parametrize("more", [b" ", b"\n", b"}\n", b"{}"])
def test_a_record_with_something_behind_it_is_noticed(
    more: bytes, tmp_path: Path, whole: bytes
) -> None:
    path = record_path(tmp_path, CELL)
    path.write_bytes(whole + more)
    with pytest.raises(RejectedRecordError):
        check_record(path)


def test_another_schema_version_is_named(tmp_path: Path, whole: bytes) -> None:
    path = record_path(tmp_path, CELL)
    path.write_bytes(whole.replace(b'"schema_version":1', b'"schema_version":0'))
    with pytest.raises(RejectedRecordError, match="schema version 0, this is 1") as error:
        read_record(path)
    assert str(path) in str(error.value)
    assert "rerun" in str(error.value)


@pytest.mark.parametrize("check", [read_record, check_record])
def test_the_record_of_another_cell_is_noticed(check: Any, tmp_path: Path, whole: bytes) -> None:
    other = record_path(tmp_path, "f" * 16)
    other.parent.mkdir()
    other.write_bytes(whole)
    with pytest.raises(RejectedRecordError, match="another cell"):
        check(other)


def test_a_missing_record_says_so(tmp_path: Path) -> None:
    with pytest.raises(RejectedRecordError, match="No such file"):
        check_record(tmp_path / "record.json")


def test_a_record_that_is_gone_is_taken_back_from_its_second_copy(tmp_path: Path) -> None:
    path = stored(tmp_path)
    assert found_record(path) == RECORD
    path.replace(kept_path(path))
    assert found_record(path) == RECORD
    assert read_record(path) == RECORD
    for copy in (path, kept_path(path)):
        copy.unlink()
    assert found_record(path) is None


def test_a_rejected_record_is_kept_under_another_name(tmp_path: Path, whole: bytes) -> None:
    path = record_path(tmp_path, CELL)
    aside = set_aside(path)
    assert (path.exists(), aside.read_bytes()) == (False, whole)
    assert aside.parent == path.parent


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for action in (
        stored,
        lambda folder: folder_lock(record_path(folder, CELL).parent).__enter__(),
    ):
        with pytest.raises(NnbenchError, match=r"cannot be written \(Not a directory\)") as error:
            action(tmp_path / "file")
        assert str(tmp_path / "file") in str(error.value)
        assert "make the folder writable" in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "cells" / CELL
    folder.chmod(0o500)
    try:
        with pytest.raises(NnbenchError, match="Permission denied"):
            stored(tmp_path, {**RECORD, "more": 1})
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_named_and_leaves_the_old_record(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(NnbenchError, match="No space left on device") as error:
        stored(tmp_path, {**RECORD, "more": 1})
    monkeypatch.undo()
    assert "disk has room" in str(error.value)
    assert read_record(record_path(tmp_path, CELL)) == RECORD
    assert leftovers(tmp_path / "cells" / CELL) == ["record.json"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel ends every write beyond this size, as a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_stops_half_way_leaves_the_old_record(tmp_path: Path) -> None:
    with files_of_at_most(300_000), pytest.raises(NnbenchError, match="cannot be written"):
        stored(tmp_path, {**RECORD, "more": "x" * 500_000})
    assert read_record(record_path(tmp_path, CELL)) == RECORD
    assert leftovers(tmp_path / "cells" / CELL) == ["record.json"]


HOLDER = """
import sys, time
from pathlib import Path
from nnbench.records.store import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def _give_up(*_: object) -> None:
    raise TimeoutError


def test_a_cell_is_held_by_one_process_and_let_go_when_that_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            waiting: list[str] = []

            def say(message: str) -> None:
                waiting.append(message)
                signal.signal(signal.SIGALRM, _give_up)
                signal.setitimer(signal.ITIMER_REAL, 0.2)

            with pytest.raises(TimeoutError):
                folder_lock(tmp_path, say=say).__enter__()
            (message,) = waiting
            assert f"{tmp_path}: waiting for process {holder.pid} on " in message
            with folder_lock(tmp_path / "other"):
                pass  # another cell is free
        finally:
            holder.send_signal(signal.SIGKILL)
    with folder_lock(tmp_path):
        pass
    with folder_lock(tmp_path):
        pass  # and it is let go in the usual way too


def test_a_change_of_the_code_that_prepares_data_gives_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dataset_folder(tmp_path, "digits")
    monkeypatch.setattr("nnbench.records.store.dataset_fingerprint", lambda _name: "f" * 16)
    assert before.parent == dataset_folder(tmp_path, "digits").parent == tmp_path / "data"
    assert dataset_folder(tmp_path, "digits").name == "digits-ffffffff" != before.name
    assert ":" not in dataset_folder(tmp_path, "my.data:SET").name
