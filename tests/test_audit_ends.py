"""How an audit ends: its exit status, and nothing left behind however it does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from made_up_audit import SMALL, Project, block_record, measure_all, store
from made_up_plan import claim, planned
from waiting import PATIENCE_SECONDS, wait_for

from nnbench.cli.main import main


def test_the_exit_status_says_whether_all_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "measured").mkdir()
    plan = planned(tmp_path / "measured", SMALL, seeds=5)
    measure_all(plan)
    project = Project(plan, tmp_path)
    project.keep(0)
    config = json.dumps(project.config.model_dump(mode="json"))
    options = ("audit", "--config", config, "--device", "cpu", "--cores", "1")
    assert main([*options, "--seed", "7"]) == 0
    output = capsys.readouterr()
    assert "1 of 1 cell measured again (--seed 7): 1 identical to the bit." in output.out
    assert "measured again in" in output.err
    project.path(0).write_bytes(b"x")
    assert main([*options, "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["differs"], content["seed"] >= 0) == (True, True)
    project.keep()
    assert main(options) == 2


AFTER_CTRL_C = """
import sys, tempfile
from pathlib import Path
import psutil
from nnbench.cli.main import main
print("exit status", main(sys.argv[1:]))
print("processes", len(psutil.Process().children(recursive=True)))
print("files", len(list(Path(tempfile.gettempdir()).iterdir())))
"""


@contextmanager
def endless_audit(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """An audit of two cells that would never end, both of which are being trained."""
    endless = claim(settings={"train_for": "1000000 epochs", "hidden": [8]})
    plan = planned(folder, endless, seeds=5)
    for cell in plan.cells.values():
        store(plan, cell, block_record(cell, {"test_loss": [0.1] * 5}))
    scratch = folder / "scratch"
    scratch.mkdir()
    config = json.dumps(plan.config.model_dump(mode="json"))
    options = ("--config", config, "--device", "cpu", "--cores", "2", "--cells", "3")
    with subprocess.Popen(
        [sys.executable, "-c", AFTER_CTRL_C, "audit", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as process:
        try:
            wait_for_two_trainings(process)
            yield process
        except BaseException:
            process.kill()  # else the test would wait for it for ever
            raise


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_no_process_and_no_file_behind(tmp_path: Path) -> None:
    with endless_audit(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=PATIENCE_SECONDS)
    assert output == "exit status 130\nprocesses 0\nfiles 0\n"
    assert "Traceback" not in error
    assert "interrupted" in error


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_a_killed_audit_leaves_no_process_behind(tmp_path: Path) -> None:
    with endless_audit(tmp_path) as process:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
        assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]


def wait_for_two_trainings(process: subprocess.Popen[str]) -> None:
    """Until an audit has two trainings that have loaded torch."""

    def two_loaded() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        children = psutil.Process(process.pid).children(recursive=True)
        return sum(map(is_loaded_training, children)) == 2

    wait_for(two_loaded, "two trainings")


def is_loaded_training(child: psutil.Process) -> bool:
    try:
        return "run" in child.cmdline()[3:4] and child.memory_info().rss > 200e6
    except psutil.NoSuchProcess:  # such as a git that has just ended
        return False
