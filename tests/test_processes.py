"""Children are run to their end, and nothing of them is left however that comes about."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from waiting import PATIENCE_SECONDS
from waiting import children as children_left

from nnbench.processes import Child, Ended, last_lines, run_children, run_in_turn, uncollected

WAIT = "import time; time.sleep(600)"  # longer than any test waits


def python(script: str, *arguments: object, document: bytes = b"") -> Child:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return Child(command=command, environment=os.environ, document=document)


def test_a_child_reads_its_document_and_its_environment_and_is_heard() -> None:
    script = (
        "import os, sys; print(sys.stdin.read() + os.environ['WORD']); print('e', file=sys.stderr)"
    )
    child = Child(
        command=[sys.executable, "-c", script], environment={"WORD": "!"}, document=b"hello"
    )
    [end] = run_children([child])
    assert (end.failure, end.output, end.errors) == (None, "hello!\n", "e\n")
    assert end.seconds > 0


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("import sys; sys.exit('no such kernel')", "ended with code 1: no such kernel"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("import sys; sys.exit(3)", "ended with code 3"),
    ],
)
def test_a_child_that_fails_says_how(script: str, failure: str) -> None:
    assert run_children([python(script)])[0].failure == failure


def test_a_child_that_cannot_be_started_is_a_failure() -> None:
    [end] = run_children([Child(command=["/no/such/program"], environment={})])
    assert end.failure == "cannot be started (No such file or directory)"


def test_a_child_that_hangs_is_ended_with_its_own_children_and_tells_its_last_words(
    tmp_path: Path,
) -> None:
    script = (
        "import os, subprocess, sys; print('waiting', file=sys.stderr, flush=True);"
        f"own = subprocess.Popen([sys.executable, '-c', {WAIT!r}]);"
        "open(sys.argv[1], 'w').write(f'{os.getpid()} {own.pid}'); own.wait()"
    )
    [end] = run_children([python(script, tmp_path / "ids")], timeout_seconds=5)
    assert end.failure == "ended after 5 s without an answer: waiting"
    assert_gone([int(each) for each in (tmp_path / "ids").read_text().split()])


def assert_gone(numbers: list[int]) -> None:
    assert numbers
    left = [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]
    _, alive = psutil.wait_procs(left, timeout=PATIENCE_SECONDS)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_ends_come_in_the_order_of_the_children_and_are_told_as_they_come(tmp_path: Path) -> None:
    """The first child waits for a file that the second one makes: both run at once."""
    waits = (
        "import pathlib, sys, time; file = pathlib.Path(sys.argv[1])\n"
        "while not file.exists(): time.sleep(0.01)\nprint('first')"
    )
    makes = "import sys; open(sys.argv[1], 'w').close(); print('second')"
    told: list[tuple[int, str]] = []

    def hear(number: int, end: Ended) -> None:
        told.append((number, end.output))

    both = [python(waits, tmp_path / "file"), python(makes, tmp_path / "file")]
    ends = run_children(both, at_once=2, ended=hear)
    assert [end.output for end in ends] == ["first\n", "second\n"]
    assert sorted(told) == [(0, "first\n"), (1, "second\n")]


def test_an_error_ends_the_children_that_run_and_starts_no_other(tmp_path: Path) -> None:
    others = children_left()  # such as a browser that another test has started
    script = "import os, sys; open(f'{sys.argv[1]}/{os.getpid()}', 'w').close(); " + WAIT

    def interrupted(*_: object) -> None:
        while not list(tmp_path.iterdir()):
            threading.Event().wait(0.01)
        raise KeyboardInterrupt

    children = [python("pass"), python(script, tmp_path), python("pass"), python(WAIT)]
    with pytest.raises(KeyboardInterrupt):
        run_children(children[:2] + children[3:], at_once=2, ended=interrupted)
    assert_gone([int(path.name) for path in tmp_path.iterdir()])
    assert not [child for child in children_left() if child not in others]


# What each does, line by line, in a file that all write to
IN_TURN = """
import os, sys
def note(what): os.write(file, f"{sys.argv[1]} {what}\\n".encode())
file = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
note("ready")
print("ready", flush=True)
print(sys.stdin.read())
note("works")
note("ends")
"""


def test_children_get_ready_together_and_work_one_after_the_other(tmp_path: Path) -> None:
    """In their order, whoever was ready first; one that ends early has no turn and stops nobody."""
    slow, broken = (
        "import time; time.sleep(0.3)\n" + IN_TURN,
        "import sys; sys.exit('no such thing')",
    )
    scripts = {"slow": slow, "broken": broken, "quick": IN_TURN, "last": IN_TURN}
    children = [
        Child(
            command=[sys.executable, "-c", script, name, str(tmp_path / "notes")],
            environment=os.environ,
            document=f"for {name}".encode(),
        )
        for name, script in scripts.items()
    ]
    ends = run_in_turn(children)
    assert [end.output for end in ends] == ["for slow\n", "", "for quick\n", "for last\n"]
    assert [end.failure for end in ends] == [None, "ended with code 1: no such thing", None, None]
    notes = (tmp_path / "notes").read_text().splitlines()
    assert sorted(notes[:3]) == ["last ready", "quick ready", "slow ready"]
    assert notes[3:] == [
        f"{n} {what}" for n in ("slow", "quick", "last") for what in ("works", "ends")
    ]


def test_where_one_never_gets_ready_none_works_and_none_is_left(tmp_path: Path) -> None:
    others = children_left()
    script = "import sys; print('ready', flush=True); sys.stdin.read(); open(sys.argv[1], 'w')"
    ends = run_in_turn([python(WAIT), python(script, tmp_path / "file")], timeout_seconds=2)
    assert [end.failure for end in ends] == ["not all were ready after 2 s"] * 2
    assert not (tmp_path / "file").exists()
    assert not [child for child in children_left() if child not in others]


def test_last_lines_are_few_and_short() -> None:
    assert last_lines("") == []
    text = "\n\n".join([*map(str, range(9)), "x" * 1000])
    assert last_lines(text) == ["5", "6", "7", "8", "x" * 300]


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_no_child_outlives_a_job_that_is_killed() -> None:
    child = (
        "from nnbench.processes import end_with_parent; end_with_parent();"
        "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(600)"
    )
    parent = (
        "import subprocess, sys;"
        f"subprocess.run([sys.executable, '-c', {child!r}], stderr=sys.stdout, check=True)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as job:
        assert job.stdout is not None
        orphan = psutil.Process(int(job.stdout.readline()))
        job.send_signal(signal.SIGKILL)
        gone, _ = psutil.wait_procs([orphan], timeout=PATIENCE_SECONDS)
    assert gone


def test_the_garbage_collector_is_paused_for_what_stays_and_goes_on_after_an_error() -> None:
    @uncollected
    def work(number: int) -> bool:
        if not number:
            raise ValueError("no number")
        return gc.isenabled()

    assert not work(1)
    with pytest.raises(ValueError, match="no number"):
        work(0)
    assert gc.isenabled()
