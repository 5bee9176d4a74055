"""Each replicate's scaling of its inputs, by statistics of its own training samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 2**17  # values that are summed at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Normaliser:
    """x -> (x - shift) * factor; both (S, 1, *shape), or broadcastable to it: one per replicate."""

    shift: Tensor
    factor: Tensor


def normaliser_of(
    inputs: Tensor, train: Tensor, *, how: str, dims: tuple[int, ...], device: torch.device
) -> Normaliser:
    """Each replicate's shift and factor, from float64 statistics of its own training samples."""
    pairs = [_statistics(inputs, rows, how=how, dims=dims) for rows in train]
    shift, scale = (torch.stack(parts).unsqueeze(1) for parts in zip(*pairs, strict=True))
    factor = torch.where(scale > 0, 1.0 / scale, 1.0)  # a constant feature is not scaled
    return Normaliser(shift=shift.float().to(device), factor=factor.float().to(device))


def _statistics(
    inputs: Tensor, rows: Tensor, *, how: str, dims: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Shift and scale, in float64, of the samples at ``rows``: of each feature, or one of all."""
    if how == "raw":
        zero = inputs.new_zeros((1,) * (inputs.ndim - 1), dtype=torch.float64)
        return zero, zero + 1.0

    def over(values: Callable[[Tensor], Tensor]) -> Tensor:
        """Values of each block of samples, one block after the other."""
        return torch.stack([values(block) for block in _blocks(inputs, rows)])

    if how == "minmax":
        low = over(lambda x: x.amin(dim=dims, keepdim=True)[0]).amin(dim=0).double()
        high = over(lambda x: x.amax(dim=dims, keepdim=True)[0]).amax(dim=0).double()
        return low, high - low

    def mean_of(values: Callable[[Tensor], Tensor]) -> Tensor:
        sums = over(lambda x: values(x).sum(dim=dims, keepdim=True, dtype=torch.float64)[0])
        return sums.sum(dim=0) / (len(rows) * inputs[0].numel() // sums[0].numel())

    mean = mean_of(lambda x: x)
    centre = mean.float()  # small residuals keep their precision, and a constant gives exactly 0
    square = mean_of(lambda x: x.sub_(centre).square_())
    return mean, (square - (mean - centre).square()).clamp_min(0.0).sqrt()


def _blocks(inputs: Tensor, rows: Tensor) -> Iterator[Tensor]:
    """Copies of the samples at ``rows``, as many at a time as stay in the core's cache."""
    for part in rows.split(max(1, BLOCK // inputs[0].numel())):
        yield inputs.index_select(0, part)
