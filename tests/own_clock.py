"""A user's own measurement of time, named ``own_clock:CLOCK`` in a config: it has to be alone."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from nnbench.experiments.base import Experiment
from nnbench.experiments.measured import Measured, Run
from nnbench.schema import Strict


class Options(Strict):
    """There are none."""


def measure(request: Any) -> Measured:
    """Seconds of sorting and of adding up, once per seed."""
    runs = {}
    for seed in request.seeds:
        values = np.random.default_rng(seed).random(100_000)
        metrics = {}
        for name, work in (("sort", np.sort), ("sum", np.sum)):
            started = time.perf_counter()
            work(values)
            metrics[f"seconds@{name}"] = time.perf_counter() - started
        runs[str(seed)] = Run(status="ok", metrics=metrics)
    return Measured(runs=runs)


CLOCK = Experiment(
    name="clock",
    title="two operations against the clock",
    measure="own_clock:measure",
    options=Options,
    metrics=("seconds",),
    entries=lambda _: ("sort", "sum"),
    alone=True,
    memory_mb=lambda _: 500,
    seconds=lambda _, blocks: 0.1 * blocks,
)
