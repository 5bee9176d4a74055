"""Faults of a single job, injected for real: the next one ends with the numbers of an undisturbed one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from one_cell import cell_of
from project import ROOT, leftovers
from waiting import PATIENCE_SECONDS, wait_for

from nnbench.cells.cell import Cell, blocks_of
from nnbench.datasets import digits
from nnbench.datasets.prepared import store
from nnbench.records.record import Record
from nnbench.records.store import cell_folder, read_record, record_path

pytestmark = pytest.mark.dag
MOMENTS = random.Random(20261125)  # noqa: S311 - of faults


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    store.prepare(digits.DATASET, folder, data_folder=None, download=False)
    return folder


def job(cell: Cell, results: Path, data: Path, *more: str, seeds: int = 3) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nnbench", "run", cell.to_json(), "--seeds", str(seeds)]
    return subprocess.Popen(
        [*command, "--results", results, "--data", data, "--device", "cpu", *more],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def paths(cell: Cell, results: Path, *, seeds: int = 3) -> list[Path]:
    return [record_path(results, cell.id, block) for block in blocks_of(seeds)]


def numbers(record: Record) -> list[object]:
    """What must not depend on interruptions."""
    return [getattr(record, name) for name in ("cell", "runs", "curves", "steps", "settings_used")]


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    return output


def wait_for_progress(process: subprocess.Popen[str], folder: Path) -> None:
    """Until a job saves its training (again), or ends."""

    def stamps() -> dict[Path, int]:
        found = {}
        for path in folder.glob("checkpoint-*.pt"):
            with suppress(FileNotFoundError):
                found[path] = path.stat().st_mtime_ns
        return found

    before = stamps()
    wait_for(
        lambda: process.poll() is not None or stamps().items() - before.items(), "a checkpoint"
    )


@pytest.mark.parametrize(
    "by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name
)
def test_a_job_that_is_ended_at_random_moments_finishes_with_the_same_bits(
    by: signal.Signals, data: Path, tmp_path: Path
) -> None:
    """Two blocks of seeds, the second a short one."""
    cell = cell_of(hidden=[64], train_for="800 epochs", dropout=0.2)
    disturbed, undisturbed = tmp_path / "a", tmp_path / "b"
    records = paths(cell, disturbed, seeds=6)
    ends = 0
    for round_ in range(5):
        process = job(cell, disturbed, data, "--reuse", "--checkpoint-seconds", "0.3", seeds=6)
        # The first time it is ended while it starts, then in its training. (An interrupt while Python
        # itself starts is Python's: it may exit with 1, or go on.)
        if round_ or by is signal.SIGINT:
            wait_for_progress(process, cell_folder(disturbed, cell.id))
        time.sleep(MOMENTS.uniform(0.0, 0.6))
        if process.poll() is not None:
            finished(process)
            break
        process.send_signal(by)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode in (-by, 128 + by), output
        ends += 1
        for path in records:
            if path.exists():  # whole, or not there
                read_record(path)
        if all(path.exists() for path in records):  # it was ended on its way out
            break
    assert ends >= 2
    finished(job(cell, disturbed, data, "--reuse", seeds=6))
    finished(job(cell, undisturbed, data, seeds=6))
    found, wanted = ([*map(read_record, paths(cell, r, seeds=6))] for r in (disturbed, undisturbed))
    assert any(record.resumed for record in found)
    assert not any(record.resumed for record in wanted)
    assert [*map(numbers, found)] == [*map(numbers, wanted)]
    assert leftovers(disturbed / "cells") == set()


def test_a_second_job_of_a_cell_waits_and_takes_the_record_of_the_first(
    data: Path, tmp_path: Path
) -> None:
    cell = cell_of(hidden=[64], train_for="200 epochs")
    (record,) = paths(cell, tmp_path)
    first = job(cell, tmp_path, data, "--reuse")
    lock = record.parent / ".lock"
    wait_for(lambda: lock.exists() and lock.stat().st_size, "the first job")
    first.send_signal(signal.SIGSTOP)  # so that it does not end before the second one looks
    second = job(cell, tmp_path, data, "--reuse")
    assert second.stdout
    said = next((line for line in second.stdout if "waiting" in line), "nothing")
    first.send_signal(signal.SIGCONT)
    assert f"waiting for process {first.pid}" in said
    assert "already measured" in finished(second)
    finished(first)
    before = record.stat().st_ino
    assert "already measured" in finished(job(cell, tmp_path, data, "--reuse"))
    assert record.stat().st_ino == before
    finished(job(cell, tmp_path, data))  # asked for by hand, it is measured
    assert record.stat().st_ino != before


def test_a_block_that_is_finished_is_kept_and_only_what_is_missing_is_measured(
    data: Path, tmp_path: Path
) -> None:
    cell = cell_of(hidden=[8], train_for="1 epochs")
    records = paths(cell, tmp_path, seeds=12)
    finished(job(cell, tmp_path, data, seeds=12))
    whole = [record.read_bytes() for record in records]
    damages: tuple[Callable[[Path], object], ...] = (
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes()[:-50]),
        lambda path: path.write_bytes(whole[2]),  # of another block
    )
    for damage in damages:
        damage(records[1])
        said = finished(job(cell, tmp_path, data, "--reuse", seeds=12))
        assert "already measured" not in said
        assert numbers(read_record(records[1])) == numbers(
            Record.model_validate_json(body(whole[1]))
        )
        assert [records[i].read_bytes() for i in (0, 2)] == [whole[0], whole[2]]
    assert "already measured" in finished(job(cell, tmp_path, data, "--reuse", seeds=12))


def body(content: bytes) -> bytes:
    """The record inside a file's bytes."""
    return content[content.index(b'"record":') + len(b'"record":') : -2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_full_leaves_no_record_and_room_lets_the_next_job_finish(
    data: Path, small_disk: Path, tmp_path: Path
) -> None:
    cell = cell_of(hidden=[64], train_for="30 epochs")
    (record,) = paths(cell, small_disk)
    record.parent.mkdir(parents=True)
    ballast = small_disk / "ballast"
    # a record takes more than two pages: it is cut in the middle
    room = shutil.disk_usage(small_disk).free - 2 * 4096
    ballast.write_bytes(bytes(room))
    process = job(cell, small_disk, data, "--checkpoint-seconds", "0.001")
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
    assert "No space left on device" in output
    assert "see that its disk has room" in output
    assert "going on without it" in output  # the checkpoint
    assert {path.name for path in record.parent.iterdir()} == {".lock"}
    ballast.unlink()
    finished(job(cell, small_disk, data, "--reuse"))
    finished(job(cell, tmp_path / "elsewhere", data))
    (elsewhere,) = paths(cell, tmp_path / "elsewhere")
    assert read_record(record).runs == read_record(elsewhere).runs
