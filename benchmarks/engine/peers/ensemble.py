"""PyTorch's own way to train several networks at once: ``torch.func`` over stacked parameters."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from benchmarks.engine.clock import Clock
from benchmarks.engine.peers.plain import tensors
from benchmarks.engine.works import EPSILON, LEARNING_RATE, NotMadeForThisError, Problem, network


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    if problem.work.model in ("lstm", "gru"):
        raise NotMadeForThisError("vmap has no rule for PyTorch's recurrent layers")
    inputs, labels = tensors(problem)
    order = torch.from_numpy(problem.order[:replicates]).transpose(0, 1).contiguous()
    base = copy.deepcopy(network(problem.work, 0)).to("meta")

    def call(weights: dict[str, Tensor], own: Tensor) -> Tensor:
        return functional_call(base, weights, (own,))

    def losses(weights: dict[str, Tensor], own: Tensor, wanted: Tensor, dims: int | None) -> Tensor:
        logits = vmap(call, in_dims=(0, dims))(weights, own)
        return vmap(nn.functional.cross_entropy, in_dims=(0, dims))(logits, wanted)

    def once() -> list[float]:
        weights, _ = stack_module_state([network(problem.work, s) for s in range(replicates)])
        optimizer = torch.optim.Adam(weights.values(), lr=LEARNING_RATE, eps=EPSILON, fused=True)
        with clock:
            for index in order:
                optimizer.zero_grad()
                losses(weights, inputs[index], labels[index], 0).sum().backward()
                optimizer.step()
        with torch.no_grad():
            return losses(weights, inputs, labels, None).tolist()

    return once
