"""Two measurements of one cell, run by run: the pairs that are tested, and the largest single difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nnbench.audit.noise import MISSING, OK, Pair, Run
from nnbench.audit.remembered import RunShape
from nnbench.metrics import METRICS


def pairs_of(then: Mapping[str, RunShape], now: Mapping[str, RunShape]) -> dict[str, Pair]:
    """Every metric that was measured then; what is measured now beside them has no counterpart."""
    known = {name for run in then.values() for name in run.metrics}
    return {name: _pair(name, then, now) for name in sorted(known)}


def _pair(name: str, then: Mapping[str, RunShape], now: Mapping[str, RunShape]) -> Pair:
    metric = METRICS.get(name.partition("@")[0])
    seeds = then.keys() | now.keys()
    a, b = _runs(name, then, seeds), _runs(name, now, seeds)
    positive = all((run.value or 0.0) >= 0 for run in (*a, *b))
    return Pair(
        a=a,
        b=b,
        scale="log" if metric and metric.scale == "log" and positive else "raw",
        exact=metric is not None and metric.unit == "count",
        margin=metric.margin_on_scale() if metric and metric.timing else 0.0,
    )


def _runs(name: str, runs: Mapping[str, RunShape], seeds: Iterable[str]) -> tuple[Run, ...]:
    """The runs of one metric; one without a value is missing, like one that is not there at all."""
    return tuple(_run(seed, runs.get(seed), name) for seed in sorted(seeds))


def _run(seed: str, run: RunShape | None, name: str) -> Run:
    if run is None:
        return Run(seed, MISSING, None)
    if run.status == "diverged":  # its value says nothing, its status does
        return Run(seed, run.status, None)
    value = run.metrics.get(name)
    return Run(seed, MISSING if value is None and run.status == OK else run.status, value)


def largest(then: Mapping[str, RunShape], now: Mapping[str, RunShape]) -> dict[str, Any] | None:
    """The largest relative difference of a value: where it is, and how large."""
    found = [
        {"relative": _relative(a, b), "metric": name, "seed": seed}
        for seed in then.keys() & now.keys()
        for name, a in then[seed].metrics.items()
        if a is not None and (b := now[seed].metrics.get(name)) is not None
    ]
    return max(found, key=lambda entry: (entry["relative"], entry["metric"]), default=None)


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
