"""What is said of ``seeds: auto`` before a run and after each of its looks."""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from nnbench.cells.cost import estimated_seconds
from nnbench.claims.looks import LOOKS
from nnbench.plan.plan import Plan
from nnbench.progress.durations import rounded


def looks_told(plan: Plan) -> Iterator[str]:
    """How many comparisons are settled, how many seeds the others have next, and the most it can cost."""
    seeds = {use.place: use.seeds for use in plan.uses if use.auto}
    if not seeds:
        return
    done = {place for place, decision in plan.decisions.items() if decision.settled}
    ended = {p for p in seeds.keys() - done if p not in plan.undecided()}  # after the last look
    next_ones = Counter(seeds[place] for place in seeds.keys() - done - ended)
    parts = [f"{len(done & seeds.keys())} of {len(seeds)} comparisons are settled"]
    parts += [f"{len(ended)} stay open after {LOOKS[-1]} seeds"] if ended else []
    parts += [f"with {number} seeds next: {count}" for number, count in sorted(next_ones.items())]
    more = _most_seconds(plan, seeds.keys() - done - ended)
    limit = f"; up to {LOOKS[-1]} seeds, at most {rounded(more)} of core time" if more else ""
    yield f"seeds: auto: {', '.join(parts)}{limit}"


def _most_seconds(plan: Plan, open_places: AbstractSet[str]) -> float:
    """What is estimated if all that is open takes the most seeds, beyond what is planned now."""
    cells = {
        cell for use in plan.uses if use.auto and use.place in open_places for cell in use.cells
    }
    return sum(
        estimated_seconds(plan.cells[cell], seeds=LOOKS[-1])
        - estimated_seconds(plan.cells[cell], seeds=plan.seeds[cell])
        for cell in cells
        if plan.seeds[cell] < LOOKS[-1]
    )
