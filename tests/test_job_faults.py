"""Faults of a single job, injected for real: the next one ends with the numbers of an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from project import ROOT, leftovers
from waiting import PATIENCE_SECONDS, wait_for

from nnbench.cells.cell import make_cell
from nnbench.datasets import digits
from nnbench.datasets.prepared import store
from nnbench.records.store import check_record, kept_path, read_record, record_path
from nnbench.settings import Settings

pytestmark = pytest.mark.dag
SEEDS = (0, 1, 2)
MOMENTS = random.Random(20261125)  # noqa: S311 - of faults


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    store.prepare(digits.DATASET, folder, data_folder=None, download=False)
    return folder


def cell_of(**settings: Any) -> dict[str, Any]:
    return make_cell("digits", Settings(**settings), seeds=SEEDS).document()


def job(cell: dict[str, Any], record: Path, data: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nnbench", "run", json.dumps(cell), "--record", str(record)]
    return subprocess.Popen(
        [*command, "--data", str(data), "--device", "cpu", *more],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    return output


def wait_for_progress(process: subprocess.Popen[str], checkpoint: Path) -> None:
    """Until a job saves its training (again), or ends."""

    def stamp() -> int | None:
        try:
            return checkpoint.stat().st_mtime_ns
        except FileNotFoundError:
            return None

    before = stamp()
    wait_for(lambda: process.poll() is not None or stamp() != before, "a checkpoint")


@pytest.mark.parametrize(
    "by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name
)
def test_a_job_that_is_ended_at_random_moments_finishes_with_the_same_bits(
    by: signal.Signals, data: Path, tmp_path: Path
) -> None:
    cell = cell_of(hidden=(64,), train_for="400 epochs", dropout=0.2)
    record, undisturbed = (record_path(tmp_path / name, cell["id"]) for name in ("a", "b"))
    checkpoint = record.with_name("checkpoint.pt")
    ends = 0
    for round_ in range(5):
        process = job(cell, record, data, "--checkpoint-seconds", "0.3")
        # The first time it is ended while it starts, then in its training. (An interrupt while Python
        # itself starts is Python's: it may exit with 1, or go on.)
        if round_ or by is signal.SIGINT:
            wait_for_progress(process, checkpoint)
        time.sleep(MOMENTS.uniform(0.0, 0.6))
        if process.poll() is not None:
            finished(process)
            break
        process.send_signal(by)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode in (-by, 128 + by), output
        ends += 1
        if record.exists():  # it was ended on its way out: whole, or not there
            check_record(record)
            break
    assert ends >= 2
    finished(job(cell, record, data, "--reuse"))
    finished(job(cell, undisturbed, data))
    found, wanted = read_record(record), read_record(undisturbed)
    assert found["resumed"]
    assert not wanted["resumed"]
    for key in ("runs", "curves", "steps", "settings_used", "cell"):
        assert found[key] == wanted[key]
    assert leftovers(tmp_path / "a/cells") == set()


def test_a_second_job_of_a_cell_waits_and_takes_the_record_of_the_first(
    data: Path, tmp_path: Path
) -> None:
    cell = cell_of(hidden=(64,), train_for="200 epochs")
    record = record_path(tmp_path, cell["id"])
    first = job(cell, record, data, "--reuse")
    lock = record.parent / ".lock"
    wait_for(lambda: lock.exists() and lock.stat().st_size, "the first job")
    first.send_signal(signal.SIGSTOP)  # so that it does not end before the second one looks
    second = job(cell, record, data, "--reuse")
    assert second.stdout
    said = next((line for line in second.stdout if "waiting" in line), "nothing")
    first.send_signal(signal.SIGCONT)
    assert f"waiting for process {first.pid}" in said
    assert "is finished already" in finished(second)
    finished(first)
    before = record.stat().st_ino
    assert "is finished already" in finished(job(cell, record, data, "--reuse"))
    assert record.stat().st_ino == before
    finished(job(cell, record, data))  # asked for by hand, it is measured
    assert record.stat().st_ino != before


def test_a_finished_record_that_snakemake_removed_is_taken_back(data: Path, tmp_path: Path) -> None:
    """It removes the outputs of a job that ends badly, even if that was after the record was written."""
    cell = cell_of(hidden=(8,), train_for="1 epochs")
    record = record_path(tmp_path, cell["id"])
    finished(job(cell, record, data))
    content = record.read_bytes()
    record.unlink()
    assert "is finished already" in finished(job(cell, record, data, "--reuse"))
    assert record.read_bytes() == content
    record.write_bytes(content[:-50])
    assert "is finished already" in finished(job(cell, record, data, "--reuse"))
    assert record.read_bytes() == content
    for copy in (record, kept_path(record)):
        copy.write_bytes(content[:-50])
    assert "already" not in finished(job(cell, record, data, "--reuse"))
    check_record(record)
    check_record(kept_path(record))


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
    cell = cell_of(hidden=(64,), train_for="30 epochs")
    record = record_path(small_disk, cell["id"])
    record.parent.mkdir(parents=True)
    ballast = small_disk / "ballast"
    # a record takes more than two pages: it is cut in the middle
    room = shutil.disk_usage(small_disk).free - 2 * 4096
    ballast.write_bytes(bytes(room))
    process = job(cell, record, data, "--checkpoint-seconds", "0.001")
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 2
    assert "No space left on device" in output
    assert "see that its disk has room" in output
    assert "going on without it" in output  # the checkpoint
    assert {path.name for path in record.parent.iterdir()} == {".lock"}
    ballast.unlink()
    finished(job(cell, record, data, "--reuse"))
    elsewhere = record_path(tmp_path / "elsewhere", cell["id"])
    finished(job(cell, elsewhere, data))
    assert read_record(record)["runs"] == read_record(elsewhere)["runs"]
