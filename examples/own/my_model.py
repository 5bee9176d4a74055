"""An own model: how near a flower is to each of some typical flowers, instead of straight lines.

A radial basis function network (Broomhead, Lowe 1988): each hidden unit has a centre c and a width w
and answers exp(-|x - c|² / 2w²); a linear layer makes scores of these answers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nnbench.models.base import ModelSpec, linear


class Bells(nn.Module):
    """(B, features) -> (B, units), each answer between 0 (far away) and 1 (at the centre)."""

    def __init__(self, features: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        # inputs are standardised: centres as far apart as the flowers are
        self.centres = nn.Parameter(torch.randn(units, features, generator=generator))
        self.log_width = nn.Parameter(torch.full((units,), 0.5 * math.log(features)))

    def forward(self, x: Tensor) -> Tensor:
        """Answer with the bell of each unit."""
        square = (x.unsqueeze(1) - self.centres).square().sum(-1)
        return torch.exp(-0.5 * square * torch.exp(-2.0 * self.log_width))


def build(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """(B, *input_shape) -> (B, classes), with ``hidden[0]`` bells."""
    features, units = math.prod(spec.input_shape), spec.hidden[0]
    scores = linear(units, spec.classes, how=spec.init, generator=generator)
    return nn.Sequential(nn.Flatten(), Bells(features, units, generator), scores)
