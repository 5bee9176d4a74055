"""Multiply-adds and parameters of networks, for the plan's estimates of time and memory (no torch).

Only matrix products and convolutions are counted, in multiply-adds as in the literature's FLOP counts; the
number of floating-point operations is twice that. No training depends on these numbers.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbench.models.facts import OPTIONS, Options, Shape, checked_options
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Cost of one sample's forward pass: multiply-adds, and trainable parameters."""

    macs: int = 0
    parameters: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(macs=self.macs + other.macs, parameters=self.parameters + other.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZooCost:
    """One of torchvision's networks without its output layer; costs are multiply-adds."""

    side: int  # of the images that it was designed for
    convolutions: int  # at that side; proportional to the image's area
    dense: int  # hidden dense layers, whose inputs are pooled to a fixed size
    features: int  # inputs of the output layer
    parameters: int

    def at(self, height: int, width: int, *, outputs: int) -> Cost:
        """The cost of an image: exact at ``side``, approximate elsewhere (strides round each map's size)."""
        output = self.features * outputs
        convolutions = self.convolutions * height * width // self.side**2
        return Cost(
            macs=convolutions + self.dense + output, parameters=self.parameters + output + outputs
        )


# Counted by PyTorch's FlopCounterMode; `python benchmarks/model_costs.py` prints these lines.
ZOO: Mapping[str, ZooCost] = {
    "resnet50": ZooCost(side=224, convolutions=4087136256, dense=0, features=2048, parameters=23508032),
    "vgg16": ZooCost(side=224, convolutions=15346630656, dense=119537664, features=4096, parameters=134260544),
    "alexnet": ZooCost(side=224, convolutions=655566528, dense=54525952, features=4096, parameters=57003840),
    "inception_v3": ZooCost(side=299, convolutions=5711168096, dense=0, features=2048, parameters=21785568),
    "mobilenet_v2": ZooCost(side=224, convolutions=299494272, dense=0, features=1280, parameters=2223872),
}  # fmt: skip


def cost_of(settings: Settings, input_shape: Shape, outputs: int) -> Cost:
    """Cost of one sample's forward pass; a user's model counts as an MLP.

    Raises NnbenchError if a registered model does not accept its options or these inputs.
    """
    model, hidden = settings.model, settings.hidden
    widths = [math.prod(input_shape), *hidden, outputs]
    if model not in OPTIONS:
        return _dense(widths)
    options = checked_options(model, settings.model_options, shape=input_shape, hidden=hidden)
    if model in ZOO:
        height, width = [int(options["resize"])] * 2 if options["resize"] else input_shape[1:]
        return ZOO[model].at(height, width, outputs=outputs)
    if model == "cnn":
        size = math.prod(input_shape)
        before = _dense([size, size]) if options["dense_first"] else Cost()
        return before + _cnn(input_shape, [*hidden, outputs], options)
    if model in GATES:
        return _recurrent(input_shape, hidden, outputs, gates=GATES[model])
    return _dense(widths, norm=options["norm"] == "batch")


GATES: Mapping[str, int] = {"lstm": 4, "gru": 3, "elman": 1}


def _dense(widths: Sequence[int], *, norm: bool = False) -> Cost:
    """Dense layers through these widths; ``norm`` adds two parameters per hidden unit."""
    weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(widths))
    return Cost(macs=weights, parameters=weights + sum(widths[1:]) + 2 * norm * sum(widths[1:-1]))


def _cnn(shape: Shape, dense: Sequence[int], options: Options) -> Cost:
    """Blocks of a convolution over k or k x k values with pooling by 2, then dense layers."""
    channels, *sides = shape if len(shape) == 3 else (1, *shape)
    total = Cost()
    for block in range(int(options["blocks"])):
        inputs, channels = channels, int(options["width"]) * 2**block
        weights = inputs * channels * int(options["kernel"]) ** len(sides)
        total += Cost(macs=weights * math.prod(sides), parameters=weights + channels)
        sides = [side // 2 for side in sides]
    return total + _dense([channels * math.prod(sides), *dense])


def _recurrent(shape: Shape, hidden: Sequence[int], outputs: int, *, gates: int) -> Cost:
    """Recurrent layers with two biases each, as in PyTorch."""
    steps, values = (shape[1], shape[0] * shape[2]) if len(shape) == 3 else (shape[0], 1)
    total = _dense([hidden[-1], outputs])
    for inputs, units in itertools.pairwise([values, *hidden]):
        weights = gates * units * (inputs + units)
        total += Cost(macs=steps * weights, parameters=weights + 2 * gates * units)
    return total
