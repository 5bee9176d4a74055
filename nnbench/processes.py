"""Processes that end with the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

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
