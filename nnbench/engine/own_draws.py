"""The global generators of Python, NumPy and PyTorch, from which a user's own parts may draw.

Nothing in nnbench draws from them. They are seeded where each stage of a cell begins, a training or what comes
before it, and their states are saved and restored with the training's.
"""

import hashlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from nnbench.engine.checkpoint import Checkpoint, Plain, State

KEY = "global draws"  # of a training's state


def seed_all(stage: str) -> None:
    """Seed the three by the name of a stage, which names its replicates too."""
    seed = int.from_bytes(hashlib.sha256(stage.encode()).digest()[:4], "big")  # NumPy takes 32 bits
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global one is what own parts draw from
    torch.manual_seed(seed)  # of every device


def states() -> State:
    """The three states as tensors and plain data."""
    _, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    numpy = [torch.from_numpy(keys.astype(np.int64)), rest]  # type: ignore[union-attr]
    return {
        "python": random.getstate(),
        "numpy": numpy,
        "torch": torch.get_rng_state(),
        "cuda": cuda,
    }


def restore(saved: State) -> None:
    """Go on from three states."""
    version, keys, gauss = saved["python"]
    random.setstate((version, tuple(keys), gauss))
    numpy_keys, rest = saved["numpy"]
    np.random.set_state(("MT19937", numpy_keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(saved["torch"])
    if saved["cuda"]:
        torch.cuda.set_rng_state_all(saved["cuda"])


class SeededCheckpoint(Checkpoint):
    """A checkpoint that seeds the global generators at each stage, and holds their states too."""

    def once(self, stage: str, compute: Callable[[], Plain]) -> Plain:
        """A stage's result; what it draws depends on its name alone, not on what was done before."""

        def seeded() -> Plain:
            seed_all(stage)
            return compute()

        return super().once(stage, seeded)

    def saved(self, stage: str) -> State | None:
        """The state of an earlier job, with which the draws go on; without one they begin."""
        found = super().saved(stage)
        if found is None or KEY not in found:
            seed_all(stage)
            return None
        restore(found[KEY])
        return found

    def save(self, stage: str, state: dict[str, Any]) -> None:
        """Write the training's state and those of the generators."""
        super().save(stage, {**state, KEY: states()})
