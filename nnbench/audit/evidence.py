"""What is known of a cell's measurement, and how two measurements of it pair up, run by run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbench.audit.noise import MISSING, OK, Pair, SeedRun, timing_margin
from nnbench.audit.origins import Facts, record_facts
from nnbench.metrics import METRICS
from nnbench.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one measurement.

    Attributes:
        runs: By metric; a run without the metric has no value.
        facts: Where the numbers come from.
        hardware: Processor or GPU, and cores: times on different hardware are not compared.
        records: One per block of seeds; none if it is a report, which knows only some seeds and facts.
    """

    runs: Mapping[str, tuple[SeedRun, ...]]
    facts: Facts
    hardware: tuple[str, ...]
    records: tuple[Record, ...] = ()

    @property
    def failure(self) -> str | None:
        """Why a block has no runs, if so."""
        return next((record.failure for record in self.records if record.failure), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The value that differs most, relative to the larger of the two."""

    relative: float
    metric: str
    seed: str


def of_records(records: Sequence[Record]) -> Evidence:
    """The evidence of a cell's records, one per block of seeds."""
    runs = {seed: run for record in records for seed, run in record.runs.items()}
    machines = [record.machine for record in records]
    return Evidence(
        runs={
            name: tuple(SeedRun(seed, r.status, r.metrics.get(name)) for seed, r in runs.items())
            for name in sorted({name for run in runs.values() for name in run.metrics})
        },
        facts=record_facts(records),
        hardware=tuple(sorted({f"{m.device_name}, {m.cores} cores" for m in machines})),
        records=tuple(records),
    )


def pairs_of(then: Evidence, now: Evidence) -> dict[str, Pair]:
    """A pair for every metric that was measured then, in the seeds that are known."""
    found = {}
    for name, old in then.runs.items():
        new = now.runs.get(name, ())
        seeds = sorted({run.seed for run in ((*old, *new) if then.records else old)})
        found[name] = _pair(name, _comparable(old, seeds), _comparable(new, seeds))
    return found


def _pair(name: str, a: tuple[SeedRun, ...], b: tuple[SeedRun, ...]) -> Pair:
    metric = METRICS.get(name.partition("@")[0])
    positive = all((run.value or 0.0) >= 0 for run in (*a, *b))
    return Pair(
        a=a,
        b=b,
        scale="log" if metric and metric.scale == "log" and positive else "raw",
        exact=metric is not None and metric.unit == "count",
        margin=timing_margin(metric),
    )


def _comparable(runs: Sequence[SeedRun], seeds: Sequence[str]) -> tuple[SeedRun, ...]:
    """A run per seed: without a value it is missing; of a diverged one, only the status counts."""
    known = {run.seed: run for run in runs}
    found = (known.get(seed) or SeedRun(seed, MISSING, None) for seed in seeds)
    return tuple(
        run._replace(value=None)
        if run.status == "diverged"
        else run._replace(status=MISSING if (run.status, run.value) == (OK, None) else run.status)
        for run in found
    )


def largest_difference(then: Evidence, now: Evidence) -> Largest | None:
    """The largest relative difference of a single value; None if no value is on both sides."""
    before = {(name, run.seed): run.value for name, runs in then.runs.items() for run in runs}
    found = [
        Largest(relative=_relative(a, run.value), metric=name, seed=run.seed)
        for name, runs in now.runs.items()
        for run in runs
        if (a := before.get((name, run.seed))) is not None and run.value is not None
    ]
    return max(found, key=lambda value: (value.relative, value.metric), default=None)


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
