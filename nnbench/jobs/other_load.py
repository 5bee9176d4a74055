"""What else computed while a time was measured: other programs cannot be kept away, but they can be seen."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

NOTED = 0.05  # of the cores' time: below it are the system's own chores
_BUSY = (
    1,
    2,
    3,
    6,
    7,
    8,
)  # columns of /proc/stat: all but idle, waiting for disks, and guests, which are in others


def busy_seconds(stat: Path = Path("/proc/stat")) -> float | None:
    """CPU seconds, since the machine started, of the cores that this process may use; None: not Linux."""
    with suppress(OSError, ValueError, IndexError):
        rows = [line.split() for line in stat.read_text(encoding="ascii").splitlines()]
        ticks = sum(int(row[column]) for row in rows if row[0] in _cores() for column in _BUSY)
        return ticks / os.sysconf("SC_CLK_TCK")
    return None


def own_seconds() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def _cores() -> set[str]:
    """The cores that this process may use, as /proc/stat calls them; a quota of time names none."""
    if hasattr(os, "sched_getaffinity"):
        return {f"cpu{core}" for core in os.sched_getaffinity(0)}
    return set()


class OtherLoad:
    """What other processes compute from now on, on the cores that this one may use.

    Args:
        busy: CPU seconds of these cores so far, by anyone; None: unknown here.
        own: Those of this process and of the ones that it has waited for.
        clock: Seconds.
    """

    def __init__(
        self,
        busy: Callable[[], float | None] = busy_seconds,
        own: Callable[[], float] = own_seconds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._busy, self._own, self._clock = busy, own, clock
        self._before = self._now()

    def share(self) -> float:
        """Their share of the cores' time; 0 where that is unknown."""
        others, at = self._now()
        there = len(_cores()) * (at - self._before[1])
        return max(0.0, others - self._before[0]) / there if there else 0.0

    def notes(self) -> Iterator[str]:
        """A sentence for the reader of a time, if they may have lengthened it."""
        if (share := self.share()) >= NOTED:
            yield (
                f"Other programs used {share:.0%} of the time of the {len(_cores())} CPU cores while this "
                "was measured, so its times may be too long."
            )

    def _now(self) -> tuple[float, float]:
        busy = self._busy()
        return (0.0 if busy is None else busy - self._own()), self._clock()
