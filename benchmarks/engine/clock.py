"""A stopwatch that all peers share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Self

CLOCKS: Mapping[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "cpu": time.process_time,  # of all threads of this process: beside other load
}


class Clock:
    """Seconds between start and stop; as a context it runs while the block does."""

    def __init__(self, kind: str) -> None:
        self.now = CLOCKS[kind]
        self.seconds = 0.0

    def start(self) -> None:
        """Begin anew."""
        self.seconds = -self.now()

    def stop(self) -> None:
        """End; ``seconds`` is the time since ``start``."""
        self.seconds += self.now()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
