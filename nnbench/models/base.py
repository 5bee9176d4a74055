"""The input of every model builder, and the weight initialisations that all builders share."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from nnbench.models.facts import Options, checked_options


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """The shape of the problem and the architecture settings of a cell."""

    input_shape: tuple[int, ...]  # of one sample: ``(1, 28, 28)``, ``(40,)``
    classes: int  # number of outputs: logits, or 1 for regression
    hidden: tuple[int, ...]  # widths of the hidden layers
    activation: Callable[[], nn.Module]  # makes one activation module
    dropout: float  # probability of dropping a hidden unit
    init: str  # ``glorot``, ``he`` or ``zeros``
    options: Options = field(default_factory=dict)  # ``model_options`` of the config

    def options_of(self, model: str) -> Options:
        """A registered model's options with its defaults; NnbenchError if they or the inputs do not fit."""
        return checked_options(model, self.options, shape=self.input_shape, hidden=self.hidden)


Builder = Callable[[ModelSpec, torch.Generator], nn.Module]


def initialise(weight: torch.Tensor, *, how: str, generator: torch.Generator) -> None:
    """Fill a weight tensor (out, in, ...) in place.

    ``glorot`` is Glorot & Bengio (2010), uniform, the Keras default; ``he`` is He et al. (2015), uniform,
    with the gain of ReLU; ``zeros`` is the documents' bad example.
    """
    if how == "zeros":
        nn.init.zeros_(weight)
    elif how == "he":
        nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)
    else:
        nn.init.xavier_uniform_(weight, generator=generator)


def linear(inputs: int, outputs: int, *, how: str, generator: torch.Generator) -> nn.Linear:
    """A dense layer with zero biases (the Keras default) and weights drawn from ``generator`` only."""
    layer = nn.Linear(inputs, outputs)  # its own first draw is overwritten
    initialise(layer.weight, how=how, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
