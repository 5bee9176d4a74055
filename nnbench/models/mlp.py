"""The multilayer perceptron of the documents: dense layers, an activation and dropout after each."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn

from nnbench.models.base import ModelSpec, linear


def build(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """An MLP from flattened inputs to logits; no hidden layer gives softmax regression.

    Shapes: (B, *input_shape) -> (B, classes).
    """
    widths = [math.prod(spec.input_shape), *spec.hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(widths):
        layers += [linear(inputs, outputs, how=spec.init, generator=generator), spec.activation()]
        if spec.dropout:
            layers.append(nn.Dropout(spec.dropout))
    layers.append(linear(widths[-1], spec.classes, how=spec.init, generator=generator))
    return nn.Sequential(*layers)
