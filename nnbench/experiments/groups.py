"""Large networks are trained a few replicates at a time, and their results put together again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnbench.experiments.request import Measured

Columns = list[list[float | None]]  # evaluation point x replicate


def together(parts: Sequence[Measured]) -> Measured:
    """The groups of one cell as if they had been trained at once.

    Timings are those of the last part, whose clock has run since the first one.
    """
    if len(parts) == 1:
        return parts[0]
    last = parts[-1]
    more = dict(last.more)
    curves = [part.more.get("curves") for part in parts]
    if all(curve is not None for curve in curves):
        more["curves"] = _side_by_side([curve for curve in curves if curve is not None])
    more["steps"] = max(part.more["steps"] for part in parts)
    for name in ("stopped_epochs", "pretrain"):
        if name in more:
            more[name] = _joined([part.more[name] for part in parts])
    runs = {seed: run for part in parts for seed, run in part.runs.items()}
    return Measured(runs=runs, seconds=last.seconds, more=more)


def _side_by_side(curves: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Curves of several groups; a group that ended earlier has nothing to say after that."""
    longest = max(curves, key=lambda curve: len(curve["epochs"]))
    joined = {"epochs": longest["epochs"]}
    for name in longest.keys() - {"epochs"}:
        rows: Columns = [[] for _ in longest["epochs"]]
        for curve in curves:
            silent = [None] * len(curve[name][0])
            for point, row in enumerate(rows):
                row.extend(curve[name][point] if point < len(curve[name]) else silent)
        joined[name] = rows
    return joined


def _joined(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lists behind one another, counts of failures added, all else as the first group has it."""
    result: dict[str, Any] = {}
    for fact in facts:
        for name, value in fact.items():
            if isinstance(value, list):
                result[name] = [*result.get(name, []), *value]
            elif name == "diverged":
                result[name] = result.get(name, 0) + value
            else:
                result.setdefault(name, value)
    return result
