"""Child processes run to their end, and processes that end with the one that started them."""

import ctypes
import functools
import gc
import multiprocessing as mp
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkContext, SpawnContext
from pathlib import Path
from types import FrameType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
LAST_LINES = 5  # of what a failed process said
LONGEST_LINE = 300  # characters of each
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
PROCESSES: (
    ForkContext | SpawnContext
) = (  # forked where that is safe: macOS's own libraries do not bear it
    mp.get_context("fork") if sys.platform == "linux" else mp.get_context("spawn")
)


def use_this_python() -> None:
    """Let the jobs' ``python3`` be the one that runs Snakemake, also where it is not activated."""
    own = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([own, os.environ.get("PATH", os.defpath)])


def import_from_here() -> None:
    """Find modules in the working folder, as ``python -m`` does: the jobs find a user's own parts there."""
    if not sys.flags.safe_path and not {"", str(Path.cwd())} & set(sys.path):
        sys.path.insert(0, str(Path.cwd()))


def user_cache() -> Path:
    """Where this user's processes leave for later ones what they can do without; it may not be there.

    OSError for a user without a home, as some containers have them: there is no other place that is theirs alone.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nnbench"
    except RuntimeError as error:
        raise OSError(str(error)) from error


def uncollected(work: Callable[P, R]) -> Callable[P, R]:
    """Pause the garbage collector while a function makes what stays: its passes over it cost a quarter of the time."""

    @functools.wraps(work)
    def paused(*args: P.args, **options: P.kwargs) -> R:
        if not gc.isenabled():
            return work(*args, **options)
        gc.disable()
        try:
            return work(*args, **options)
        finally:
            gc.enable()

    return paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to run."""

    command: Sequence[str]
    environment: Mapping[str, str]  # all of its environment variables
    document: bytes = b""  # what it reads from standard input


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended, after how long, and what it wrote."""

    failure: str | None  # in a few words; None if its exit status was 0
    output: str = ""
    errors: str = ""
    seconds: float = 0.0


def run_children(
    children: Sequence[Child],
    *,
    at_once: int = 1,
    timeout_seconds: float | None = None,
    ended: Callable[[int, Ended], None] = lambda *_: None,
) -> list[Ended]:
    """Run every child to its end, ``at_once`` at the same time, and say how each one ended, in their order.

    Each is started in a session of its own. All of that session has ended when this returns or
    raises, whatever happens in between (a timeout, Ctrl-C, SystemExit). A child that takes longer than
    the timeout is killed; ``ended`` is told the number of each child and how it ended, as it ends.
    """
    running = _Running(timeout_seconds=timeout_seconds)
    pool = ThreadPoolExecutor(at_once)
    try:
        numbers = {pool.submit(running.run, child): n for n, child in enumerate(children)}
        for future in as_completed(numbers):
            ended(numbers[future], future.result())
    finally:
        running.stop()
        pool.shutdown(cancel_futures=True)
    return [future.result() for future in numbers]


def run_in_turn(children: Sequence[Child], *, timeout_seconds: float | None = None) -> list[Ended]:
    """Start all children at once, then let them work one after the other, and say how each one ended.

    A child gets ready, writes a line and reads its document, which it is given when all have written theirs and
    those before it have ended. The timeout is for getting ready, and again for each one's work; for the rest,
    this is ``run_children``.
    """
    running = _Running(timeout_seconds=timeout_seconds)
    pool = ThreadPoolExecutor(max(1, len(children)))
    try:
        started = [running.start(child) for child in children]
        lines = [
            pool.submit(process.stdout.readline)
            for process in started
            if not isinstance(process, Ended) and process.stdout
        ]
        late = wait(lines, timeout=timeout_seconds).not_done
        if late:
            running.stop()
        ends = [
            each if isinstance(each, Ended) else running.end(each, child)
            for each, child in zip(started, children, strict=True)
        ]
        if not late:
            return ends
        return [replace(e, failure=f"not all were ready after {timeout_seconds:g} s") for e in ends]
    finally:
        running.stop()
        pool.shutdown()


@dataclass(slots=True, kw_only=True)
class _Running:
    """The children that run, each watched by a thread; none starts after ``stop``."""

    timeout_seconds: float | None
    processes: dict[subprocess.Popen[bytes], float] = field(default_factory=dict)  # when each began
    stopped: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        self.stopped.set()
        for process in tuple(self.processes):
            _kill_session(process)

    def run(self, child: Child) -> Ended:
        process = self.start(child)
        return process if isinstance(process, Ended) else self.end(process, child)

    def start(self, child: Child) -> subprocess.Popen[bytes] | Ended:
        """The child's process, or why there is none."""
        try:
            process = subprocess.Popen(  # noqa: S603 - our own commands
                child.command,
                env=dict(child.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # the processes that it starts end with it
            )
        except OSError as error:
            return Ended(failure=f"cannot be started ({error.strerror or error})")
        self.processes[process] = time.perf_counter()
        return process

    def end(self, process: subprocess.Popen[bytes], child: Child) -> Ended:
        """How the child ends, once it has its document."""
        try:
            if self.stopped.is_set():  # after it has been added: `stop` may have missed it
                _kill_session(process)
            how, said = _wait(process, child.document, timeout_seconds=self.timeout_seconds)
        finally:
            began = self.processes.pop(process)
            _kill_session(process)
        output, errors = (text.decode(errors="replace") for text in said)
        return Ended(
            failure=how and ": ".join(filter(None, [how, " | ".join(last_lines(errors))])),
            output=output,
            errors=errors,
            seconds=time.perf_counter() - began,
        )


def _wait(
    process: subprocess.Popen[bytes], document: bytes, *, timeout_seconds: float | None
) -> tuple[str | None, tuple[bytes, bytes]]:
    """How the process failed, if it did, and both of its outputs."""
    try:
        said = process.communicate(document, timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        _kill_session(process)
        said = process.communicate()
        return f"ended after {timeout_seconds:g} s without an answer", said
    code = process.returncode
    how = f"ended with code {code}" if code > 0 else f"killed by signal {-code}"
    return how if code else None, said


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # nothing of it is left
            os.killpg(process.pid, signal.SIGKILL)
    else:  # Windows
        process.kill()


def last_lines(text: str) -> list[str]:
    """The last lines of what a process wrote, without empty ones, each cut to a readable length."""
    lines = [line.strip()[:LONGEST_LINE] for line in text.splitlines() if line.strip()]
    return lines[-LAST_LINES:]


def end_with_parent(parent: int | None = None, *, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to end this process by a signal when its parent ends, so that no orphan computes on.

    If the id of the parent is given and it has already ended, this raises SystemExit.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(by))
    if parent is not None and os.getppid() != parent:
        raise SystemExit(f"process {parent}, which started this one, has ended")


def use_cores(count: int) -> None:
    """Bind this process, its threads and its children to this many of the cores it may use."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


@contextmanager
def ending_by(stop: Callable[[int], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT call ``stop(exit status)``, which ends the process when it is ready.

    SIGTERM is what a cluster sends at the time limit, and what ``end_with_parent`` asks for; SIGINT
    is Ctrl-C.
    """

    def handle(number: int, _: FrameType | None) -> None:
        name = signal.Signals(number).name
        print(f"nnbench: {name}: saving what is done, then ending", file=sys.stderr, flush=True)
        stop(128 + number)

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
