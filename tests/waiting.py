"""How tests wait for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

# for what takes seconds on an idle machine: only a test that fails waits so long
PATIENCE_SECONDS = 240.0


def wait_for(true: Callable[[], object], what: str) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: It did not become true.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS:g} seconds")
        time.sleep(0.05)


def children() -> list[psutil.Process]:
    """The processes that this one has started, without the one by which multiprocessing cleans up."""
    found = psutil.Process().children()
    return [p for p in found if not any("resource_tracker" in word for word in p.cmdline())]
