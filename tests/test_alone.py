"""A cell that measures time has the machine alone, whatever a scheduler starts beside it."""

from __future__ import annotations

import shutil
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from waiting import wait_for

from nnbench.errors import NnbenchError
from nnbench.jobs.alone import check_held, machine
from nnbench.jobs.lease import FOLDER
from nnbench.jobs.locks import Locks


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path


class Holder(threading.Thread):
    """A job that holds the machine until it is told to end."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__(daemon=True)
        self.alone, self.holds, self.end = alone, threading.Event(), threading.Event()
        self.start()

    def run(self) -> None:
        with machine(alone=self.alone):
            self.holds.set()
            self.end.wait()


def let_go(*holders: Holder) -> None:
    for holder in holders:
        holder.end.set()
        holder.join()


def in_line(folder: Path) -> bool:
    """Whether someone waits to have the machine alone."""
    with Locks() as locks:
        return not locks.take(next(folder.glob("*/machine.line")), shared=True)


def test_cells_share_the_machine() -> None:
    with machine(alone=False), machine(alone=False):
        pass


def test_a_time_is_measured_when_all_others_have_ended_and_before_any_later_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with machine(alone=False):
        timing = Holder(alone=True)
        wait_for(lambda: in_line(folder), "the cell that measures time in the line")
        later = Holder(alone=False)
        wait_for(lambda: "end of a cell that measures time" in capsys.readouterr().err, "the later")
        assert not timing.holds.is_set()
        assert not later.holds.is_set()
    timing.holds.wait()
    assert not later.holds.is_set()
    let_go(timing)
    later.holds.wait()
    let_go(later)


def test_two_times_are_measured_one_after_the_other() -> None:
    first = Holder(alone=True)
    first.holds.wait()
    second = Holder(alone=True)
    assert not second.holds.wait(0.3)
    let_go(first)
    second.holds.wait()
    let_go(second)


def test_no_time_is_measured_where_nothing_keeps_others_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv(FOLDER, str(folder / "file"))
    with (
        pytest.raises(NnbenchError, match="nothing keeps other cells from running"),
        ExitStack() as s,
    ):
        s.enter_context(machine(alone=True))
    with machine(alone=False):
        assert "lock files cannot be used" in capsys.readouterr().err


def test_a_time_is_refused_if_the_lock_files_were_removed_while_it_was_measured(
    folder: Path,
) -> None:
    with machine(alone=True) as held:
        check_held(held)
        shutil.rmtree(folder / "nnbench-leases")
        with machine(alone=False), pytest.raises(NnbenchError) as error:  # a later cell is let in
            check_held(held)
    assert "other cells may have run beside this one" in error.value.what
    assert FOLDER in str(error.value.todo)


def test_a_cell_of_an_allocation_with_gpus_of_its_own_keeps_away_from_a_time_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timing = Holder(alone=True)
    timing.holds.wait()
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    other = Holder(alone=False)
    assert not other.holds.wait(0.3)
    let_go(timing, other)
