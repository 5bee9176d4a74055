"""Large networks are trained a few replicates at a time, and their results put together again.

Where a group does not fit the device's memory, half of it is tried, and so on down to one replicate.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.device import is_out_of_memory, release_memory
from nnbench.experiments.request import Measured

Columns = list[list[float | None]]  # evaluation point x replicate
Part = TypeVar("Part")


class Groups:
    """Replicates in groups that fit the memory.

    Args:
        checkpoint: Where finished groups are kept, and what did not fit.
        at_once: Most replicates of a group.
        device: Whose memory it is about.
    """

    def __init__(self, checkpoint: Checkpoint, *, at_once: int, device: torch.device) -> None:
        self.checkpoint, self.at_once, self.device = checkpoint, at_once, device
        self._too_large: dict[str, int] = checkpoint.once("out of memory", dict)
        """Parts that did not fit, and their sizes, in the order of trying.

        By part, so that a cell that goes on has the same groups as one that was never interrupted.
        """

    @property
    def too_many(self) -> list[int]:
        """Sizes of groups that did not fit, in the order of trying."""
        return list(self._too_large.values())

    def each(
        self, seeds: Sequence[int], name: str, run: Callable[[Sequence[int], str], Part]
    ) -> list[Part]:
        """What ``run(seeds of a group, name of this part)`` finds, group by group.

        Raises:
            RuntimeError, MemoryError: What one replicate alone ends with, out of memory included.
        """
        found: list[Part] = []
        done = 0
        while done < len(seeds):
            group = seeds[done : done + self.at_once]
            part = f"{name}, seeds {group[0]} to {group[-1]} ({len(group)})"
            outcome = self._tried(group, part, run)
            if outcome is None:
                continue
            found.append(outcome)
            done += len(group)
        return found

    def _tried(
        self, group: Sequence[int], part: str, run: Callable[[Sequence[int], str], Part]
    ) -> Part | None:
        """The group's outcome; None where it did not fit, and smaller ones are to be tried."""
        if part not in self._too_large:
            try:
                return self.checkpoint.once(part, lambda: run(group, part))
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if len(group) == 1 or not is_out_of_memory(error):
                    raise
            # only here, when the error has let go of the tensors of the steps that it passed through
            gc.collect()
            release_memory(self.device)
            self._too_large[part] = len(group)
        self.at_once = (len(group) + 1) // 2
        return None

    def notes(self) -> tuple[str, ...]:
        """What a reader of the result needs to know."""
        if not self.too_many:
            return ()
        sizes = ", ".join(map(str, self.too_many))
        return (
            f"{sizes} replicates at once did not fit the memory: {self.at_once} were trained at a time",
        )


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
    if "untrained" in more:
        counts = [len(part.runs) for part in parts]
        more["untrained"] = _means([part.more["untrained"] for part in parts], counts)
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


def _means(scores: Sequence[Mapping[str, float]], counts: Sequence[int]) -> dict[str, float]:
    """Means over all replicates out of those of the groups."""
    return {
        name: sum(s[name] * n for s, n in zip(scores, counts, strict=True)) / sum(counts)
        for name in scores[0]
    }


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
