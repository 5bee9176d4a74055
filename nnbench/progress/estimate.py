"""How long what is left takes: the plan's estimates, scaled by what finished cells took on this machine."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nnbench.cells.cell import Cell
from nnbench.cells.cost import START_SECONDS, declared_seconds, estimated_seconds, runs_alone

PRIOR_SECONDS = 60.0
"""Weight of the plan's own estimate: it counts as much as a minute of measured cells."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is expected of one cell's job, in seconds of one core, its start included."""

    seconds: float
    alone: bool = False
    """Whether it has all cores for itself, since it measures time."""
    fixed: bool = False
    """Whether it takes as long on any machine, since it measures for so long."""


def job_of(cell: Cell, *, seeds: int) -> Job:
    """What is expected of a cell's job for so many seeds."""
    return Job(
        START_SECONDS + estimated_seconds(cell, seeds=seeds),
        alone=runs_alone(cell),
        fixed=declared_seconds(cell, seeds=seeds) is not None,
    )


@dataclass(slots=True)
class Pace:
    """How many times its estimate a job takes here: a mean over finished ones, weighted by length."""

    expected: float = PRIOR_SECONDS
    taken: float = PRIOR_SECONDS

    def saw(self, job: Job, seconds: float) -> None:
        """Learn from a finished job."""
        if not job.fixed:
            self.expected += job.seconds
            self.taken += seconds

    def seconds(self, job: Job) -> float:
        """How long a job takes at this pace."""
        return job.seconds * (1.0 if job.fixed else self.taken / self.expected)


@dataclass(slots=True)
class Remaining:
    """The jobs of a run that are not finished.

    Attributes:
        jobs: What is expected of each.
        pace: What finished ones say of this machine.
        running: When each running job began, in seconds of any clock.
    """

    jobs: dict[str, Job]
    pace: Pace = field(default_factory=Pace)
    running: dict[str, float] = field(default_factory=dict)

    def finished(self, name: str, *, now: float, took: float | None = None) -> float | None:
        """A job has ended; returns how long it took, as it says itself or if its start was seen."""
        job, started = self.jobs.pop(name, None), self.running.pop(name, None)
        if took is None and started is not None:
            took = now - started
        if job is not None and took is not None:
            self.pace.saw(job, took)
        return took

    def wall_seconds(self, *, cores: int, now: float) -> float:
        """How long the rest takes on so many cores, if the longest jobs start first."""
        left = {name: self._left(name, now=now) for name in self.jobs}
        alone = sum(left[name] for name, job in self.jobs.items() if job.alone)
        others = {name: left[name] for name, job in self.jobs.items() if not job.alone}
        begun = [seconds for name, seconds in others.items() if name in self.running]
        waiting = [seconds for name, seconds in others.items() if name not in self.running]
        return alone + makespan(begun, sorted(waiting, reverse=True), cores=cores)

    def _left(self, name: str, *, now: float) -> float:
        whole = self.pace.seconds(self.jobs[name])
        if (started := self.running.get(name)) is None:
            return whole
        # one that is late is taken to need a tenth more than it has had
        return max(whole - (now - started), 0.1 * (now - started))


def makespan(begun: Sequence[float], waiting: Iterable[float], *, cores: int) -> float:
    """When the last job ends, if each that waits starts on the core that is free first."""
    ends = [*begun, *[0.0] * max(0, cores - len(begun))]
    heapq.heapify(ends)
    for seconds in waiting:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends, default=0.0)


def jobs_of(cells: Mapping[str, Cell], seeds: Mapping[str, int]) -> dict[str, Job]:
    """What is expected of the jobs of these cells, for so many seeds of each; none for no seeds."""
    return {i: job_of(cell, seeds=seeds[i]) for i, cell in cells.items() if seeds[i]}
