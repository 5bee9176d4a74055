"""An MLP divided over several processes as in Megatron-LM (Shoeybi et al. 2019, section 3).

Dense layers come in pairs: the first is split by outputs (columns), the second by inputs (rows), so that a
pair needs one sum over the processes in the forward pass and one in the backward pass. With an odd number of
layers, every process computes the last one.

PyTorch's own tensor parallelism is not used because it makes ``DTensor`` parameters, which the fused
optimisers of ``nnbench.engine.optim`` reject; here every parameter is a plain tensor, whatever the way.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parameters_to_vector


class Slice(nn.Module):
    """This process's part of a dense layer: of its outputs (``dim`` 0), or of its inputs (``dim`` 1)."""

    def __init__(self, layer: nn.Linear, group: dist.ProcessGroup, dim: int) -> None:
        super().__init__()
        self.group, self.dim = group, dim
        self.weight = nn.Parameter(self._piece(layer.weight))
        self.bias = nn.Parameter(
            self._piece(layer.bias) if dim == 0 else layer.bias.detach().clone()
        )

    def _piece(self, tensor: Tensor) -> Tensor:
        pieces = tensor.detach().chunk(dist.get_world_size(self.group), self.dim)
        return pieces[dist.get_rank(self.group)].clone()

    def forward(self, x: Tensor) -> Tensor:
        """(B, in) -> (B, out / size), or (B, in / size) -> (B, out), summed over processes."""
        if self.dim == 0:
            entered = x.view_as(x)
            if entered.requires_grad:  # its gradient is the sum of all processes' (Megatron's f)
                entered.register_hook(self._summed)
            return functional.linear(entered, self.weight, self.bias)
        total = functional.linear(x, self.weight)
        # in place and unseen by autograd: the sum's gradient goes to all processes unchanged (Megatron's g)
        dist.all_reduce(total.detach(), group=self.group)
        return total + self.bias  # which every process holds: once, after the sum

    def _summed(self, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)  # autograd may still need it
        dist.all_reduce(total, group=self.group)
        return total

    def whole(self) -> list[Tensor]:
        """Weight and bias of the original layer."""
        bias = self._joined(self.bias) if self.dim == 0 else self.bias
        return [self._joined(self.weight), bias]

    def _joined(self, piece: Tensor) -> Tensor:
        pieces = [torch.empty_like(piece) for _ in range(dist.get_world_size(self.group))]
        dist.all_gather(pieces, piece.detach().contiguous(), group=self.group)
        return torch.cat(pieces, self.dim)


def cut(model: nn.Sequential, group: dist.ProcessGroup) -> nn.Sequential:
    """This process's share of an MLP of dense layers with biases and elementwise activations."""
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    made: dict[nn.Module, nn.Module] = {}
    for first, second in zip(linears[::2], linears[1::2], strict=False):
        made[first], made[second] = Slice(first, group, 0), Slice(second, group, 1)
    return nn.Sequential(*(made.get(layer, layer) for layer in model))


def whole_weights(model: nn.Sequential) -> Tensor:
    """All weights and biases of the original network in one vector; the whole group must call this."""
    found: list[Tensor] = []
    for layer in model:
        found += layer.whole() if isinstance(layer, Slice) else layer.parameters()
    return parameters_to_vector([tensor.detach() for tensor in found])
