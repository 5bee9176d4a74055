"""``nnbench plan``: what a config asks for, what of it is done, and how long the rest would take."""

import os
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from nnbench.cells.cell import WORK_PER_SECOND, Cell, declared_seconds, work
from nnbench.plan.plan import Plan
from nnbench.records.store import RejectedRecordError, read_record, record_path

STARTUP_SECONDS = 2.0  # interpreter, torch and Snakemake, per job; measured on a 2-core machine


def cells_as_json(plan: Plan) -> str:
    """Every cell's document, one per line."""
    return "\n".join(cell.to_json() for cell in plan.cells.values())


def plan_table(plan: Plan, *, cores: int | None) -> str:
    """A table of claims with cells, seeds, done, to do and estimated core time; then the totals."""
    missing, rate = _missing(plan)
    rows = [("claim", "status", "cells", "seeds", "done", "to do", "core time left")]
    for claim_id, _, claim in plan.claims():
        ids = plan.cells_of(claim_id)
        todo = [(plan.cells[cell_id], missing[cell_id]) for cell_id in ids if missing[cell_id]]
        status = "not run" if claim_id in plan.not_run else claim.kind
        read = {use.seeds for use in plan.uses if use.claim == claim_id}
        seeds = "/".join(map(str, sorted(read)))
        counts = (str(len(ids)), seeds or "-", str(len(ids) - len(todo)), str(len(todo)))
        cost = _duration(_seconds(todo, rate))
        if left_out := plan.left_out.get(claim_id):
            cost = f"({_duration(_seconds(left_out, rate))} if run)"
        rows.append((claim_id, status, *counts, cost))
    todo = [(cell, missing[cell.id]) for cell in plan.cells.values() if missing[cell.id]]
    known = len(todo) < len(plan.cells)
    totals = _totals(plan, todo, rate, cores=cores, known=known)
    return "\n".join([*_aligned(rows), "", *totals, *(f"note: {note}" for note in plan.notes())])


def _missing(plan: Plan) -> tuple[dict[str, int], float]:
    """How many seeds of each cell are not measured; and finished records' median work per second."""
    results, rates = Path(plan.config.results), []
    missing = dict.fromkeys(plan.cells, 0)
    for cell_id, block in plan.blocks():
        cell = plan.cells[cell_id]
        try:
            record = read_record(record_path(results, cell_id, block))
        except RejectedRecordError:
            missing[cell_id] += len(block)
            continue
        seconds = sum(record.seconds.values()) - (record.search_seconds or 0.0)
        if seconds > 0 and declared_seconds(cell, seeds=len(block)) is None:
            own = cell.model_copy(update={"search": None})
            rates.append(work(own, seeds=len(block)) / seconds)
    return missing, statistics.median(rates) if rates else WORK_PER_SECOND


def _seconds(todo: Iterable[tuple[Cell, int]], rate: float) -> float:
    total = 0.0
    for cell, seeds in todo:
        declared = declared_seconds(cell, seeds=seeds)
        own = work(cell, seeds=seeds) / rate if declared is None else declared
        total += STARTUP_SECONDS + own
    return total


def _totals(
    plan: Plan, todo: Sequence[tuple[Cell, int]], rate: float, *, cores: int | None, known: bool
) -> list[str]:
    cores = cores or os.cpu_count() or 1
    seconds = _seconds(todo, rate)
    longest = max((_seconds([one], rate) for one in todo), default=0.0)
    wall = max(seconds / cores, longest)
    source = "finished records" if known else "a constant; it gets better once a few cells are done"
    return [
        f"{len(plan.cells)} cells for {len(plan.uses)} levels (levels with the same settings share a cell)",
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
    form = "  ".join(f"{{:{'<' if i < 2 else '>'}{width}}}" for i, width in enumerate(widths))
    return [form.format(*row).rstrip() for row in rows]
