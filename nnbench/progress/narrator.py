"""What a run says while it goes on: a line per cell, how long the rest takes, and what failed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nnbench.progress.durations import about, duration
from nnbench.progress.estimate import Job, Remaining
from nnbench.progress.labels import DOT
from nnbench.progress.state import error_of, last_words

LONG_SECONDS = 30.0  # of a job whose start is told, and between signs of life
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a run is about to do.

    Attributes:
        labels: What each planned cell is called.
        jobs: What is expected of the cells that are not measured.
        cores: How many they share; None: a cluster's, where no end can be foretold.
        news: What is told first.
    """

    labels: Mapping[str, str]
    jobs: Mapping[str, Job]
    cores: int | None
    news: tuple[str, ...] = ()


@dataclass(slots=True)
class Narrator:
    """Tells a run's story by ``say``, from the starts and ends of its jobs.

    A job is named by a key; ``cell`` says which cell it measures, ``log`` where it writes. ``clock`` gives
    seconds.
    """

    outlook: Outlook
    say: Say
    clock: Callable[[], float] = time.monotonic
    failed: dict[str, Path] = field(default_factory=dict)
    """Failed cells, and their logs."""
    _remaining: Remaining = field(init=False)
    _logs: dict[str, Path] = field(default_factory=dict)
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._remaining = Remaining(dict(self.outlook.jobs))
        self._last = self.clock()

    def begin(self) -> None:
        """Tell what is to be done."""
        left, total = len(self.outlook.jobs), len(self.outlook.labels)
        for text in self.outlook.news:
            self._tell(text)
        if left:
            self._tell(
                f"{left} of {total} cells to measure{self._on_cores()}{self._left(first=True)}"
            )

    def cell_started(self, cell: str, log: Path) -> None:
        """A cell's job begins."""
        now = self.clock()
        self._remaining.running[cell], self._logs[cell] = now, log
        self.failed.pop(cell, None)
        job = self.outlook.jobs.get(cell)
        if job is not None and (expected := self._remaining.pace.seconds(job)) >= LONG_SECONDS:
            alone = ", alone on the machine" if job.alone else ""
            self._tell(f"{self._name(cell)}{DOT}started, {about(expected)}{alone}")

    def cell_finished(self, cell: str, *, took: float | None = None) -> None:
        """A cell is measured, in so many seconds; None: since its start was told."""
        seconds = self._remaining.finished(cell, now=self.clock(), took=took)
        after = [] if seconds is None else [duration(seconds)]
        done = len(self.outlook.labels) - len(self._remaining.jobs) - len(self.failed)
        count = f"{done} of {len(self.outlook.labels)}"
        self._tell(DOT.join([self._name(cell), *after, count]) + self._left())

    def cell_failed(self, cell: str, *, otherwise: str = "", took: float | None = None) -> None:
        """A cell has failed, ``took`` as in ``cell_finished``; ``otherwise`` is told where its log is empty."""
        now, log = self.clock(), self._logs.get(cell, Path())
        started = self._remaining.running.pop(cell, now)
        after = duration(now - started if took is None else took)
        self._remaining.jobs.pop(cell, None)
        self.failed[cell] = log
        error = (error_of(log) or otherwise).replace("\n", "\n    ")
        self._tell(f"{self._name(cell)}{DOT}FAILED after {after}\n    {error}\n    log: {log}")

    def sign_of_life(self) -> None:
        """Tell what the running cells are at, if nothing was told for a while."""
        now = self.clock()
        if now - self._last < LONG_SECONDS:
            return
        for cell, started in self._remaining.running.items():
            said = last_words(self._logs[cell])
            words = [self._name(cell), *([said] if said else []), duration(now - started)]
            self._tell(DOT.join(words) + self._left())

    def _name(self, cell: str) -> str:
        return self.outlook.labels.get(cell, f"cell {cell}")

    def _on_cores(self) -> str:
        cores = self.outlook.cores
        return "" if cores is None else f" on {cores} core{'s' * (cores > 1)}"

    def _left(self, *, first: bool = False) -> str:
        if self.outlook.cores is None or not self._remaining.jobs:
            return ""
        seconds = self._remaining.wall_seconds(cores=self.outlook.cores, now=self.clock())
        return f"{DOT}{about(seconds)}" + ("" if first else " left")

    def _tell(self, text: str) -> None:
        self._last = self.clock()
        self.say(text)
