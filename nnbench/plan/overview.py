"""``nnbench plan``: what a config asks for, what of it is done, and how long the rest would take."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnbench.cells.cell import Cell
from nnbench.cells.cost import WORK_PER_SECOND, declared_seconds, work
from nnbench.plan.plan import Plan
from nnbench.records.store import RejectedRecordError, read_record, record_path

STARTUP_SECONDS = 2.0  # interpreter, torch and Snakemake, per job; measured on a 2-core machine


def cells_as_json(plan: Plan) -> str:
    """Every cell's document, one a line."""
    return "\n".join(json.dumps(cell.document(), sort_keys=True) for cell in plan.cells.values())


def plan_table(plan: Plan, *, cores: int | None) -> str:
    """A table of claims with cells, seeds, done, to do and estimated core time; then the totals."""
    done, rate = _done(plan)
    rows = [("claim", "status", "cells", "seeds", "done", "to do", "core time left")]
    for claim_id, _, claim in plan.claims():
        ids = plan.cells_of(claim_id)
        todo = [plan.cells[cell_id] for cell_id in ids if cell_id not in done]
        status = "not run" if claim_id in plan.not_run else claim.kind
        seeds = "/".join(map(str, sorted({len(plan.cells[cell_id].seeds) for cell_id in ids})))
        counts = (str(len(ids)), seeds or "-", str(len(ids) - len(todo)), str(len(todo)))
        cost = _duration(_seconds(todo, rate))
        if left_out := plan.left_out.get(claim_id):
            cost = f"({_duration(_seconds(left_out, rate))} if run)"
        rows.append((claim_id, status, *counts, cost))
    todo = [cell for cell in plan.cells.values() if cell.id not in done]
    return "\n".join(
        [*_aligned(rows), "", *_totals(plan, todo, rate, cores=cores, known=bool(done))]
    )


def _done(plan: Plan) -> tuple[set[str], float]:
    """Finished cells, and their median work per second of core time."""
    results, done, rates = Path(plan.config.results), set(), []
    for cell in plan.cells.values():
        path = record_path(results, cell.id)
        if not path.exists():
            continue
        try:
            record = read_record(path)
        except RejectedRecordError:
            continue
        done.add(cell.id)
        seconds = sum(record["seconds"].values())
        if seconds > 0 and declared_seconds(cell) is None:
            rates.append(work(cell) / seconds)
    return done, statistics.median(rates) if rates else WORK_PER_SECOND


def _seconds(cells: Iterable[Cell], rate: float) -> float:
    return sum(STARTUP_SECONDS + _one(cell, rate) for cell in cells)


def _one(cell: Cell, rate: float) -> float:
    seconds = declared_seconds(cell)
    return work(cell) / rate if seconds is None else seconds


def _totals(
    plan: Plan, todo: Sequence[Cell], rate: float, *, cores: int | None, known: bool
) -> list[str]:
    cores = cores or os.cpu_count() or 1
    seconds = _seconds(todo, rate)
    longest = max((_seconds([cell], rate) for cell in todo), default=0.0)
    wall = max(seconds / cores, longest)
    source = "finished records" if known else "a constant; it gets better once a few cells are done"
    levels = len(plan.uses)
    return [
        f"{len(plan.cells)} cells for {levels} levels (levels with the same settings share a cell)",
        f"{len(plan.cells) - len(todo)} done, {len(todo)} to run",
        f"estimate: {_duration(seconds)} of core time, {_duration(wall)} on {cores} cores",
        f"(from {source})",
        *(["fewer than five seeds: no verdict is possible"] if plan.config.seeds < 5 else []),
    ]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
