"""A small convolutional network: blocks of convolution, activation and pooling, then dense layers.

Images (C, H, W) are convolved in two dimensions, signals (F,) in one. ``model_options``:
    width: channels of the first block, doubled in every further block.
    blocks: number of blocks: a convolution of size 3 with same padding, the activation, max pooling by 2 (as
        in VGG, Simonyan & Zisserman 2015).
"""

import itertools
import math

import torch
from torch import nn

from nnbench.models.base import ModelSpec, initialise, linear


def build(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """(B, *input_shape) -> (B, classes): blocks, then dense hidden layers with dropout, then logits.

    Raises NnbenchError for unknown options, and for inputs too small to halve once per block.
    """
    options = spec.options_of("cnn")
    image = len(spec.input_shape) == 3
    layers: list[nn.Module] = [] if image else [nn.Unflatten(1, (1, spec.input_shape[0]))]
    channels, *sides = spec.input_shape if image else (1, *spec.input_shape)
    for block in range(int(options["blocks"])):
        width = int(options["width"]) * 2**block
        kind = nn.Conv2d if image else nn.Conv1d
        convolution = kind(channels, width, kernel_size=3, padding=1)  # its own draw is overwritten
        initialise(convolution.weight, how=spec.init, generator=generator)
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]  # there is one
        layers += [convolution, spec.activation(), nn.MaxPool2d(2) if image else nn.MaxPool1d(2)]
        channels, sides = width, [side // 2 for side in sides]
    widths = [channels * math.prod(sides), *spec.hidden]
    layers.append(nn.Flatten())
    for inputs, outputs in itertools.pairwise(widths):
        layers += [linear(inputs, outputs, how=spec.init, generator=generator), spec.activation()]
        if spec.dropout:
            layers.append(nn.Dropout(spec.dropout))
    layers.append(linear(widths[-1], spec.classes, how=spec.init, generator=generator))
    return nn.Sequential(*layers)
