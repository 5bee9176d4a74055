"""Large networks are trained a few replicates at a time.

If a group does not fit in the device's memory, half of it is tried, and so on down to one replicate.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.device import is_out_of_memory, release_memory

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
