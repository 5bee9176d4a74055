"""Layers for the builders; each is a plain ``nn.Module`` for one replicate."""

import torch
from torch import Tensor, nn

from nnbench.models.base import initialise


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


class Recurrent(nn.Module):
    """One layer of ``nn.LSTM`` or ``nn.GRU``; returns all states, or only the last one.

    PyTorch has two bias vectors where Keras' LSTM has one (its GRU has two).
    """

    def __init__(self, cell: type[nn.LSTM | nn.GRU], sizes: tuple[int, int], *, last: bool) -> None:
        super().__init__()
        self.rnn: nn.LSTM | nn.GRU = cell(*sizes, batch_first=True)
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
