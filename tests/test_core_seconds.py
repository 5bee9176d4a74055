"""Where a run's core-seconds went, by what it left."""

from __future__ import annotations

import runpy
from datetime import datetime
from typing import Any

import pytest
from project import ROOT

BENCHMARK = runpy.run_path(str(ROOT / "benchmarks/core_seconds.py"))
LOG = """Provided cores: 2
[Sun Nov 29 10:00:02 2026]
localrule prepare:
    jobid: 3
[Sun Nov 29 10:00:05 2026]
Finished jobid: 3 (Rule: prepare)
1 of 5 steps (20%) done
[Sun Nov 29 10:00:05 2026]
localrule cell:
    jobid: 7
    reason: Missing output files
[Sun Nov 29 10:00:05 2026]
localrule cell:
    jobid: 8
[Sun Nov 29 10:00:25 2026]
Finished jobid: 7 (Rule: cell)
[Sun Nov 29 10:00:35 2026]
Error in rule cell:
    jobid: 8
[Sun Nov 29 10:00:35 2026]
localrule aggregate:
    jobid: 1
[Sun Nov 29 10:00:36 2026]
Finished jobid: 1 (Rule: aggregate)
"""


def at(second: float) -> datetime:
    return datetime(2026, 11, 29, 10, 0).astimezone().replace(second=int(second))


def record(cell: str, experiment: str, start: int, end: int, **seconds: float) -> dict[str, Any]:
    own = {"id": cell, "settings": {"experiment": experiment}}
    times = {"started": at(start).isoformat(), "ended": at(end).isoformat()}
    return {"cell": own, "seconds": seconds, **times}


def test_every_job_of_a_log_has_a_span_failed_ones_too() -> None:
    log = BENCHMARK["read_log"](LOG.splitlines())
    assert log.cores == 2
    spans = [(rule, span.seconds) for rule, span in log.jobs]
    assert spans == [("prepare", 3), ("cell", 20), ("cell", 30), ("aggregate", 1)]


def test_the_parts_are_the_whole_time_of_all_cores() -> None:
    log = BENCHMARK["read_log"](LOG.splitlines())
    run = BENCHMARK["Span"](at(0).timestamp(), at(38).timestamp())
    records = [
        record("a", "training", 8, 18, train=7.0, evaluate=2.0, load=1.0),
        record("b", "inference_speed", 27, 33, measure=5.0),  # beside which nothing ran
    ]
    found = BENCHMARK["parts"](log, run, records, {"a": 12.0, "b": 7.0})
    assert sum(found.values()) == pytest.approx(2 * 38)
    assert found == {
        "training and timing": 7 + 2 * 6,
        "evaluation": 2,
        "data": 1 + 3,
        "compilation": 2 + 1,
        "start-up": (20 - 12) + (30 - 7),
        "Snakemake": 2 + 2,
        "tables and report": 1,
        "idle": pytest.approx(2 * 38 - (19 + 2 + 4 + 3 + 31 + 4 + 1)),
    }
