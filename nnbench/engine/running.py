"""A training in progress: everything that its next step depends on, to be saved and resumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nnbench.engine.checkpoint import State
from nnbench.engine.monitor import Monitor
from nnbench.engine.optim import Optimizer
from nnbench.engine.stacking import Replicates

Draws = Sequence[torch.Generator]


class Order:
    """The order in which each replicate sees its samples, new for every epoch.

    Args:
        train: Rows (S, n) of the bank.
        batch_size: Per replicate; the last batch of an epoch may be smaller (as in Keras).
        draws: One generator per replicate.
    """

    def __init__(self, train: Tensor, batch_size: int, *, draws: Draws) -> None:
        self.train, self.batch_size, self.draws = train, batch_size, draws
        self.per_pass = -(-train.shape[1] // batch_size)
        self.before_pass = states_of(self.draws)

    def state(self, steps: int) -> list[Tensor]:
        """The generators' states from which the next step's epoch is drawn."""
        return self.before_pass if steps % self.per_pass else states_of(self.draws)

    def batches(self, *, total: int, start: int = 0) -> Iterator[Tensor]:
        """Rows (S, B) for each of ``total`` steps, beginning with step ``start`` (counted from 0)."""
        step = start - start % self.per_pass
        while step < total:
            self.before_pass = states_of(self.draws)
            count = self.train.shape[1]
            orders = [torch.randperm(count, generator=g, device=g.device) for g in self.draws]
            rows = self.train.gather(1, torch.stack(orders).to(self.train.device))
            for index in rows.split(self.batch_size, dim=1)[: total - step]:
                if step >= start:
                    yield index
                step += 1


@dataclass(slots=True, kw_only=True)
class Running:
    """One training: model, optimiser, monitor and order change with every step."""

    model: Replicates
    optimizer: Optimizer
    monitor: Monitor
    order: Order
    augment: Draws  # one generator per replicate; () without augmentation
    loss_sum: Tensor  # (S,), since the last evaluation point
    samples: int = 0  # per replicate, since the last evaluation point
    seen: int = 0  # per replicate, in all
    steps: int = 0  # optimiser steps done

    def state(self, *, seconds: float) -> State:
        """Tensors and plain data for ``restore``; ``seconds`` is the time spent so far."""
        return {
            "seconds": seconds,
            "counts": (self.samples, self.seen, self.steps),
            "loss_sum": self.loss_sum,
            "weights": [tensor for tensor, _ in self.model.state()],
            "optimizer": self.optimizer.state_dict(),
            "monitor": self.monitor.state(),
            "order": self.order.state(self.steps),
            "draws": states_of((*self.augment, *self.model.draws)),
        }

    @torch.no_grad()
    def restore(self, state: State) -> float:
        """Continue from a state; returns the seconds spent before it was saved."""
        self.samples, self.seen, self.steps = state["counts"]
        self.loss_sum.copy_(state["loss_sum"])
        for (tensor, _), saved in zip(self.model.state(), state["weights"], strict=True):
            tensor.copy_(saved)
        self.optimizer.load_state_dict(state["optimizer"])
        self.monitor.restore_state(state["monitor"])
        set_states(self.order.draws, state["order"])
        set_states((*self.augment, *self.model.draws), state["draws"])
        seconds: float = state["seconds"]
        return seconds


def states_of(draws: Draws) -> list[Tensor]:
    """The state of each generator."""
    return [draw.get_state() for draw in draws]


def set_states(draws: Draws, states: Sequence[Tensor]) -> None:
    """Restore each generator's state."""
    for draw, state in zip(draws, states, strict=True):
        draw.set_state(state)
