"""Records are whole or rejected, written whole or not at all, and one process writes each."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnbench.cells.cell import make_cell
from nnbench.errors import NnbenchError
from nnbench.records.record import Record
from nnbench.records.store import (
    SCHEMA_VERSION,
    RejectedRecordError,
    check_record,
    dataset_folder,
    read_record,
    record_path,
    set_aside,
    write_record,
)
from nnbench.settings import Settings

CELL = make_cell("digits", Settings())
SEEDS = (0, 1, 2, 3, 4)
FIELDS: dict[str, Any] = {
    "cell": json.loads(CELL.to_json()),
    "seeds": SEEDS,
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
    "notes": ['σ "quoted" \n }\n'],
    "facts": {"numbers": {"many": [1, 1.0, -1e-300, 0.1 + 0.2]}},
}  # fmt: skip


def made(fields: dict[str, Any] = FIELDS, **changes: Any) -> Record:
    return Record.model_validate_json(json.dumps({**fields, **changes}))


RECORD = made()
MANY = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def path_in(results: Path, cell_id: str = CELL.id) -> Path:
    return record_path(results, cell_id, SEEDS)


def stored(results: Path, record: Record = RECORD) -> Path:
    path = path_in(results)
    write_record(path, record)
    return path


@pytest.fixture(autouse=True)
def whole(tmp_path: Path) -> bytes:
    """The bytes of a whole record."""
    return stored(tmp_path).read_bytes()


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    found = read_record(stored(tmp_path))
    assert found == RECORD
    assert [type(n) for n in found.facts["numbers"]["many"]] == [int, float, float, float]
    assert leftovers(tmp_path / "cells" / CELL.id) == ["record-0-4.json"]


def test_the_same_record_has_the_same_bytes_in_any_order(tmp_path: Path, whole: bytes) -> None:
    assert stored(tmp_path, made(dict(reversed(FIELDS.items())))).read_bytes() == whole
    assert whole.endswith(b"}\n")
    assert json.loads(whole)["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_record_holds_no_number_that_json_does_not_know(value: float, tmp_path: Path) -> None:
    for changes in (
        {"seconds": {"train": value}},
        {"facts": {"a": {"b": [value]}}},
        {"runs": {"0": {"status": "ok", "metrics": {"test_loss": value}}}},
    ):
        with pytest.raises(ValueError, match="finite"):
            made(**changes)
    with pytest.raises(ValueError, match="JSON"):
        stored(tmp_path, RECORD.model_copy(update={"seconds": {"train": value}}))
    assert read_record(path_in(tmp_path)) == RECORD  # the old one is as it was


@MANY
@given(data=st.data())
def test_any_flipped_bits_are_noticed(data: st.DataObject, tmp_path: Path, whole: bytes) -> None:
    parts = [whole.index(b'"sha256"'), whole.index(b'"record"'), len(whole) - 2]  # head, sum, body
    first = data.draw(st.sampled_from([0, *parts]))
    at = data.draw(st.integers(first, min([*(p for p in parts if p > first), len(whole)]) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= data.draw(st.integers(1, 255))
    path = path_in(tmp_path)
    path.write_bytes(flipped)
    with pytest.raises(RejectedRecordError):
        read_record(path)


def test_a_record_cut_short_anywhere_is_noticed(tmp_path: Path, whole: bytes) -> None:
    path = path_in(tmp_path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(RejectedRecordError):
            check_record(path)


@pytest.mark.parametrize("more", [b" ", b"\n", b"}\n", b"{}"])
def test_a_record_with_something_behind_it_is_noticed(
    more: bytes, tmp_path: Path, whole: bytes
) -> None:
    path = path_in(tmp_path)
    path.write_bytes(whole + more)
    with pytest.raises(RejectedRecordError):
        check_record(path)


def test_another_schema_version_is_named(tmp_path: Path, whole: bytes) -> None:
    path = path_in(tmp_path)
    path.write_bytes(whole.replace(b'"schema_version":2', b'"schema_version":1'))
    with pytest.raises(RejectedRecordError, match="schema version 1, this is 2") as error:
        read_record(path)
    assert str(path) in str(error.value)
    assert "rerun" in str(error.value)


@pytest.mark.parametrize("other", [("f" * 16, SEEDS), (CELL.id, (5, 6, 7, 8, 9)), (CELL.id, (0,))])
def test_the_record_of_another_cell_or_block_is_noticed(
    other: Any, tmp_path: Path, whole: bytes
) -> None:
    path = record_path(tmp_path, *other)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(whole)
    with pytest.raises(RejectedRecordError, match="another cell or block"):
        read_record(path)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"runs": {"5": {"status": "ok", "metrics": {}}}}, "runs.5: no seed of the block"),
        ({"curves": {"epochs": [1.0], "train_loss": [[0.5]]}}, "not a value for each seed"),
        ({"cell": {**FIELDS["cell"], "threads": 2}}, "id is not the hash"),
        ({"more": 1}, "more: is an unknown key"),
        ({"samples": {"losses": {"0": ""}}}, "test_samples does not say how many"),
        ({"samples": {"losses": {"7": "AAA="}}, "test_samples": 1}, "losses.7: no seed"),
        ({"samples": {"losses": {"0": "AAA="}}, "test_samples": 2}, "not a value for each test"),
        ({"samples": {"losses": {}, "groups": "AAA="}, "test_samples": 1}, "not a value for each"),
        ({"samples": {"losses": {"0": "A?A="}}, "test_samples": 1}, "samples.losses.0"),
    ],
)
def test_what_contradicts_itself_is_no_record(
    changes: dict[str, Any], word: str, tmp_path: Path
) -> None:
    body = json.dumps({**FIELDS, **changes}).encode()
    head = f'{{"schema_version":{SCHEMA_VERSION},"sha256":"{hashlib.sha256(body).hexdigest()}"'
    path_in(tmp_path).write_bytes(head.encode() + b',"record":' + body + b"}\n")
    with pytest.raises(RejectedRecordError, match=word):
        read_record(path_in(tmp_path))


def test_a_missing_record_says_so(tmp_path: Path) -> None:
    with pytest.raises(RejectedRecordError, match="No such file"):
        check_record(tmp_path / "record.json")


def test_a_rejected_record_is_kept_under_another_name(tmp_path: Path, whole: bytes) -> None:
    path = path_in(tmp_path)
    aside = set_aside(path)
    assert (path.exists(), aside.read_bytes()) == (False, whole)
    assert aside == path.with_name("record-0-4.rejected.json")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NnbenchError, match=r"cannot be written \(Not a directory\)") as error:
        stored(tmp_path / "file")
    assert str(tmp_path / "file") in str(error.value)
    assert "make the folder writable" in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "cells" / CELL.id
    folder.chmod(0o500)
    try:
        with pytest.raises(NnbenchError, match="Permission denied"):
            stored(tmp_path, made(notes=["more"]))
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
        stored(tmp_path, made(notes=["more"]))
    monkeypatch.undo()
    assert "disk has room" in str(error.value)
    assert read_record(path_in(tmp_path)) == RECORD
    assert leftovers(tmp_path / "cells" / CELL.id) == ["record-0-4.json"]


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
        stored(tmp_path, made(notes=["x" * 500_000]))
    assert read_record(path_in(tmp_path)) == RECORD
    assert leftovers(tmp_path / "cells" / CELL.id) == ["record-0-4.json"]


def test_a_change_of_the_code_that_prepares_data_gives_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dataset_folder(tmp_path, "digits")
    monkeypatch.setattr("nnbench.records.store.dataset_fingerprint", lambda _name: "f" * 16)
    assert before.parent == dataset_folder(tmp_path, "digits").parent == tmp_path / "data"
    assert dataset_folder(tmp_path, "digits").name == "digits-ffffffff" != before.name
    assert ":" not in dataset_folder(tmp_path, "my.data:SET").name
