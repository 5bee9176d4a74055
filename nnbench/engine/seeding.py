"""An explicit generator for every random draw; the global random state is never used."""

import hashlib
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Purpose = Literal[
    "split", "init", "order", "dropout", "augment", "label_noise", "shuffled_labels", "outliers",
    "shift", "drift", "stream", "test split", "decoys", "decoys in test", "missing", "missing in test", "importance",
    "pretrain", "start", "rbm", "own parts", "own parts aside", "train", "validation", "test",
]  # fmt: skip
CPU = torch.device("cpu")


def derived_seed(seed: int, purpose: Purpose) -> int:
    """A 63-bit seed; draws for one purpose never affect those for another."""
    digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: Purpose, device: torch.device = CPU) -> torch.Generator:
    """The generator of one replicate for one purpose."""
    return torch.Generator(device).manual_seed(derived_seed(seed, purpose))


def generators(
    seeds: Sequence[int], purpose: Purpose, device: torch.device = CPU
) -> tuple[torch.Generator, ...]:
    """One generator per replicate."""
    return tuple(generator(seed, purpose, device) for seed in seeds)


def states_of(draws: Sequence[torch.Generator]) -> list[Tensor]:
    """The state of each generator."""
    return [draw.get_state() for draw in draws]


def set_states(draws: Sequence[torch.Generator], states: Sequence[Tensor]) -> None:
    """Restore each generator's state."""
    for draw, state in zip(draws, states, strict=True):
        draw.set_state(state)


def shuffled(rows: Tensor, draws: Sequence[torch.Generator]) -> Tensor:
    """Rows (S, n), each replicate's in an order from its own generator."""
    orders = [torch.randperm(rows.shape[1], generator=g, device=g.device) for g in draws]
    return rows.gather(1, torch.stack(orders).to(rows.device))
