"""Monitors without labels: how many images a drift takes to be noticed in what a network answers.

Each window of images is compared with the validation samples by two-sample Kolmogorov-Smirnov tests of the
network's answers, the method that found most shifts in Rabanser, Günnemann & Lipton (2019, "Failing Loudly"): one
test for each class's output (``outputs``; Bonferroni's correction over the classes), or one for the class that the
network decides for (``confidence``).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from nnbench.engine.data import HeldOut, TrainingData
from nnbench.engine.objectives import Objective
from nnbench.engine.scores import Shifted, outputs_of
from nnbench.engine.seeding import generators, shuffled
from nnbench.engine.stacking import Replicates
from nnbench.sections import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """When each replicate's monitor raised the alarm."""

    images: Tensor  # (S,) float64 on the CPU: up to the alarm, or in the whole stream without one
    shares: tuple[float, ...]  # of the change that had come by then


@torch.no_grad()
def alarms(
    model: Replicates, data: TrainingData, test: HeldOut, stream: Stream, objective: Objective,
    *, seeds: Sequence[int],
) -> Alarms:  # fmt: skip
    """Watch the stream until every replicate's monitor has raised the alarm, or it ends; labels are not read."""
    model.eval()
    reference = answers(outputs_of(model, data.bank, data.validation)[0], stream)
    features, count = reference.shape[1:]
    limit = critical_distance(count, stream.window, level=stream.level / features)
    images = torch.full((len(seeds),), float(stream.length), dtype=torch.float64)
    shares = torch.full_like(images, share_after(stream.length, stream))
    waiting = torch.ones(len(seeds), dtype=torch.bool)
    order, draws = generators(seeds, "stream"), generators(seeds, "shift")
    rows = islice(windows(test.test, stream.window, order), stream.length // stream.window)
    for number, index in enumerate(rows, start=1):
        share = share_after(number * stream.window, stream)
        window = Shifted(
            bank=test.bank, shift=stream.to, generators=draws, model=model, objective=objective,
            shares=[share] * len(seeds),
        )  # fmt: skip
        seen = answers(outputs_of(model, window, index)[0], stream)
        raised = waiting & (distances(reference, seen) > limit).any(dim=1)
        images[raised], shares[raised] = float(number * stream.window), share
        waiting &= ~raised
        if not waiting.any():
            break
    return Alarms(images=images, shares=tuple(shares.tolist()))


def share_after(images: int, stream: Stream) -> float:
    """The share of the change in the window that ends with so many images."""
    return min(1.0, images / stream.over) if stream.over else 1.0


def windows(rows: Tensor, size: int, draws: Sequence[torch.Generator]) -> Iterator[Tensor]:
    """Rows (S, size) without end: passes over the samples, each in a new order, without the rest of a pass.

    No sample comes twice within a window, so that each window by itself is a random sample of the population.
    """
    whole = rows.shape[1] // size * size
    while True:
        yield from shuffled(rows, draws)[:, :whole].split(size, dim=1)


def answers(outputs: Tensor, stream: Stream) -> Tensor:
    """What is compared of outputs (S, B, C), sorted: (S, C, B), or (S, 1, B) for ``confidence``.

    Log odds instead of probabilities: their order is the same, but none is rounded to 1, where a network is sure.
    """
    top, which = outputs.max(dim=2, keepdim=True)
    others = outputs.scatter(2, which, -torch.inf).logsumexp(dim=2, keepdim=True)
    odds = top - others
    if stream.monitor == "outputs":
        logs = outputs.log_softmax(dim=2)
        odds = (logs - torch.log1p(-logs.exp())).scatter(2, which, odds)
    return odds.mT.contiguous().sort(dim=2).values


def distances(a: Tensor, b: Tensor) -> Tensor:
    """Kolmogorov-Smirnov distances (S, F) of sorted samples (S, F, n) and (S, F, m)."""
    at = torch.cat((a, b), dim=2)
    below = [torch.searchsorted(x, at, right=True).cpu().double() / x.shape[2] for x in (a, b)]
    return (below[0] - below[1]).abs().amax(dim=2)


def critical_distance(n: int, m: int, *, level: float) -> float:
    """The distance that two samples of one distribution exceed with at most this probability.

    From the first term of Kolmogorov's limiting distribution, 2 exp(-2 d² n m / (n + m)): the others are negligible at
    levels up to 0.1, and finite samples exceed it less often.
    """
    return math.sqrt(math.log(2.0 / level) / 2.0 * (n + m) / (n * m))
