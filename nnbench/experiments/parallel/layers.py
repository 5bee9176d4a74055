"""An MLP divided over several processes as in Megatron-LM (Shoeybi et al. 2019, section 3).

Dense layers come in pairs: the first is split by outputs (columns), the second by inputs (rows), so that a
pair needs one sum over the processes in the forward pass and one in the backward pass. With an odd number of
layers, every process computes the last one.

PyTorch's own tensor parallelism is not used because it makes ``DTensor`` parameters, which the fused
optimisers of ``nnbench.engine.optim`` reject; here every parameter is a plain tensor, whatever the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The slice of each layer that this process holds: number ``rank`` of ``size`` in ``group``."""

    group: dist.ProcessGroup
    rank: int
    size: int


class _Enter(torch.autograd.Function):
    """The same input for every process; backward sums the gradients of all processes (Megatron's f)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _summed(gradients[0], ctx.group), None


class _Leave(torch.autograd.Function):
    """The sum of all processes' outputs; its gradient goes to all of them unchanged (Megatron's g)."""

    @staticmethod
    def forward(_ctx: object, x: Tensor, group: dist.ProcessGroup) -> Tensor:
        return _summed(x, group)

    @staticmethod
    def backward(_ctx: object, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _summed(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    total = x.clone(memory_format=torch.contiguous_format)  # autograd may still need x
    dist.all_reduce(total, group=group)
    return total


class ColumnLinear(nn.Module):
    """A slice of a dense layer's outputs: (B, in) -> (B, out / size)."""

    def __init__(self, layer: nn.Linear, share: Share) -> None:
        super().__init__()
        self.share = share
        self.weight = nn.Parameter(_piece(layer.weight, share, dim=0))
        self.bias = nn.Parameter(_piece(layer.bias, share, dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """Every process multiplies the whole input by its own columns."""
        entered: Tensor = _Enter.apply(x, self.share.group)
        return functional.linear(entered, self.weight, self.bias)

    def whole(self) -> list[Tensor]:
        """Weight and bias of the original layer."""
        return [_joined(self.weight, self.share, dim=0), _joined(self.bias, self.share, dim=0)]


class RowLinear(nn.Module):
    """A dense layer on a slice of its inputs: (B, in / size) -> (B, out), summed over processes."""

    def __init__(self, layer: nn.Linear, share: Share) -> None:
        super().__init__()
        self.share = share
        self.weight = nn.Parameter(_piece(layer.weight, share, dim=1))
        self.bias = nn.Parameter(layer.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """The bias, held by every process, is added once, after the sum."""
        total: Tensor = _Leave.apply(functional.linear(x, self.weight), self.share.group)
        return total + self.bias

    def whole(self) -> list[Tensor]:
        """Weight and bias of the original layer."""
        return [_joined(self.weight, self.share, dim=1), self.bias.detach().clone()]


def cut(model: nn.Sequential, share: Share) -> nn.Sequential:
    """This process's share of an MLP of dense layers with biases and elementwise activations."""
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    made: dict[nn.Module, nn.Module] = {}
    for first, second in zip(linears[::2], linears[1::2], strict=False):
        made[first], made[second] = ColumnLinear(first, share), RowLinear(second, share)
    return nn.Sequential(*(made.get(layer, layer) for layer in model))


def whole_weights(model: nn.Sequential) -> list[Tensor]:
    """Copies of all weights and biases in their original shapes; the whole group must call this."""
    found: list[Tensor] = []
    for layer in model:
        if isinstance(layer, ColumnLinear | RowLinear):
            found += layer.whole()
        else:
            found += [parameter.detach().clone() for parameter in layer.parameters()]
    return found


def _piece(tensor: Tensor, share: Share, *, dim: int) -> Tensor:
    return tensor.detach().chunk(share.size, dim)[share.rank].clone()


def _joined(piece: Tensor, share: Share, *, dim: int) -> Tensor:
    pieces = [torch.empty_like(piece) for _ in range(share.size)]
    dist.all_gather(pieces, piece.detach().contiguous(), group=share.group)
    return torch.cat(pieces, dim)
