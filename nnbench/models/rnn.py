"""LSTM, GRU and Elman networks that read a sample step by step: an image's rows, or a signal's values.

``hidden`` holds the units of each recurrent layer; the final state of the last one gives the logits. Gates
and states have fixed activations (sigmoid and tanh, as in Keras), so ``activation`` is not used. The builders map (B,
*input_shape) to (B, classes) and raise NnbenchError without a hidden layer, for inputs of another rank, and
for any option.
"""

import itertools
from functools import partial

import torch
from torch import nn

from nnbench.models.base import Cell, ModelSpec, Recurrent, Steps, linear


def _network(name: str, cell: Cell, spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    spec.options_of(name)
    image = len(spec.input_shape) == 3
    values = spec.input_shape[0] * spec.input_shape[2] if image else 1  # of one step
    layers: list[nn.Module] = [Steps()]
    for depth, sizes in enumerate(itertools.pairwise([values, *spec.hidden])):
        layer = Recurrent(cell, sizes, last=depth == len(spec.hidden) - 1)
        layer.initialise(how=spec.init, generator=generator)
        layers.append(layer)
        if spec.dropout:
            layers.append(nn.Dropout(spec.dropout))
    layers.append(linear(spec.hidden[-1], spec.classes, how=spec.init, generator=generator))
    return nn.Sequential(*layers)


lstm = partial(_network, "lstm", nn.LSTM)
"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate of Gers et al. 2000)."""
gru = partial(_network, "gru", nn.GRU)
"""Gated recurrent units (Cho et al. 2014), reset gate after the product as in Keras and cuDNN."""
elman = partial(_network, "elman", nn.RNN)
"""Simple recurrence through tanh, without gates (Elman 1990), Keras' SimpleRNN."""
