"""``nnbench status``: the lines that tell what a run is at."""

from nnbench.jobs.provenance import cores_there
from nnbench.plan.plan import Plan
from nnbench.progress.durations import about, duration
from nnbench.progress.estimate import Remaining, jobs_of
from nnbench.progress.labels import DOT, cell_labels
from nnbench.progress.state import CellState, states


def overview(plan: Plan, *, cores: int | None) -> tuple[list[str], bool]:
    """What runs, what failed, and the counts; and whether everything is measured.

    ``cores``: to estimate the rest for; None: as many as cells are running, or all that there are.
    """
    found = list(states(plan))
    by_state = {state: [s for s in found if s.state == state] for state in ("running", "failed")}
    labels = cell_labels(plan)
    lines = [_line(state, labels[state.cell]) for own in by_state.values() for state in own]
    missing = {state.cell: state.missing_seeds for state in found}
    left = sum(map(bool, missing.values()))
    counts = [f"{len(found) - left} of {len(found)} cells are measured"]
    counts += [f"{len(own)} {state}" for state, own in by_state.items() if own]
    if left:
        parallel = cores or len(by_state["running"]) or cores_there()
        running = {s.cell: -s.running_seconds for s in by_state["running"]}
        remaining = Remaining(jobs_of(plan.cells, missing), running=running)
        counts.append(f"{about(remaining.wall_seconds(cores=parallel, now=0.0))} left")
    return [*lines, ", ".join(counts)], not left


def _line(state: CellState, label: str) -> str:
    since = [duration(state.running_seconds)] if state.state == "running" else []
    return DOT.join([label, state.state, *since, *([state.said] if state.said else [])])
