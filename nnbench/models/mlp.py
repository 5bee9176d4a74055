"""The multilayer perceptron of the documents: dense layers, each followed by an activation and dropout.

``model_options``:
    norm: ``batch`` normalises each hidden layer's pre-activations (Ioffe & Szegedy 2015), with PyTorch's
        momentum of 0.1, which follows the statistics over tens of steps. Keras' (0.01 in these terms) takes
        hundreds, so a short training would be tested with those of its initial weights.
    skip: an identity path around each hidden layer as wide as the hidden layer before it (He et al. 2016): x
        + dropout(activation(norm(dense(x)))).
"""

import itertools
import math

import torch
from torch import nn

from nnbench.models.base import ModelSpec, SkipBlock, linear


def build(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """(B, *input_shape) -> (B, classes) logits; without hidden layers it is softmax regression.

    Raises NnbenchError for options that an MLP does not have.
    """
    options = spec.options_of("mlp")
    widths = [math.prod(spec.input_shape), *spec.hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for depth, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        hidden = [linear(inputs, outputs, how=spec.init, generator=generator), spec.activation()]
        if options["norm"] == "batch":
            hidden.insert(1, nn.BatchNorm1d(outputs))
        if spec.dropout:
            hidden.append(nn.Dropout(spec.dropout))
        skipped = options["skip"] and depth > 0 and inputs == outputs
        layers += [SkipBlock(nn.Sequential(*hidden))] if skipped else hidden
    layers.append(linear(widths[-1], spec.classes, how=spec.init, generator=generator))
    return nn.Sequential(*layers)
