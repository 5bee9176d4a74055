"""Records to tables: what every run measured, and what each level of a claim reads of it (pandas).

In ``results/aggregate``, for ``judge``: ``runs.csv`` (a row a run), ``places.csv`` (a row a value measured
at a place), ``measurements.csv`` (a row a use and seed), ``candidates.csv`` (a row a candidate of a pick
and seed), ``curves.csv``, ``cells.json``, and ``records.sha256``, which says what records they were made of.
A missing or rejected record makes rows with status ``missing``: it is never dropped in silence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from scipy import stats

from nnbench.cells.cell import Cell
from nnbench.metrics import METRICS
from nnbench.plan.levels import Use
from nnbench.plan.plan import Plan
from nnbench.records.store import (
    MADE_OF,
    RejectedRecordError,
    found_record,
    record_path,
    records_sha256,
    write_atomically,
)
from nnbench.verdicts.picking import (
    choose,
    drawn_candidates,
    fallback,
    metric_about,
    rank_correlation,
)

METRIC_COLUMNS = tuple(METRICS)
RUN_COLUMNS = ("cell", "seed", "status", *METRIC_COLUMNS)
PLACE_COLUMNS = ("cell", "seed", "place", "metric", "value")
USE_COLUMNS = (
    "claim", "variant", "dataset", "track", "level", "role", "cells", "at", "pick_by", "draws",
)  # fmt: skip
MEASUREMENT_COLUMNS = (*USE_COLUMNS, "seed", "status", "chosen", *METRIC_COLUMNS)
CANDIDATE_COLUMNS = (
    "claim", "variant", "dataset", "track", "level", "cell", "seed", "status", "drawn", "chosen",
    "by", "value",
)  # fmt: skip
TEXT_COLUMNS = (
    "claim", "variant", "dataset", "track", "level", "role", "cells", "at", "pick_by", "cell",
    "status", "place", "metric",
)  # fmt: skip
CURVES = ("train_loss", "validation_loss", "validation_accuracy")
CELL_FIELDS = (
    "failure", "search", "seconds", "search_seconds", "samples_per_second", "parameters",
    "test_samples", "stacked", "steps", "settings_used", "started", "ended", "machine", "versions",
    "peak_memory_mb", "device_peak_memory_mb", "git_commit", "git_dirty", "missing", "facts", "notes",
    "untrained", "resumed",
)  # fmt: skip
_KEPT = ("count", "epochs")  # units of metrics that hold for a run that diverged, too; so do times

Record = Mapping[str, Any]


def aggregate(plan: Plan, results: Path) -> None:
    """Read every planned cell's record and write the tables."""
    records, rejected = read_records(plan, results)
    folder = results / "aggregate"
    runs, places = run_table(plan, records), place_table(plan, records)
    measurements, candidates = measurement_tables(plan, runs, places)
    cells = {
        "cells": {
            cell_id: {key: r.get(key) for key in CELL_FIELDS} for cell_id, r in records.items()
        },
        "rejected": rejected,
    }
    tables = {"runs": runs, "places": places, "measurements": measurements}
    tables |= {"candidates": candidates, "curves": curve_table(records)}
    for name, table in tables.items():
        write_atomically(folder / f"{name}.csv", _csv(table))
    write_atomically(folder / "cells.json", json.dumps(cells, indent=1, sort_keys=True).encode())
    write_atomically(folder / MADE_OF, records_sha256(results, plan.cells).encode() + b"\n")


def read_records(
    plan: Plan, results: Path
) -> tuple[dict[str, dict[str, Any]], list[dict[str, str]]]:
    """The records of the plan's cells, and which were rejected and why."""
    records: dict[str, dict[str, Any]] = {}
    rejected = []
    for cell_id in plan.cells:
        try:
            if (record := found_record(record_path(results, cell_id))) is not None:
                records[cell_id] = record
        except RejectedRecordError as error:
            rejected.append({"cell": cell_id, "reason": error.reason})
    return records, rejected


# --- runs: what was measured


def run_table(plan: Plan, records: Mapping[str, Record]) -> pd.DataFrame:
    """One row a planned run: cell, seed, status, and every metric, in natural units."""
    rows = [row for cell in plan.cells.values() for row in _cell_rows(cell, records.get(cell.id))]
    return _table(rows, RUN_COLUMNS)


def _cell_rows(cell: Cell, record: Record | None) -> Iterator[dict[str, Any]]:
    for seed in cell.seeds:
        run = record["runs"].get(str(seed)) if record else None
        if record is None or run is None:
            yield {"cell": cell.id, "seed": seed, "status": "missing"}
        else:
            scores = {name: v for name, v in _scores(run, record).items() if name in METRICS}
            yield {"cell": cell.id, "seed": seed, "status": run["status"], **scores}


def _scores(run: Mapping[str, Any], record: Record) -> dict[str, float | None]:
    """A run's metrics; one that diverged scores as an untrained predictor, or has no score."""
    metrics: dict[str, float | None] = run["metrics"]
    if run["status"] != "diverged":
        return metrics
    untrained = record.get("untrained") or {}

    def score(name: str, value: float | None) -> float | None:
        base = name.partition("@")[0]
        metric = METRICS.get(base)
        kept = metric is not None and (metric.timing or metric.unit in _KEPT)
        found: float | None = untrained.get(name, untrained.get(base, value if kept else None))
        return found

    return {name: score(name, value) for name, value in metrics.items()}


def place_table(plan: Plan, records: Mapping[str, Record]) -> pd.DataFrame:
    """One row a value that was measured at a place (``test_loss@rotated``), long."""
    rows = [
        row
        for cell in plan.cells.values()
        if cell.id in records
        for row in _place_rows(cell, records[cell.id])
    ]
    return _table(rows, PLACE_COLUMNS)


def _place_rows(cell: Cell, record: Record) -> Iterator[dict[str, Any]]:
    counted = {  # what a place's network has, as a fact, holds for every run
        f"{name}@{place}": float(facts[name])
        for place, facts in (record.get("facts") or {}).items()
        for name in METRICS
        if isinstance(facts.get(name), int | float)
    }
    for seed in cell.seeds:
        run = record["runs"].get(str(seed))
        for key, value in {**counted, **_scores(run, record)}.items() if run else ():
            name, _, place = key.partition("@")
            if place and name in METRICS:
                yield {
                    "cell": cell.id, "seed": seed, "place": place, "metric": name, "value": value,
                }  # fmt: skip


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    numbers = [name for name in columns if name in METRICS or name in ("value", "by", "draws")]
    return table.astype(dict.fromkeys(numbers, float))


# --- measurements: what each level reads


def measurement_tables(
    plan: Plan, runs: pd.DataFrame, places: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row a use and seed with what the level reads there, and a row a candidate of a pick and seed."""
    claims = {claim_id: claim for claim_id, _, claim in plan.claims()}
    by_cell = {str(cell): rows.set_index("seed") for cell, rows in runs.groupby("cell")}
    at_places = {str(cell): rows for cell, rows in places.groupby("cell")}
    read: list[dict[str, Any]] = []
    offered: list[dict[str, Any]] = []
    for use in plan.uses:
        metric = claims[use.claim].reading(use.variant).metric
        tables = {
            cell: _read_at(by_cell[cell], at_places.get(cell, places.head(0)), use, metric)
            for cell in use.cells
        }
        for seed in plan.cells[use.cells[0]].seeds:
            block = pd.concat([tables[cell].loc[[seed]] for cell in use.cells], ignore_index=True)
            row, candidates = _block(use, block, seed=seed, metric=metric)
            read.append(row)
            offered += candidates
    return _table(read, MEASUREMENT_COLUMNS), _table(offered, CANDIDATE_COLUMNS)


def _read_at(runs: pd.DataFrame, places: pd.DataFrame, use: Use, metric: str) -> pd.DataFrame:
    """A cell's runs by seed; a place's metrics stand in for those of the same name.

    The claim's metric has to be the place's own (a loss of the whole test set is none of a class);
    a count may be that of the whole network.
    """
    if use.at is None:
        return runs
    there = places[places["place"] == use.at].pivot_table(
        index="seed", columns="metric", values="value", dropna=False, sort=False
    )
    own = {str(name): there[name] for name in there.columns}
    if METRICS[metric].unit != "count":
        own.setdefault(metric, pd.Series(float("nan"), index=runs.index))
    return runs.assign(**own)


def _block(
    use: Use, block: pd.DataFrame, *, seed: int, metric: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a level reads in one block, of whose cells ``block`` has a row each."""
    first = {name: getattr(use, name) for name in USE_COLUMNS if name != "cells"}
    first |= {"cells": " ".join(use.cells), "seed": seed}
    if use.pick_by is None:
        return _read_row(first, block.iloc[0], metric, chosen=use.cells[0]), []
    drawn = drawn_candidates(use.cells, seed, use.draws)
    best = choose(block, use.pick_by, among=drawn)
    about = metric_about(metric, use.pick_by)
    row = _row_of(block, fallback(block, among=drawn) if best is None else best)
    if row["status"] != "missing":
        row["rank_correlation"] = rank_correlation(block, use.pick_by, about)
    candidates = [
        {
            **{name: first[name] for name in CANDIDATE_COLUMNS if name in first},
            "cell": cell,
            "status": block["status"][index],
            "drawn": int(index in drawn),
            "chosen": int(index == best),
            "by": block[use.pick_by][index],
            "value": block[about][index],
        }
        for index, cell in enumerate(use.cells)
    ]
    chosen = None if best is None else use.cells[best]
    return _read_row(first, row, metric, chosen=chosen), candidates


def _row_of(block: pd.DataFrame, index: int | None) -> pd.Series[Any]:
    """One candidate's run; None: a missing one, of which nothing is known."""
    if index is not None:
        return block.iloc[index].copy()
    return pd.Series({"status": "missing", **dict.fromkeys(METRIC_COLUMNS, float("nan"))})


def _read_row(
    first: Mapping[str, Any], run: pd.Series[Any], metric: str, *, chosen: str | None
) -> dict[str, Any]:
    """One row of the measurements; a run that did not measure the claim's metric is missing."""
    values = {name: run[name] for name in METRIC_COLUMNS}
    lost = run["status"] in ("ok", "capped") and pd.isna(values[metric])
    return {**first, "status": "missing" if lost else run["status"], "chosen": chosen, **values}


# --- curves


def curve_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Mean of each curve over the runs that did not diverge, with its 95 % t interval."""
    frames = [_curves(cell, record) for cell, record in records.items() if record.get("curves")]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"cell": []})


def _curves(cell_id: str, record: Record) -> pd.DataFrame:
    """A cell's curves; their columns stand in the order of its seeds, which JSON's keys do not."""
    curves, runs = record["curves"], record["runs"]
    states = [runs.get(str(seed), {}).get("status") for seed in record["cell"]["seeds"]]
    kept = [i for i, status in enumerate(states) if status not in (None, "diverged")]
    table = pd.DataFrame({"cell": cell_id, "epochs": curves["epochs"]})
    for name in CURVES:
        if not curves.get(name):
            continue
        values = pd.DataFrame(curves[name], dtype=float)
        values = values[kept] if kept else values
        table[name] = values.mean(axis=1)
        if name == "validation_loss":
            half = _t95(values.count(axis=1)) * values.sem(axis=1)
            table[f"{name}_low"], table[f"{name}_high"] = table[name] - half, table[name] + half
    return table


def _t95(counts: pd.Series[int]) -> pd.Series[float]:
    """The two-sided 95 % quantile of Student's t with n - 1 degrees of freedom; NaN below two."""
    freedom = (counts - 1).where(counts > 1)
    return pd.Series(stats.t.ppf(0.975, freedom), index=counts.index)


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def read_csv(path: Path) -> pd.DataFrame:
    """A table of ours: names stay text, and floats come back to the last bit."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    text = [
        *TEXT_COLUMNS,
        *(["chosen"] if "cells" in table else []),
    ]  # of candidates it is a number
    kinds = {name: int if name == "seed" else float for name in table.columns.difference(text)}
    return table.astype(kinds)  # Python's own conversion is exact
