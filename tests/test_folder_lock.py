"""One process works in a cell's or a dataset's folder; the kernel lets go of it however that ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nnbench.errors import NnbenchError
from nnbench.jobs.locks import folder_lock

HOLDER = """
import sys, time
from pathlib import Path
from nnbench.jobs.locks import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def _give_up(*_: object) -> None:
    raise TimeoutError


def test_a_cell_is_held_by_one_process_and_let_go_when_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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

            with monkeypatch.context() as patched:
                patched.setattr("nnbench.jobs.locks.to_log", say)
                with pytest.raises(TimeoutError):
                    folder_lock(tmp_path).__enter__()
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


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NnbenchError, match=r"cannot be written \(Not a directory\)") as error:
        folder_lock(tmp_path / "file/cell").__enter__()
    assert str(tmp_path / "file") in str(error.value)
    assert "make the folder writable" in str(error.value)
