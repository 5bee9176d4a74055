"""S replicates of one plain ``nn.Module`` as a single module that trains them together.

Parameters get a leading replicate dimension, so that one batched matrix product does the work of
S small ones. Replicates never mix: each has its own weights, its own samples and its own random
generator, and the loss is a sum over replicates, so the result equals S separate runs up to
rounding. A module without a stacked form runs one replicate at a time, with the same interface.

Shapes: a replicated module maps (S, B, *input) to (S, B, classes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from nnbench.errors import NnbenchError

Generators = Sequence[torch.Generator]

ELEMENTWISE = (
    nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Identity,
)  # fmt: skip


class CannotStackError(TypeError):
    """A module has no stacked form; the caller falls back to one replicate at a time."""


class StackedLinear(nn.Module):
    """S dense layers: (S, B, in) -> (S, B, out); weight (S, in, out), bias (S, 1, out)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(
            torch.stack([layer.weight.detach().T for layer in layers]).contiguous()
        )
        biases = [layer.bias for layer in layers if layer.bias is not None]
        self.bias = (
            nn.Parameter(torch.stack([b.detach() for b in biases]).unsqueeze(1)) if biases else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """One batched matrix product for all replicates; (S, ..., in) -> (S, ..., out)."""
        rows = x if x.ndim == 3 else x.flatten(1, -2)
        if self.bias is None:
            out = torch.bmm(rows, self.weight)
        else:
            out = torch.baddbmm(self.bias, rows, self.weight)
        return out if x.ndim == 3 else out.unflatten(1, x.shape[1:-1])


class SeededDropout(nn.Module):
    """Inverted dropout whose masks come from one generator a replicate: (S, ...) -> (S, ...).

    A unit is kept by 16 random bits, four decisions from each 64-bit draw: on a CPU a twentieth of
    the cost of ``bernoulli_``, and ``p`` is met to within 1/131072.
    """

    def __init__(self, p: float, generators: Generators) -> None:
        super().__init__()
        self.generators = tuple(generators)
        self.dropped = min(round(p * 2**16), 2**16 - 1)  # of 65536 equally likely values

    def forward(self, x: Tensor) -> Tensor:
        """Drop units while training, scale the others by 1 / (1 - p)."""
        if not self.training or self.dropped == 0:
            return x
        return x * self.kept(x) * (2**16 / (2**16 - self.dropped))

    def kept(self, x: Tensor) -> Tensor:
        """Which units stay: a bool tensor like ``x``."""
        each = x[0].numel()
        bits = torch.empty(len(x), -(-each // 4), dtype=torch.int64, device=x.device)
        for own, generator in zip(bits, self.generators, strict=True):
            own.random_(-(2**63), None, generator=generator)
        return (bits.view(torch.int16)[:, :each] >= self.dropped - 2**15).view(x.shape)


class OneReplicate(nn.Module):
    """Gives a stacked leaf (SeededDropout) inside an unstacked module its replicate dimension."""

    def __init__(self, leaf: nn.Module) -> None:
        super().__init__()
        self.leaf = leaf

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        out: Tensor = self.leaf(x.unsqueeze(0))
        return out.squeeze(0)


def stack(modules: Sequence[nn.Module], generators: Generators) -> nn.Module:
    """The stacked form of S modules of one architecture.

    Raises:
        CannotStackError: Some part of the architecture has no stacked form.
    """
    first = modules[0]
    if type(first) is nn.Sequential:
        return nn.Sequential(*(stack(parts, generators) for parts in zip(*modules, strict=True)))
    if type(first) is nn.Linear:
        return StackedLinear([m for m in modules if isinstance(m, nn.Linear)])
    if type(first) is nn.Dropout:
        return SeededDropout(first.p, generators)
    if type(first) is nn.Flatten and first.start_dim == 1:
        return nn.Flatten(2, first.end_dim if first.end_dim < 0 else first.end_dim + 1)
    if type(first) in ELEMENTWISE:
        return first
    raise CannotStackError(type(first).__name__)


def _check_plain(module: nn.Module) -> None:
    """Refuse to stack what stacking would change: shared layers and frozen parameters."""
    parameters = list(module.named_parameters(remove_duplicate=False))
    if len({id(p) for _, p in parameters}) < len(parameters):
        raise CannotStackError("a layer is used twice")
    if not all(p.requires_grad for _, p in parameters):
        raise CannotStackError("a parameter is frozen")


class Replicates(nn.Module):
    """S models of one architecture behind one interface, stacked where that is possible."""

    def __init__(self, modules: Sequence[nn.Module], generators: Generators) -> None:
        super().__init__()
        self.count = len(modules)
        try:
            _check_plain(modules[0])
            self.body = stack(modules, generators)
            self.stacked = True
        except CannotStackError:
            self.body = nn.ModuleList(
                _with_seeded_dropout(module, g)
                for module, g in zip(modules, generators, strict=True)
            )
            self.stacked = False

    def forward(self, x: Tensor) -> Tensor:
        """(S, B, *input) -> (S, B, classes)."""
        if self.stacked:
            out: Tensor = self.body(x)
            return out
        return torch.stack([m(own) for m, own in zip(self.body.children(), x, strict=True)])

    def parameters_each(self) -> int:
        """Trainable parameters of one replicate."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad) // self.count

    def kernels(self) -> list[nn.Parameter]:
        """The weight matrices, which Keras' kernel_regularizer acts on (no biases, no norm scales)."""
        matrix = 3 if self.stacked else 2
        return [
            p
            for name, p in self.named_parameters()
            if name.endswith("weight") and p.ndim >= matrix and p.requires_grad
        ]

    def state(self) -> Iterator[tuple[Tensor, int | None]]:
        """Every parameter and buffer, with the replicate it belongs to (None: dimension 0 holds all)."""
        if self.stacked:
            for tensor in [*self.parameters(), *self.buffers()]:
                yield tensor.detach(), None
            return
        for replicate, module in enumerate(self.body.children()):
            for tensor in [*module.parameters(), *module.buffers()]:
                yield tensor.detach(), replicate


class BestWeights:
    """The weights of each replicate at its own best validation point."""

    def __init__(self, model: Replicates) -> None:
        self.model = model
        self.kept = [tensor.clone() for tensor, _ in model.state()]

    def keep(self, improved: Tensor) -> None:
        """Copy the present weights of the replicates in ``improved`` (S,), a mask on the device."""
        for (now, replicate), kept in zip(self.model.state(), self.kept, strict=True):
            mask = (
                improved.view(-1, *[1] * (now.ndim - 1))
                if replicate is None
                else improved[replicate]
            )
            kept.copy_(torch.where(mask, now, kept))

    def restore(self) -> None:
        """Put the kept weights back into the model."""
        for (tensor, _), kept in zip(self.model.state(), self.kept, strict=True):
            tensor.copy_(kept)


def _with_seeded_dropout(module: nn.Module, generator: torch.Generator) -> nn.Module:
    """Replace every nn.Dropout inside a module, which would draw from the global state."""
    if type(module) is nn.Dropout:
        return OneReplicate(SeededDropout(module.p, (generator,)))
    if isinstance(module, nn.modules.dropout._DropoutNd):  # noqa: SLF001 - all kinds of dropout
        raise NnbenchError(
            f"model: {type(module).__name__} draws from the global random state",
            allowed="torch.nn.Dropout, which nnbench seeds",
        )
    for name, child in module.named_children():
        setattr(module, name, _with_seeded_dropout(child, generator))
    return module
