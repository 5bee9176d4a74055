"""Records to tables: one row a run, one a curve point, one a cell (pandas).

Three CSV files and one JSON file in ``results/aggregate``; ``judge`` reads nothing else. A missing or
rejected record makes a row with status ``missing``: it is never dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from nnbench.cells import Cell
from nnbench.metrics import METRICS
from nnbench.plan import Plan
from nnbench.records import RejectedRecordError, read_record, record_path, write_atomically

METRIC_COLUMNS = tuple(METRICS)
RUN_COLUMNS = ("cell", "seed", "status", *METRIC_COLUMNS)
TEXT_COLUMNS = ("claim", "variant", "dataset", "track", "level", "role", "cell", "status")
CURVES = ("train_loss", "validation_loss", "validation_accuracy")
CELL_FIELDS = (
    "failure", "search", "seconds", "search_seconds", "samples_per_second", "parameters", "classes",
    "test_samples", "stacked", "steps", "settings_used", "started", "ended", "machine", "versions",
    "peak_memory_mb", "device_peak_memory_mb", "git_commit", "git_dirty",
)  # fmt: skip


def aggregate(plan: Plan, results: Path) -> None:
    """Read every planned cell's record and write the tables."""
    records, rejected = read_records(plan, results)
    folder = results / "aggregate"
    runs = run_table(plan, records)
    cells = {
        "cells": {
            cell_id: {key: r.get(key) for key in CELL_FIELDS} for cell_id, r in records.items()
        },
        "rejected": rejected,
    }
    write_atomically(folder / "runs.csv", _csv(runs))
    write_atomically(folder / "measurements.csv", _csv(measurement_table(plan, runs)))
    write_atomically(folder / "curves.csv", _csv(curve_table(records)))
    write_atomically(folder / "cells.json", json.dumps(cells, indent=1, sort_keys=True).encode())


def read_records(
    plan: Plan, results: Path
) -> tuple[dict[str, dict[str, Any]], list[dict[str, str]]]:
    """The records of the plan's cells, and which were rejected and why."""
    records, rejected = {}, []
    for cell_id in plan.cells:
        path = record_path(results, cell_id)
        if not path.exists():
            continue
        try:
            records[cell_id] = read_record(path)
        except RejectedRecordError as error:
            rejected.append({"cell": cell_id, "reason": error.reason})
    return records, rejected


def run_table(plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One row a planned run: cell, seed, status, and every metric, in natural units.

    A diverged run scores as an untrained predictor (accuracy 1/C, cross-entropy ln C).
    """
    rows = [row for cell in plan.cells.values() for row in _cell_rows(cell, records.get(cell.id))]
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS))


def _cell_rows(cell: Cell, record: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    for seed in cell.seeds:
        run = record["runs"].get(str(seed)) if record else None
        if record is None or run is None:
            yield {"cell": cell.id, "seed": seed, "status": "missing"}
            continue
        scores = dict(run["metrics"])
        if run["status"] == "diverged":
            scores |= _untrained(scores, classes=record["classes"])
        yield {"cell": cell.id, "seed": seed, "status": run["status"], **scores}


def _untrained(metrics: Mapping[str, Any], *, classes: int) -> dict[str, float]:
    scores = {name: METRICS[name].untrained(classes) for name in metrics}
    return {name: score for name, score in scores.items() if score is not None}


def measurement_table(plan: Plan, runs: pd.DataFrame) -> pd.DataFrame:
    """Every run at every place of the report where it counts: uses joined with runs."""
    uses = pd.DataFrame([asdict(use) for use in plan.uses])
    if uses.empty:
        return runs.head(0)
    return uses.merge(runs, on="cell", how="left", validate="many_to_many")


def curve_table(records: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Mean of each curve over the runs that did not diverge, with its 95 % t interval."""
    frames = [_curves(cell, record) for cell, record in records.items() if record["curves"]]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"cell": []})


def _curves(cell_id: str, record: Mapping[str, Any]) -> pd.DataFrame:
    curves = record["curves"]
    kept = [i for i, run in enumerate(record["runs"].values()) if run["status"] != "diverged"]
    table = pd.DataFrame({"cell": cell_id, "epochs": curves["epochs"]})
    for name in CURVES:
        values = pd.DataFrame(curves[name], dtype=float)
        values = values[kept] if kept else values
        table[name] = values.mean(axis=1)
        if name == "validation_loss":
            half = _t95(values.shape[1]) * values.sem(axis=1)
            table[f"{name}_low"], table[f"{name}_high"] = table[name] - half, table[name] + half
    return table


def _t95(n: int) -> float:
    """The two-sided 95 % quantile of Student's t with n - 1 degrees of freedom."""
    return float(stats.t.ppf(0.975, n - 1)) if n > 1 else float("nan")


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def read_csv(path: Path) -> pd.DataFrame:
    """A table of ours: names stay text, and floats come back to the last bit."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    numbers = table.columns.difference(list(TEXT_COLUMNS))
    kinds = {name: int if name == "seed" else float for name in numbers}
    return table.astype(kinds)  # Python's own conversion is exact
