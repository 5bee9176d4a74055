"""Processes that work together: they meet on the loopback, and none of them outlives its group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import torch
from waiting import PATIENCE_SECONDS, children

from nnbench.errors import NnbenchError
from nnbench.experiments.parallel.declared import ParallelOptions
from nnbench.experiments.parallel.processes import loopback_interface, met, run_together
from nnbench.experiments.parallel.ways import Job, meet
from nnbench.experiments.run import Request
from nnbench.processes import end_with_parent
from nnbench.settings import Settings

COUNT = 4


def wait() -> None:
    time.sleep(600)  # longer than a test waits for its end


def one_is_killed(rank: int) -> None:
    if rank == 2:
        print("nearly there", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    wait()


def one_exits(rank: int) -> None:
    if rank == 2:
        sys.exit(3)
    wait()


def one_raises(rank: int) -> None:
    if rank == 2:
        raise NnbenchError("nearly there", got="nothing")
    wait()


def all_hang(_: int) -> None:
    wait()


def together(work: object, *arguments: object, seconds: float = 50.0, count: int = COUNT) -> None:
    run_together(
        work,
        *arguments,
        count=count,
        environment={"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": loopback_interface()},
        timeout_seconds=seconds,
    )


def note_listeners(rank: int, job: Job, folder: Path) -> None:
    """Meet the others, and write down at which addresses this process listens meanwhile."""
    with met(rank, job, folder=folder, timeout_seconds=50.0):
        meet()
        sockets = psutil.Process().net_connections("inet")
        addresses = sorted({s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN})
        found = [addresses, os.environ["OMP_NUM_THREADS"]]
        (folder / str(rank)).write_text(json.dumps(found))
        meet()


def test_processes_meet_on_the_loopback_and_listen_nowhere_else(tmp_path: Path) -> None:
    request = Request(
        options=ParallelOptions(),
        settings=Settings(),
        dataset="digits",
        folder=tmp_path,
        seeds=(),
        search=None,
        device=torch.device("cpu"),
        cores=1,
    )
    together(note_listeners, Job(request=request, count=COUNT), tmp_path)
    for rank in range(COUNT):
        assert json.loads((tmp_path / str(rank)).read_text()) == [["127.0.0.1"], "1"]


@pytest.mark.parametrize(
    ("work", "how", "got"),
    [
        (one_is_killed, "was killed (SIGKILL)", None),
        (one_exits, "failed (exit status 3)", None),
        (one_raises, "failed", "nearly there"),
    ],
)
def test_a_process_that_dies_ends_all_the_others(
    work: object, how: str, got: str | None, capfd: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(NnbenchError) as caught:
        together(work)
    assert caught.value.what == f"parallel training: process 2 of 4 {how}"
    said = caught.value.got
    assert got in said if got else said is None
    assert work is not one_is_killed or "nearly there" in capfd.readouterr().err
    assert not children()
    assert not list(tmp_path.iterdir())


def test_processes_that_hang_are_ended() -> None:
    with pytest.raises(NnbenchError, match="did not end within 1 s") as caught:
        together(all_hang, seconds=1.0, count=2)
    assert caught.value.got == "still running: process 0, 1"
    assert not children()


def hang_with_parent(rank: int, parent: int, folder: str) -> None:
    end_with_parent(parent, by=signal.SIGKILL)
    Path(folder, str(rank)).touch()
    wait()


# a script without ``if __name__ == "__main__"``: the processes must not run it again
PARENT = """
import os, sys
from nnbench.experiments.parallel.processes import run_together
from test_parallel_processes import hang_with_parent
run_together(hang_with_parent, os.getpid(), sys.argv[1], count=2, environment={}, timeout_seconds=200.0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal")
def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    script, marks = tmp_path / "script.py", tmp_path / "marks"
    script.write_text(PARENT)
    marks.mkdir()
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, str(script), str(marks)], env={**os.environ, "PYTHONPATH": path}
    )
    while len(list(marks.iterdir())) < 2:  # both have asked to be ended with it
        assert parent.poll() is None
        time.sleep(0.05)
    started = psutil.Process(parent.pid).children()
    assert len(started) >= 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(started, timeout=PATIENCE_SECONDS)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
