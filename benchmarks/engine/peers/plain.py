"""PyTorch as a careful user writes it: tensors in memory, index batches, fused Adam."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.engine.clock import Clock
from benchmarks.engine.works import EPSILON, LEARNING_RATE, Problem, network


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    assert replicates == 1
    inputs, labels = tensors(problem)
    order = torch.from_numpy(problem.order[0])

    def once() -> list[float]:
        model = network(problem.work, 0)
        optimizer = adam(model)
        with clock:
            for index in order:
                loss = nn.functional.cross_entropy(model(inputs[index]), labels[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return [final_loss(model, problem)]

    return once


def tensors(problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and labels."""
    return torch.from_numpy(problem.inputs), torch.from_numpy(problem.labels)


def adam(model: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of every PyTorch peer."""
    return torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, eps=EPSILON, fused=True)


@torch.no_grad()
def final_loss(model: nn.Module, problem: Problem) -> float:
    """Mean loss over all training samples, in the mode of training."""
    inputs, labels = tensors(problem)
    return nn.functional.cross_entropy(model(inputs), labels).item()
