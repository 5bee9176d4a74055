"""A batch's cells one after the other: one that fails or crashes takes no other with it, and each is told by its name."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from nnbench.errors import NnbenchError
from nnbench.jobs.marks import log_path
from nnbench.jobs.one_by_one import measure_each
from nnbench.progress.batch_log import BatchLog
from nnbench.progress.estimate import Job
from nnbench.progress.narrator import Narrator, Outlook

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks")
GOOD, FAULTY, CRASHED, LAST = ("a" * 16, "b" * 16, "c" * 16, "d" * 16)
CELLS = dict.fromkeys((GOOD, FAULTY, CRASHED, LAST), 5)


def measure(cell: str, seeds: int) -> int:
    os.write(1, f"{cell} of {seeds} seeds in process {os.getpid()}\n".encode())
    if cell == CRASHED:
        os.kill(os.getpid(), signal.SIGKILL)
    return int(cell == FAULTY)


@pytest.fixture
def batch_log(tmp_path: Path) -> Path:
    """Of a batch with one cell that fails and one that crashes."""
    path = tmp_path / "batch.log"
    with (
        path.open("w") as file,
        contextlib.redirect_stdout(file),
        pytest.raises(NnbenchError, match="2 of 4 cells failed") as error,
    ):
        measure_each(CELLS, tmp_path, measure, lambda: None)
    assert FAULTY in str(error.value)
    assert CRASHED in str(error.value)
    return path


def test_every_cell_has_a_process_and_a_log_of_its_own(batch_log: Path, tmp_path: Path) -> None:
    logs = [log_path(tmp_path, cell, 5).read_text() for cell in CELLS]
    assert len({log.splitlines()[0].rpartition(" ")[2] for log in logs}) == 4
    assert all(log.startswith(f"{cell} of 5 seeds") for cell, log in zip(CELLS, logs, strict=True))
    assert logs[2].splitlines()[-1].endswith("was killed by SIGKILL")
    assert batch_log.read_text().count("\n") == 8  # each cell's start and end


class Told:
    """A run of these cells and what is said of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        labels = {cell: cell[0] for cell in CELLS}
        jobs = {cell: Job(seconds=10.0, alone=False) for cell in CELLS}
        outlook = Outlook(labels=labels, jobs=jobs, cores=1)
        self.narrator = Narrator(outlook, self.lines.append)


def test_what_a_batch_says_is_told_by_the_cell(batch_log: Path) -> None:
    told, log = Told(), BatchLog(batch_log)
    log.tell(told.narrator)
    assert log.failed
    assert log.running is None
    assert set(told.narrator.failed) == {FAULTY, CRASHED}
    said = "\n".join(told.lines)
    assert "1 of 4" in said
    assert "2 of 4" in said
    before = list(told.lines)
    log.tell(told.narrator)
    assert told.lines == before  # nothing twice


def test_a_cell_whose_batch_was_killed_is_told_as_failed_and_a_retry_tells_no_cell_twice(
    tmp_path: Path,
) -> None:
    path = tmp_path / "batch.log"
    path.write_text(f"cell {GOOD} started x\ncell {GOOD} measured 1.0\ncell {LAST} started y\n")
    told, log = Told(), BatchLog(path)
    assert log.ended(told.narrator, otherwise="killed")
    assert set(told.narrator.failed) == {LAST}
    log.again()
    before = len(told.lines)
    with path.open("a") as file:
        file.write(f"cell {GOOD} started x\ncell {GOOD} measured 0.1\n")
    log.tell(told.narrator)
    assert len(told.lines) == before


def test_half_a_line_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "batch.log"
    path.write_text(f"cell {GOOD} sta")
    told, log = Told(), BatchLog(path)
    log.tell(told.narrator)
    assert log.running is None
    with path.open("a") as file:
        file.write("rted x\n")
    log.tell(told.narrator)
    assert log.running == GOOD
