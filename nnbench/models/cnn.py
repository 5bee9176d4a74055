"""A small convolutional network: blocks of convolution, activation and pooling, then dense layers.

Images (C, H, W) are convolved in two dimensions, signals (F,) in one. ``model_options``:
    width: channels of the first block, doubled in every further block.
    blocks: number of blocks: a convolution with same padding, the activation, pooling by 2 (as in VGG,
        Simonyan & Zisserman 2015, with its defaults).
    kernel: the side of each convolution, an odd number.
    pooling: the ``max`` or the ``average`` of 2 values along each side.
    dense_first: a dense layer as wide as the input, with the activation, before the first block.
"""

import itertools
import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from nnbench.models.base import ModelSpec, initialise, linear

POOLINGS: Mapping[str, Mapping[bool, Callable[[int], nn.Module]]] = {
    "max": {True: nn.MaxPool2d, False: nn.MaxPool1d},
    "average": {True: nn.AvgPool2d, False: nn.AvgPool1d},
}


def build(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """(B, *input_shape) -> (B, classes): blocks, then dense hidden layers with dropout, then logits.

    Raises NnbenchError for unknown options, and for inputs too small to halve once per block.
    """
    options = spec.options_of("cnn")
    image = len(spec.input_shape) == 3
    kernel, pooling = int(options["kernel"]), POOLINGS[str(options["pooling"])][image]
    channels, *sides = spec.input_shape if image else (1, *spec.input_shape)
    layers: list[nn.Module] = []
    if options["dense_first"]:
        size = math.prod(spec.input_shape)
        dense = linear(size, size, how=spec.init, generator=generator)
        layers = [nn.Flatten(), dense, spec.activation()]
    if options["dense_first"] or not image:
        layers.append(nn.Unflatten(1, (channels, *sides)))
    for block in range(int(options["blocks"])):
        width = int(options["width"]) * 2**block
        kind = nn.Conv2d if image else nn.Conv1d
        # its own draw is overwritten
        convolution = kind(channels, width, kernel_size=kernel, padding=kernel // 2)
        initialise(convolution.weight, how=spec.init, generator=generator)
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # there is one
        layers += [convolution, spec.activation(), pooling(2)]
        channels, sides = width, [side // 2 for side in sides]
    widths = [channels * math.prod(sides), *spec.hidden]
    layers.append(nn.Flatten())
    for inputs, outputs in itertools.pairwise(widths):
        layers += [linear(inputs, outputs, how=spec.init, generator=generator), spec.activation()]
        if spec.dropout:
            layers.append(nn.Dropout(spec.dropout))
    layers.append(linear(widths[-1], spec.classes, how=spec.init, generator=generator))
    return nn.Sequential(*layers)
