"""The stacked form of each layer: the layers of S replicates as one module, without mixing them.

Shapes: (S, B, *input) -> (S, B, *output). Convolutions, pooling and normalisation see replicates as groups of
channels, (B, S * C, *sides); both layouts are views of the same memory, so a chain of such layers copies
nothing.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from nnbench.models.base import Recurrent, SkipBlock, Steps

Generators = Sequence[torch.Generator]

ELEMENTWISE = (
    nn.ReLU, nn.Sigmoid, nn.Tanh, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.ReLU6, nn.Identity,
)  # fmt: skip
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
POOLINGS = (
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
)  # fmt: skip


class CannotStackError(TypeError):
    """A module has no stacked form; the caller falls back to one replicate at a time."""


class StackedLinear(nn.Module):
    """S dense layers: (S, B, in) -> (S, B, out); weight (S, in, out), bias (S, 1, out)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = _stacked([layer.weight.T for layer in layers])
        biases = [layer.bias.unsqueeze(0) for layer in layers if layer.bias is not None]
        self.bias = _stacked(biases) if biases else None

    def forward(self, x: Tensor) -> Tensor:
        """(S, ..., in) -> (S, ..., out) by one batched matrix product for all replicates."""
        rows = x if x.ndim == 3 else x.flatten(1, -2)
        if self.bias is None:
            out = torch.bmm(rows, self.weight)
        else:
            out = torch.baddbmm(self.bias, rows, self.weight)
        return out if x.ndim == 3 else out.unflatten(1, x.shape[1:-1])


class OverChannels(nn.Module):
    """A layer that sees replicates as groups of channels; a pooling layer treats each by itself."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """(S, B, in, *sides) -> (B, S * in, *sides) -> (B, S * out, *sides) -> (S, B, out, *sides)."""
        out: Tensor = self.layer(x.transpose(0, 1).flatten(1, 2)).unflatten(1, (len(x), -1))
        return out.transpose(0, 1)


class StackedConvolution(nn.Module):
    """S convolutions as one grouped convolution; weight (S, out, in / groups, *kernel), bias (S, out)."""

    def __init__(self, layers: Sequence[nn.Conv1d | nn.Conv2d]) -> None:
        super().__init__()
        first = layers[0]
        if first.padding_mode != "zeros":
            raise CannotStackError(f"convolution with padding mode {first.padding_mode}")
        self.weight = _stacked([layer.weight for layer in layers])
        biases = [layer.bias for layer in layers if layer.bias is not None]
        self.bias = _stacked(biases) if biases else None
        self.convolve = partial(
            nn.functional.conv1d if isinstance(first, nn.Conv1d) else nn.functional.conv2d,
            stride=first.stride, padding=first.padding, dilation=first.dilation,
            groups=len(layers) * first.groups,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(B, S * in, *sides) -> (B, S * out, *sides)."""
        bias = None if self.bias is None else self.bias.flatten()
        return self.convolve(x, self.weight.flatten(0, 1), bias)


class StackedBatchNorm(nn.Module):
    """S batch normalisations, each with its own statistics; weight, bias and buffers are (S, C).

    A batch with one value per channel has no variance: a ValueError, as from PyTorch's own layers.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, layers: Sequence[nn.BatchNorm1d | nn.BatchNorm2d]) -> None:
        super().__init__()
        first = layers[0]
        if not (first.affine and first.track_running_stats and first.momentum is not None):
            raise CannotStackError("batch normalisation without weights or running statistics")
        self.weight = _stacked([layer.weight for layer in layers])
        self.bias = _stacked([layer.bias for layer in layers])
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, torch.stack([getattr(layer, name) for layer in layers]))
        self.momentum, self.eps = first.momentum, first.eps

    def forward(self, x: Tensor) -> Tensor:
        """(B, S * C, *sides), normalised over B and the sides."""
        return nn.functional.batch_norm(
            x,
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.weight.flatten(),
            self.bias.flatten(),
            training=self.training,
            momentum=self.momentum,
            eps=self.eps,
        )


class StackedRecurrent(nn.Module):
    """S recurrent layers with PyTorch's gates, in PyTorch's order.

    weight (S, in, gates * units), recurrent (S, units, gates * units), two biases (S, 1, gates * units).
    """

    def __init__(self, layers: Sequence[Recurrent]) -> None:
        super().__init__()
        named = [dict(layer.rnn.named_parameters()) for layer in layers]
        self.weight = _stacked([own["weight_ih_l0"].T for own in named])
        self.recurrent = _stacked([own["weight_hh_l0"].T for own in named])
        self.bias = _stacked([own["bias_ih_l0"].unsqueeze(0) for own in named])
        self.recurrent_bias = _stacked([own["bias_hh_l0"].unsqueeze(0) for own in named])
        self.last = layers[0].last


class StackedFused(StackedRecurrent):
    """S LSTMs, or Elman's networks, by PyTorch's fused operations, one replicate after the other.

    It is there for what compiled code does not do; see ``native/recurrent.hpp``.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(S, B, T, in) -> (S, B, T, units), or (S, B, units) of the last step."""
        transposed = (w.transpose(1, 2).unbind() for w in (self.weight, self.recurrent))
        biases = (b.flatten(1).unbind() for b in (self.bias, self.recurrent_bias))
        states = torch.stack(
            [self._one(*each) for each in zip(x, *transposed, *biases, strict=True)]
        )
        return states[:, :, -1] if self.last else states

    def _one(self, x: Tensor, *weights: Tensor) -> Tensor:
        """(B, T, in) -> (B, T, units)."""
        units = self.recurrent.shape[1]
        zeros, how = x.new_zeros(1, len(x), units), (True, 1, 0.0, self.training, False, True)
        out: Tensor
        if self.recurrent.shape[2] == units:
            out, _ = torch.rnn_tanh(x, zeros, weights, *how)
        else:
            out, _, _ = torch.lstm(x, (zeros, zeros), weights, *how)
        return out


class StackedGru(StackedRecurrent):
    """S layers of gated recurrent units: one batched matrix product per step for all of them.

    On a CPU 1.6 to 5 times as fast as running S ``nn.GRU`` in turn, and slower than compiled code.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(S, B, T, in) -> (S, B, T, units), or (S, B, units) of the last step."""
        steps = x.transpose(1, 2)  # a step's values of all samples are contiguous
        inputs = torch.baddbmm(self.bias, steps.flatten(1, 2), self.weight)
        units = self.recurrent.shape[1]
        state = inputs.new_zeros(
            *x.shape[:2], units
        )  # as the products: bfloat16 in mixed precision
        states = []
        for own in inputs.unflatten(1, steps.shape[1:3]).unbind(1):
            held = torch.baddbmm(self.recurrent_bias, state, self.recurrent)
            gates = torch.sigmoid(own[..., : 2 * units] + held[..., : 2 * units])
            reset, update = gates.chunk(2, dim=-1)
            new = torch.tanh(torch.addcmul(own[..., 2 * units :], reset, held[..., 2 * units :]))
            state = torch.lerp(new, state, update)
            states.append(state)
        return state if self.last else torch.stack(states, dim=2)


class SeededDropout(nn.Module):
    """Inverted dropout whose masks come from one generator per replicate: (S, ...) -> (S, ...).

    Each decision uses 16 random bits, a quarter of a 64-bit draw: on a CPU a twentieth of the cost of
    ``bernoulli_``, with ``p`` met to within 1/131072.
    """

    def __init__(self, p: float, generators: Generators) -> None:
        super().__init__()
        self.generators = tuple(generators)
        self.dropped = min(round(p * 2**16), 2**16 - 1)  # of 65536 equally likely values

    def forward(self, x: Tensor) -> Tensor:
        """In training, drop units and scale the others by 1 / (1 - p)."""
        if not self.training or self.dropped == 0:
            return x
        return x * self.kept(x) * (2**16 / (2**16 - self.dropped))

    def kept(self, x: Tensor) -> Tensor:
        """Which units are kept: a bool tensor like ``x``."""
        each = x[0].numel()
        bits = torch.empty(len(x), -(-each // 4), dtype=torch.int64, device=x.device)
        for own, generator in zip(bits, self.generators, strict=True):
            own.random_(-(2**63), None, generator=generator)
        return (bits.view(torch.int16)[:, :each] >= self.dropped - 2**15).view(x.shape)


def stack(modules: Sequence[nn.Module], generators: Generators) -> nn.Module:
    """The stacked form of S modules of one architecture; CannotStackError if a layer has none."""
    first = modules[0]
    if type(first) is nn.Sequential:
        return nn.Sequential(*(stack(parts, generators) for parts in zip(*modules, strict=True)))
    if type(first) is SkipBlock:
        return SkipBlock(stack([m.get_submodule("body") for m in modules], generators))
    if type(first) is nn.Dropout:
        return SeededDropout(first.p, generators)
    if type(first) in ELEMENTWISE:
        return first
    if type(first) is Recurrent:
        form = StackedGru if isinstance(first.rnn, nn.GRU) else StackedFused
        return form([m for m in modules if isinstance(m, Recurrent)])
    return _reshaping(first) or _stacked_layer(modules)


def _reshaping(first: nn.Module) -> nn.Module | None:
    """Layers that only reshape act one dimension further to the right."""
    if type(first) is Steps:
        return Steps(dim=2)
    if type(first) is nn.Flatten and first.start_dim == 1:
        return nn.Flatten(2, first.end_dim if first.end_dim < 0 else first.end_dim + 1)
    if type(first) is nn.Unflatten and isinstance(first.dim, int):
        return nn.Unflatten(first.dim if first.dim < 0 else first.dim + 1, first.unflattened_size)
    return None


def _stacked_layer(modules: Sequence[nn.Module]) -> nn.Module:
    first = modules[0]
    if type(first) is nn.Linear:
        return StackedLinear([m for m in modules if isinstance(m, nn.Linear)])
    if type(first) in CONVOLUTIONS:
        convolutions = [m for m in modules if isinstance(m, CONVOLUTIONS)]
        return OverChannels(StackedConvolution(convolutions))
    if type(first) in NORMS:
        return OverChannels(StackedBatchNorm([m for m in modules if isinstance(m, NORMS)]))
    if type(first) in POOLINGS and not getattr(first, "return_indices", False):
        return OverChannels(first)
    raise CannotStackError(type(first).__name__)


def _stacked(parameters: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([parameter.detach() for parameter in parameters]).contiguous())
