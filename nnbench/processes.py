"""Processes that end with the one that started them, and that are told when they are to end."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(parent: int | None = None, *, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask Linux to end this process when its parent ends, so that no orphan computes on.

    Args:
        parent: The parent's id, where it is known: a parent that is gone already is noticed too.
        by: The signal to end by.

    Raises:
        SystemExit: The parent has ended before.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(by))
    if parent is not None and os.getppid() != parent:
        raise SystemExit(f"process {parent}, which started this one, has ended")


def use_cores(count: int) -> None:
    """Bind this process, its threads and its children to so many of the cores that it may use."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


@contextmanager
def ending_by(stop: Callable[[int], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT call ``stop(exit status)``, which ends the process when it is ready.

    SIGTERM is what a cluster sends at the time limit, and what ``end_with_parent`` asks for; SIGINT is Ctrl-C.
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
