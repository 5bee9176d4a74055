"""What a cell is called before people: ``loss/activation · tanh · MNIST-5k``."""

from nnbench.cells.cell import dataset_of
from nnbench.plan.levels import Use
from nnbench.plan.plan import Plan

DOT = " · "


def cell_labels(plan: Plan) -> dict[str, str]:
    """A name for every planned cell: the first level that reads it, and how many more do."""
    first: dict[str, str] = {}
    levels: dict[str, set[str]] = {}
    for use in plan.all_uses():
        for number, cell_id in enumerate(use.cells):
            label = _label(use, number)
            first.setdefault(cell_id, label)
            levels.setdefault(cell_id, set()).add(label)
    return {cell_id: label + _others(len(levels[cell_id]) - 1) for cell_id, label in first.items()}


def _label(use: Use, number: int) -> str:
    parts = [use.claim, use.level if use.at is None else use.at]
    if len(use.cells) > 1:
        parts.append(f"candidate {number + 1} of {len(use.cells)}")
    parts.append(dataset_of(use.dataset).title)
    if use.track == "tuned":
        parts.append("tuned")
    if use.context is not None:
        parts.append(f"context {use.context}")
    if use.variant is not None:
        parts.append(use.variant)
    return DOT.join(parts)


def _others(count: int) -> str:
    return "" if count == 0 else f" (and {count} more level{'s' * (count > 1)})"
