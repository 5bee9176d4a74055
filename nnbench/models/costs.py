"""Multiply-adds and parameters of networks, counted from their shapes alone (no torch).

A network is a list of layers. Counted are the multiply-adds of matrix products and convolutions, as in
the literature's FLOP counts; a floating-point operation count is twice that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Maps = tuple[int, int, int]
"""Channels, height, width; a vector is (values, 1, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One sample's forward pass: multiply-adds, and the trainable parameters behind them."""

    macs: int = 0
    parameters: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(macs=self.macs + other.macs, parameters=self.parameters + other.parameters)


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution; ``padding`` None keeps the sides of odd kernels (at stride 1)."""

    channels: int
    kernel: int | tuple[int, int]
    stride: int = 1
    padding: int | tuple[int, int] | None = None
    groups: int = 1
    bias: bool = False
    norm: bool = True

    def through(self, maps: Maps) -> tuple[Cost, Maps]:
        """The cost, and the shape behind it."""
        high, wide = kernel = _pair(self.kernel)
        padding = (high // 2, wide // 2) if self.padding is None else _pair(self.padding)
        sides = [
            (side + 2 * pad - k) // self.stride + 1
            for side, pad, k in zip(maps[1:], padding, kernel, strict=True)
        ]
        weights = self.channels * maps[0] // self.groups * high * wide
        more = self.channels * (self.bias + 2 * self.norm)
        cost = Cost(macs=weights * math.prod(sides), parameters=weights + more)
        return cost, (self.channels, sides[0], sides[1])


@dataclass(frozen=True, slots=True)
class Pool:
    """Pooling: no multiply-adds, no parameters."""

    kernel: int | tuple[int, int]
    stride: int | tuple[int, int]
    padding: int = 0

    def through(self, maps: Maps) -> tuple[Cost, Maps]:
        """No cost, and the shape behind it."""
        high, wide = (
            (side + 2 * self.padding - k) // step + 1
            for side, k, step in zip(maps[1:], _pair(self.kernel), _pair(self.stride), strict=True)
        )
        return Cost(), (maps[0], high, wide)


@dataclass(frozen=True, slots=True)
class PoolTo:
    """Adaptive pooling to a fixed side."""

    side: int

    def through(self, maps: Maps) -> tuple[Cost, Maps]:
        """No cost, and the shape behind it."""
        return Cost(), (maps[0], self.side, self.side)


@dataclass(frozen=True, slots=True)
class Dense:
    """A dense layer with biases on all values of the maps."""

    outputs: int
    norm: bool = False

    def through(self, maps: Maps) -> tuple[Cost, Maps]:
        """The cost, and the shape behind it."""
        weights = math.prod(maps) * self.outputs
        cost = Cost(macs=weights, parameters=weights + self.outputs * (1 + 2 * self.norm))
        return cost, (self.outputs, 1, 1)


@dataclass(frozen=True, slots=True)
class Branches:
    """Paths from the same maps, whose channels are joined (or, ``added``, summed up)."""

    paths: tuple[tuple[Layer, ...], ...]
    added: bool = False

    def through(self, maps: Maps) -> tuple[Cost, Maps]:
        """The cost, and the shape behind it."""
        costs, ends = zip(*(through(path, maps) for path in self.paths), strict=True)
        channels = ends[0][0] if self.added else sum(end[0] for end in ends)
        return sum(costs, Cost()), (channels, *ends[0][1:])


Layer = Conv | Pool | PoolTo | Dense | Branches


def through(layers: Iterable[Layer], maps: Maps) -> tuple[Cost, Maps]:
    """The cost of layers one after another, and the shape behind them."""
    total = Cost()
    for layer in layers:
        cost, maps = layer.through(maps)
        total += cost
    return total, maps


def mlp(inputs: int, hidden: Sequence[int], outputs: int, *, norm: bool = False) -> Cost:
    """Dense layers; ``norm`` adds two parameters a hidden unit."""
    layers = [*(Dense(width, norm=norm) for width in hidden), Dense(outputs)]
    return through(layers, (inputs, 1, 1))[0]


def cnn(
    shape: tuple[int, ...], hidden: Sequence[int], outputs: int, *, width: int, blocks: int
) -> Cost:
    """Blocks of convolution and pooling, then dense layers; a signal has height 1."""
    image = len(shape) == 3
    maps: Maps = (shape[0], shape[1], shape[2]) if image else (1, 1, shape[0])
    kernel, pool = ((3, 3), (2, 2)) if image else ((1, 3), (1, 2))
    layers: list[Layer] = []
    for block in range(blocks):
        layers += [Conv(width * 2**block, kernel, bias=True, norm=False), Pool(pool, pool)]
    return through([*layers, *map(Dense, hidden), Dense(outputs)], maps)[0]


def recurrent(shape: tuple[int, ...], hidden: Sequence[int], outputs: int, *, gates: int) -> Cost:
    """Recurrent layers with two biases each, as in PyTorch; 4 gates for an LSTM, 3 for a GRU."""
    steps, values = (shape[1], shape[0] * shape[2]) if len(shape) == 3 else (shape[0], 1)
    total = through([Dense(outputs)], (hidden[-1], 1, 1))[0]
    for inputs, units in itertools.pairwise([values, *hidden]):
        weights = gates * units * (inputs + units)
        total += Cost(macs=steps * weights, parameters=weights + 2 * gates * units)
    return total


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
