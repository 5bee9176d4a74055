"""What a model builder receives, and the weight initialisations that all builders share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from nnbench.models.facts import Options, checked_options


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """The shape of the problem and the architecture settings of a cell.

    Attributes:
        input_shape: Shape of one sample, without batch: ``(1, 28, 28)``, ``(40,)``.
        classes: Number of output logits.
        hidden: Widths of the hidden layers.
        activation: Makes one activation module.
        dropout: Probability of dropping a hidden unit.
        init: ``glorot``, ``he`` or ``zeros``.
        options: The model's own settings (``model_options`` in the config).
    """

    input_shape: tuple[int, ...]
    classes: int
    hidden: tuple[int, ...]
    activation: Callable[[], nn.Module]
    dropout: float
    init: str
    options: Options = field(default_factory=dict)

    def options_of(self, model: str) -> Options:
        """The options of a registered model, with its defaults; its inputs are checked, too.

        Raises:
            NnbenchError: An option or inputs that the model does not take.
        """
        return checked_options(model, self.options, shape=self.input_shape, hidden=self.hidden)


Builder = Callable[[ModelSpec, torch.Generator], nn.Module]


def initialise(weight: torch.Tensor, *, how: str, generator: torch.Generator) -> None:
    """Fill a weight tensor (out, in, ...) in place.

    ``glorot`` is Glorot & Bengio (2010), uniform, the Keras default; ``he`` is He et al. (2015),
    uniform, with the gain of ReLU; ``zeros`` is the documents' bad example.
    """
    if how == "zeros":
        nn.init.zeros_(weight)
    elif how == "he":
        nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)
    else:
        nn.init.xavier_uniform_(weight, generator=generator)


def linear(inputs: int, outputs: int, *, how: str, generator: torch.Generator) -> nn.Linear:
    """A dense layer with zero biases (the Keras default) and weights from ``generator`` alone."""
    layer = nn.Linear(inputs, outputs)  # its own first draw uses the caller's private random state
    initialise(layer.weight, how=how, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
