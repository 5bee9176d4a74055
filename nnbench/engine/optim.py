"""The documents' optimisers with Keras' defaults, in PyTorch's fused form where there is one.

Keras 3 defaults: Adam beta 0.9/0.999, epsilon 1e-7; SGD momentum 0; RMSprop rho 0.9, epsilon 1e-7. All are
elementwise, so stacked replicates stay independent. For other classes see ``torch_optim``.

Adam and SGD call the functional forms in ``torch.optim``: its classes import PyTorch's compiler on first use,
which would cost every job a second. Tests check that both agree bit for bit. RMSprop is written out because
Keras adds epsilon inside the square root and PyTorch outside, which gives a different step for every gradient
below 1e-3.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.adam import adam as functional_adam
from torch.optim.optimizer import StateDict
from torch.optim.sgd import sgd as functional_sgd

from nnbench.settings import Settings

Parameters = Iterable[nn.Parameter]
Update = Callable[[list[Tensor], float], None]  # gradients, learning rate
Memory = Sequence[list[Tensor] | list[Tensor | None]]
# what an update remembers: one list per kind of memory, with one tensor (or None) per parameter


class Optimizer(Protocol):
    """What the training loop needs from an optimiser."""

    def step(self, lr: float) -> None:
        """Update the parameters from their gradients with this learning rate, then drop the gradients."""

    def state_dict(self) -> StateDict:
        """What it remembers between steps, as tensors and plain data."""

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Restore the state of another optimiser of the same kind."""


class Functional:
    """An optimiser made of one update function over all parameters, and its memory."""

    def __init__(self, parameters: list[Tensor], memory: Memory, update: Update) -> None:
        self.parameters, self.memory, self.update = parameters, memory, update

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update every parameter; a missing gradient counts as zero."""
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        self.update(gradients, lr)
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> StateDict:
        """See ``Optimizer``."""
        return {"memory": self.memory}

    def load_state_dict(self, state_dict: StateDict) -> None:
        """See ``Optimizer``."""
        for own, saved in zip(self.memory, state_dict["memory"], strict=True):
            own[:] = [
                None if tensor is None else tensor.to(parameter.device)  # type: ignore[misc]
                for tensor, parameter in zip(saved, self.parameters, strict=True)
            ]


def adam(parameters: Parameters, settings: Settings) -> Optimizer:  # noqa: ARG001 - one signature
    """Kingma & Ba (2015), fused."""
    weights: list[Tensor] = list(parameters)
    first, second = _zeros(weights), _zeros(weights)
    steps = [torch.zeros((), dtype=torch.float32, device=weight.device) for weight in weights]

    def update(gradients: list[Tensor], lr: float) -> None:
        functional_adam(
            weights, gradients, first, second, [], steps, fused=True, amsgrad=False,
            beta1=0.9, beta2=0.999, lr=lr, weight_decay=0.0, eps=1e-7, maximize=False,
        )  # fmt: skip

    return Functional(weights, [first, second, steps], update)


def sgd(parameters: Parameters, settings: Settings) -> Optimizer:
    """Stochastic gradient descent, fused, with classical momentum if the settings ask for it."""
    weights: list[Tensor] = list(parameters)
    buffers: list[Tensor | None] = [
        torch.zeros_like(weight) if settings.momentum else None for weight in weights
    ]

    def update(gradients: list[Tensor], lr: float) -> None:
        functional_sgd(
            weights, gradients, buffers, fused=True, weight_decay=0.0, momentum=settings.momentum,
            lr=lr, dampening=0.0, nesterov=False, maximize=False,
        )  # fmt: skip

    return Functional(weights, [buffers], update)


def rmsprop(parameters: Parameters, settings: Settings) -> Optimizer:
    """Tieleman & Hinton (2012) as in Keras: v = 0.9 v + 0.1 g², w -= lr g / sqrt(v + 1e-7)."""
    weights: list[Tensor] = list(parameters)
    squares, velocities = _zeros(weights), _zeros(weights)

    def update(gradients: list[Tensor], lr: float) -> None:
        for p, g, square, velocity in zip(weights, gradients, squares, velocities, strict=True):
            root = square.mul_(0.9).addcmul_(g, g, value=0.1).add(1e-7).sqrt_()
            if settings.momentum:
                p.sub_(velocity.mul_(settings.momentum).addcdiv_(g, root, value=lr))
            else:
                p.addcdiv_(g, root, value=-lr)

    return Functional(weights, [squares, velocities], update)


def _zeros(parameters: list[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(parameter) for parameter in parameters]


def scheduled_lr(settings: Settings, *, step: int, total: int) -> float:
    """The learning rate of one step (counted from 0) of ``total``.

    ``step`` divides the rate by 10 after one half and again after three quarters of the budget (He et al.
    2016); ``cosine`` falls to zero along half a cosine (Loshchilov & Hutter 2017).
    """
    done = step / total
    if settings.schedule == "step":
        return settings.lr * 0.1 ** ((done >= 0.5) + (done >= 0.75))
    if settings.schedule == "cosine":
        return settings.lr * 0.5 * (1.0 + math.cos(math.pi * done))
    return settings.lr


@torch.no_grad()
def add_penalty_gradients(kernels: Iterable[nn.Parameter], *, l1: float, l2: float) -> None:
    """Add the gradients of l1 * sum|w| + l2 * sum w^2 in closed form, which saves a second backward pass."""
    for kernel in kernels:
        assert kernel.grad is not None
        if l1:
            kernel.grad.add_(kernel.sign(), alpha=l1)
        if l2:
            kernel.grad.add_(kernel, alpha=2.0 * l2)
