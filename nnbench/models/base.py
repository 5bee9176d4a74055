"""What the model builders share: their input, weight initialisations, and layers (of one replicate)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nnbench.models.facts import Options, checked_options


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """The shape of the problem and the architecture settings of a cell."""

    input_shape: tuple[int, ...]  # of one sample: ``(1, 28, 28)``, ``(40,)``
    classes: int  # number of outputs: logits, or 1 for regression
    hidden: tuple[int, ...]  # widths of the hidden layers
    activation: Callable[[], nn.Module]  # makes one activation module
    dropout: float  # probability of dropping a hidden unit
    init: str  # ``glorot``, ``he``, ``normal`` or ``zeros``
    options: Options = field(default_factory=dict)  # ``model_options`` of the config

    def options_of(self, model: str) -> Options:
        """A registered model's options with its defaults; NnbenchError if they or the inputs do not fit."""
        return checked_options(model, self.options, shape=self.input_shape, hidden=self.hidden)


Builder = Callable[[ModelSpec, torch.Generator], nn.Module]


def initialise(weight: Tensor, *, how: str, generator: torch.Generator) -> None:
    """Fill a weight tensor (out, in, ...) in place.

    ``glorot`` is Glorot & Bengio (2010), uniform, the Keras default; ``he`` is He et al. (2015), uniform,
    with the gain of ReLU. Bad examples: ``zeros`` is the documents'; ``normal`` has a variance of 1, whatever
    the number of inputs.
    """
    if how == "zeros":
        nn.init.zeros_(weight)
    elif how == "he":
        nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)
    elif how == "normal":
        nn.init.normal_(weight, generator=generator)
    else:
        nn.init.xavier_uniform_(weight, generator=generator)


def linear(inputs: int, outputs: int, *, how: str, generator: torch.Generator) -> nn.Linear:
    """A dense layer with zero biases (the Keras default) and weights drawn from ``generator`` only."""
    layer = nn.Linear(inputs, outputs)  # its own first draw is overwritten
    initialise(layer.weight, how=how, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


class SkipBlock(nn.Module):
    """x + body(x), with an uninterrupted identity path (He et al. 2016, both papers)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """(B, width) -> (B, width), or any shape that ``body`` keeps."""
        out: Tensor = x + self.body(x)
        return out


class Steps(nn.Module):
    """A sample as a sequence: images (B, C, H, W) -> (B, H, C * W), signals (B, F) -> (B, F, 1).

    ``dim`` is where a sample's own dimensions start: 1, or 2 behind a replicate dimension.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Each row of an image becomes a step with the values of all channels."""
        if x.ndim == self.dim + 1:
            return x.unsqueeze(-1)
        return x.transpose(self.dim, self.dim + 1).flatten(self.dim + 1)


Cell = type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]


class Recurrent(nn.Module):
    """One layer of ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``; returns all states, or only the last one.

    PyTorch has two bias vectors where Keras' LSTM and SimpleRNN have one (its GRU has two).
    """

    def __init__(self, cell: Cell, sizes: tuple[int, int], *, last: bool) -> None:
        super().__init__()
        self.rnn: nn.LSTM | nn.GRU | nn.RNN = cell(*sizes, batch_first=True)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, inputs) -> (B, T, units), or (B, units) of the last step."""
        states: Tensor = self.rnn(x)[0]
        return states[:, -1] if self.last else states

    @torch.no_grad()
    def initialise(self, *, how: str, generator: torch.Generator) -> None:
        """Like Keras: kernel by ``how``, orthogonal recurrent kernel (Saxe et al. 2014), zero biases.

        The LSTM's forget gate, second of PyTorch's four, starts at 1 (Jozefowicz et al. 2015). The bad
        example ``zeros`` sets both kernels to zero.
        """
        parameters = dict(self.rnn.named_parameters())
        initialise(parameters["weight_ih_l0"], how=how, generator=generator)
        if how == "zeros":
            parameters["weight_hh_l0"].zero_()
        else:
            nn.init.orthogonal_(parameters["weight_hh_l0"], generator=generator)
        parameters["bias_ih_l0"].zero_()
        parameters["bias_hh_l0"].zero_()
        if isinstance(self.rnn, nn.LSTM):
            _, forget, _, _ = parameters["bias_ih_l0"].chunk(4)
            forget.fill_(1.0)
