"""Seconds of wall and CPU time between start and stop."""

from __future__ import annotations

import time
from typing import Self


class Clock:
    """A stopwatch; as a context it runs while the block does."""

    wall = 0.0
    cpu = 0.0  # of all threads of this process

    def start(self) -> None:
        """Begin anew."""
        self.wall, self.cpu = -time.perf_counter(), -time.process_time()

    def stop(self) -> None:
        """End; ``wall`` and ``cpu`` now hold seconds."""
        self.wall += time.perf_counter()
        self.cpu += time.process_time()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
