"""Train large networks a few replicates at a time, and merge the results.

If a group does not fit in the device's memory, half of it is tried, and so on down to one replicate.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.device import is_out_of_memory, release_memory
from nnbench.experiments.measured import Curves, Measured, Metrics, Row

Found = TypeVar("Found")


class Groups:
    """Replicates in groups that fit in memory.

    ``checkpoint`` keeps the finished groups and what did not fit; ``at_once`` is the largest group to try.
    """

    def __init__(self, checkpoint: Checkpoint, *, at_once: int, device: torch.device) -> None:
        self.checkpoint, self.at_once, self.device = checkpoint, at_once, device
        self._too_large: dict[str, int] = checkpoint.once("out of memory", dict)
        """Sizes that did not fit, by stage, so that a resumed cell has the groups of an uninterrupted one."""

    @property
    def too_many(self) -> tuple[int, ...]:
        """Sizes of groups that did not fit, in the order tried."""
        return tuple(self._too_large.values())

    def each(
        self, seeds: Sequence[int], name: str, run: Callable[[Sequence[int], str], Found]
    ) -> list[Found]:
        """The result of ``run(seeds of a group, name of its stage)`` for each group.

        Raises RuntimeError or MemoryError, out of memory included, if a single replicate does.
        """
        found: list[Found] = []
        done = 0
        while done < len(seeds):
            group = seeds[done : done + self.at_once]
            stage = f"{name}, seeds {group[0]} to {group[-1]} ({len(group)})"
            outcome = self._tried(group, stage, run)
            if outcome is None:
                continue
            found.append(outcome)
            done += len(group)
        return found

    def _tried(
        self, group: Sequence[int], stage: str, run: Callable[[Sequence[int], str], Found]
    ) -> Found | None:
        """The group's result; None if it did not fit, so that a smaller one is tried."""
        if stage not in self._too_large:
            try:
                return self.checkpoint.once(stage, lambda: run(group, stage))
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if len(group) == 1 or not is_out_of_memory(error):
                    raise
            # only here, where the error's traceback no longer holds tensors
            gc.collect()
            release_memory(self.device)
            self._too_large[stage] = len(group)
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


def together(groups: Sequence[Measured]) -> Measured:
    """The groups of one block as if they had been trained at once.

    Timings are those of the last group, whose clock has run since the first one started.
    """
    if len(groups) == 1:
        return groups[0]
    counts = [len(group.runs) for group in groups]
    return groups[-1].model_copy(
        update={
            "runs": {seed: run for group in groups for seed, run in group.runs.items()},
            "curves": side_by_side([group.curves for group in groups]),
            "steps": max(group.steps or 0 for group in groups),
            "untrained": means([group.untrained for group in groups], counts),
            "stopped_epochs": _joined([group.stopped_epochs for group in groups]),
            "pretrain": _joined([group.pretrain for group in groups]),
        }
    )


def side_by_side(curves: Sequence[Curves | None]) -> Curves | None:
    """Curves of several groups; a group that ended early has no values after that."""
    known = [curve for curve in curves if curve is not None]
    if len(known) < len(curves):
        return None
    epochs = max((curve.epochs for curve in known), key=len)
    return Curves(
        epochs=epochs,
        **{name: _joined_rows([getattr(c, name) for c in known], len(epochs)) for name in _SERIES},
    )


_SERIES = ("train_loss", "validation_loss", "validation_accuracy")


def _joined_rows(groups: Sequence[tuple[Row, ...]], points: int) -> tuple[Row, ...]:
    if not all(groups):
        return ()
    silent = [(None,) * len(rows[0]) for rows in groups]
    return tuple(
        tuple(
            value
            for rows, none in zip(groups, silent, strict=True)
            for value in (rows[point] if point < len(rows) else none)
        )
        for point in range(points)
    )


def means(scores: Sequence[Metrics | None], counts: Sequence[int]) -> Metrics | None:
    """Means over all replicates from those of the groups."""
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    return {
        name: sum((s[name] or 0.0) * n for s, n in zip(known, counts, strict=True)) / sum(counts)
        for name in known[0]
    }


def _joined(facts: Sequence[Mapping[str, object] | None]) -> dict[str, object] | None:
    """Lists are concatenated, counts of failures added, all else taken from the first group."""
    result: dict[str, object] = {}
    for name, value in ((n, v) for fact in facts if fact is not None for n, v in fact.items()):
        before = result.get(name)
        if isinstance(value, list) and isinstance(before, list):
            result[name] = [*before, *value]
        elif name == "diverged" and isinstance(value, int) and isinstance(before, int):
            result[name] = before + value
        else:
            result.setdefault(name, value)
    return result or None
