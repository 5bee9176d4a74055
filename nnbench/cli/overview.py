"""``nnbench plan``: what a config asks for, what of it is done, and how long the rest would take."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from nnbench.cells.cost import START_SECONDS
from nnbench.claims.looks import first_of
from nnbench.jobs.here import machine_notes
from nnbench.jobs.provenance import cores_there
from nnbench.plan.plan import Plan
from nnbench.progress.durations import rounded
from nnbench.progress.estimate import Job, Pace, Remaining, job_of, jobs_of
from nnbench.progress.looks import looks_told
from nnbench.records.store import RejectedRecordError, read_record, record_path
from nnbench.report.terminal import aligned


def cells_as_json(plan: Plan) -> str:
    """Every cell's document, one per line."""
    return "\n".join(cell.to_json() for cell in plan.cells.values())


def plan_table(plan: Plan, *, cores: int | None) -> str:
    """A table of claims with cells, seeds, done, to do and estimated core time; then the totals."""
    missing, pace = _missing(plan)
    todo = jobs_of(plan.cells, missing)
    rows = [("claim", "status", "cells", "seeds", "done", "to do", "core time left")]
    for claim_id, _, claim in plan.claims():
        ids = plan.cells_of(claim_id)
        own = [todo[cell_id] for cell_id in ids if cell_id in todo]
        status = "not run" if claim_id in plan.not_run else claim.kind
        read = {use.seeds for use in plan.uses_of(claim_id)}
        seeds = "/".join(map(str, sorted(read)))
        counts = (str(len(ids)), seeds or "-", str(len(ids) - len(own)), str(len(own)))
        cost = rounded(sum(map(pace.seconds, own)))
        if left_out := plan.left_out.get(claim_id):
            jobs = [job_of(cell, seeds=number) for cell, number in left_out]
            cost = f"({rounded(sum(map(pace.seconds, jobs)))} if run)"
        rows.append((claim_id, status, *counts, cost))
    rows += _study_rows(plan, todo, pace)
    totals = _totals(plan, Remaining(todo, pace), cores=cores or cores_there())
    table = aligned(rows, right=[False, False, True, True, True, True, True])
    notes = (f"note: {note}" for note in (*looks_told(plan), *machine_notes(plan), *plan.notes()))
    return "\n".join([*table, "", *totals, *notes])


def _study_rows(
    plan: Plan, todo: Mapping[str, Job], pace: Pace
) -> Iterator[tuple[str, str, str, str, str, str, str]]:
    """The same of studies."""
    for study_id, study in plan.studies.items():
        ids = plan.cells_of(study_id)
        own = [todo[cell_id] for cell_id in ids if cell_id in todo]
        done = len(ids) - len(own)
        counts = (str(len(ids)), str(study.seeds), str(done), str(len(own)))
        yield (study_id, "study", *counts, rounded(sum(map(pace.seconds, own))))


def _contexts(plan: Plan, todo: Remaining) -> list[str]:
    """What contexts add to the reference."""
    claims = {use.claim for use in plan.uses if use.context}
    if not claims:
        return []
    reference = {cell for use in plan.uses if use.context is None for cell in use.cells}
    more = plan.cells.keys() - reference
    left = rounded(sum(todo.pace.seconds(todo.jobs[cell]) for cell in more if cell in todo.jobs))
    most = plan.config.contexts
    return [
        f"{len(more)} of them are for contexts, up to {most} for each of {len(claims)} claims: {left} of core time left"
    ]


def _missing(plan: Plan) -> tuple[dict[str, int], Pace]:
    """How many seeds of each cell are not measured, and the pace of those that are."""
    results, pace = Path(plan.config.results), Pace()
    missing = dict.fromkeys(plan.cells, 0)
    for cell_id, block in plan.blocks():
        try:
            record = read_record(record_path(results, cell_id, block))
        except RejectedRecordError:
            missing[cell_id] += len(block)
            continue
        # the search of the tuned track is made once, whatever the number of blocks
        own = plan.cells[cell_id].model_copy(update={"search": None})
        seconds = sum(record.seconds.values()) - (record.search_seconds or 0.0)
        pace.saw(job_of(own, seeds=len(block)), START_SECONDS + seconds)
    return missing, pace


def _totals(plan: Plan, todo: Remaining, *, cores: int) -> list[str]:
    seconds = sum(map(todo.pace.seconds, todo.jobs.values()))
    wall = rounded(todo.wall_seconds(cores=cores, now=0.0))
    known = len(todo.jobs) < len(plan.cells)
    source = "finished records" if known else "a constant; it gets better once a few cells are done"
    return [
        f"{len(plan.cells)} cells for {len(plan.all_uses())} levels (levels with the same settings share a cell)",
        *_contexts(plan, todo),
        f"{len(plan.cells) - len(todo.jobs)} done, {len(todo.jobs)} to run",
        f"estimate: {rounded(seconds)} of core time, {wall} on {cores} core{'s' * (cores > 1)}",
        f"(from {source})",
        *(
            ["fewer than five seeds: no verdict is possible"]
            if first_of(plan.config.seeds) < 5
            else []
        ),
    ]
