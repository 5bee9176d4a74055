"""Further measurements of a network, for each replicate separately.

They train nothing, draw no dropout masks, and leave running statistics unchanged.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from nnbench.engine.data import TrainingData
from nnbench.engine.objectives import Objective
from nnbench.engine.seeding import generators, shuffled
from nnbench.engine.stacked_layers import SeededDropout
from nnbench.engine.stacking import Replicates
from nnbench.registry import ACTIVATIONS, load
from nnbench.settings import Settings

Seen = TypeVar("Seen")
GRADIENT_SAMPLES = 1_024  # of one replicate, for one gradient
PROBE_BATCH = 256  # at a time: the activations of 1,024 samples may not fit in memory
INACTIVE = 0.99  # of the samples: where a unit without output for these is inactive "for most"
SMALLEST = torch.finfo(torch.float32).tiny  # smaller ratios count as this: its logarithm is finite


@contextmanager
def _as_in_training(model: Replicates) -> Iterator[None]:
    """Batch normalisation by batch statistics, as in a training step, but no dropout; undone afterwards."""
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    model.train()
    for module in model.modules():
        if isinstance(module, SeededDropout):
            module.eval()
    if model.own_draws:
        model.own_draws.begin_aside()
    try:
        yield
    finally:
        for buffer, before in buffers:
            buffer.copy_(before)


def _gradients(
    model: Replicates, data: TrainingData, objective: Objective, index: Tensor, of: Sequence[Tensor]
) -> list[Tensor]:
    """Gradients of each replicate's loss on the samples at ``index`` (S, B)."""
    inputs, targets = data.bank.gather(index)
    losses = objective.losses(model(inputs), targets)
    return list(torch.autograd.grad(losses.sum(), of, materialize_grads=True))


class GradientRatios:
    """RMS gradient of the first weight matrix over that of the last, (S,), at several points in training.

    The root mean square over a matrix's weights does not depend on their number, so layers of different sizes
    are comparable. Below 1, gradients vanish on the way back (Glorot & Bengio 2010).
    """

    def __init__(
        self, model: Replicates, data: TrainingData, objective: Objective, *, seeds: Sequence[int]
    ) -> None:
        self.model, self.data, self.objective = model, data, objective
        rows = shuffled(data.train, generators(seeds, "order"))[:, :GRADIENT_SAMPLES]
        # batch normalisation cannot handle a last batch of one sample
        self.rows = rows[:, :-1] if rows.shape[1] % PROBE_BATCH == 1 < rows.shape[1] else rows
        self.logs: list[Tensor] = []
        self.start = self._ratios()

    def look(self, running: Tensor) -> None:
        """Measure the replicates in ``running``, a mask (S,) on the CPU."""
        self.logs.append(torch.where(running, self._ratios().log(), torch.nan))

    def mean(self) -> Tensor:
        """Geometric mean (S,) over the measurements with a finite ratio."""
        logs = torch.stack(self.logs)
        return torch.where(logs.isfinite(), logs, torch.nan).nanmean(dim=0).exp()

    def _ratios(self) -> Tensor:
        """Float64 on the CPU; NaN with fewer than two weight matrices, or if both gradients are zero."""
        kernels = self.model.kernels()
        each = len(kernels) // (1 if self.model.stacked else self.model.count)
        if each < 2:
            return torch.full((self.model.count,), torch.nan, dtype=torch.float64)
        ends = [k for i, k in enumerate(kernels) if i % each in (0, each - 1)]
        total = [torch.zeros_like(kernel) for kernel in ends]
        with _as_in_training(self.model):
            for index in self.rows.split(PROBE_BATCH, dim=1):
                found = _gradients(self.model, self.data, self.objective, index=index, of=ends)
                torch._foreach_add_(total, found, alpha=index.shape[1])
        squares = [g.flatten(1).cpu().double().square() for g in _by_layer(self.model, total)]
        first, last = (values.mean(dim=1).sqrt() for values in squares)
        return torch.where(first + last > 0, (first / last).clamp_min(SMALLEST), torch.nan)


def gradient_noise(
    model: Replicates, data: TrainingData, objective: Objective, settings: Settings,
    *, seeds: Sequence[int],
) -> Tensor:  # fmt: skip
    """Trace of the covariance of mini-batch gradients over the squared norm of their mean, (S,).

    McCandlish et al. (2018), their "simple noise scale" divided by the batch size. One pass over the training
    samples in batches of the cell's size, dropping a smaller last one: the mean gradient is then that of the
    training set itself, so the variance is the only estimate, and unbiased. NaN with fewer than two batches.
    Excludes penalties, augmentation and dropout.
    """
    rows = shuffled(data.train, generators(seeds, "order"))
    count = rows.shape[1] // settings.batch_size
    if count < 2:
        return torch.full((model.count,), torch.nan, dtype=torch.float64)
    parameters = [p for p in model.parameters() if p.requires_grad]
    total = [torch.zeros_like(p) for p in parameters]
    squares = torch.zeros(model.count, dtype=torch.float64)
    with _as_in_training(model):
        for index in rows.split(settings.batch_size, dim=1)[:count]:
            found = _gradients(model, data, objective, index=index, of=parameters)
            torch._foreach_add_(total, found)
            squares += _squared_norms(model, found)
    mean = _squared_norms(model, total) / count**2
    return (squares - count * mean) / (count - 1) / mean


def gradient_norms(model: Replicates, data: TrainingData, objective: Objective) -> Tensor:
    """Norm (S,) of the gradient of each replicate's mean loss on its training samples."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    total = [torch.zeros_like(p) for p in parameters]
    with _as_in_training(model):
        for index in data.train.split(PROBE_BATCH, dim=1):
            found = _gradients(model, data, objective, index=index, of=parameters)
            torch._foreach_add_(total, found, alpha=index.shape[1])
    return _squared_norms(model, total).sqrt() / data.train.shape[1]


def first_dense(model: Replicates) -> list[nn.Parameter] | None:
    """The weights of the first layer, of all replicates or one each; None if it is not dense."""
    kernels = model.kernels()
    first = kernels[:1] if model.stacked else kernels[:: len(kernels) // model.count]
    return first if first[0].ndim == 2 + model.stacked else None


def by_input(model: Replicates, first: Sequence[Tensor]) -> Tensor:
    """What belongs to the weights of ``first_dense``, by input (S, inputs, units)."""
    return first[0] if model.stacked else torch.stack([each.T for each in first])


def largest_input(model: Replicates, data: TrainingData, objective: Objective) -> Tensor:
    """Share (S,) of the squared gradient of the first layer's weights that lies at the input with the largest values.

    That is the one with the largest mean square before scaling; where no input stands out, the share is one by the
    number of inputs. The gradient is that of the mean loss on all training samples. NaN where the first layer is
    not dense.
    """
    first = first_dense(model)
    if first is None:
        return torch.full((model.count,), torch.nan, dtype=torch.float64)
    total, squares = [torch.zeros_like(kernel) for kernel in first], torch.zeros(())
    with _as_in_training(model):
        for index in data.train.split(PROBE_BATCH, dim=1):
            found = _gradients(model, data, objective, index=index, of=first)
            torch._foreach_add_(total, found, alpha=index.shape[1])
            values = data.bank.gather_raw(index)[0].flatten(2)
            squares = squares + values.double().square().sum(dim=1).cpu()
    shares = by_input(model, total).cpu().double().square().sum(dim=2)
    largest = squares.argmax(dim=1, keepdim=True)
    return shares.gather(1, largest).squeeze(1) / shares.sum(dim=1)


def _squared_norms(model: Replicates, gradients: list[Tensor]) -> Tensor:
    """Squared norm of each replicate's whole gradient, (S,) in float64 on the CPU."""
    if model.stacked:
        parts = [g.flatten(1).square().sum(dim=1) for g in gradients]
        return torch.stack(parts).cpu().double().sum(dim=0)
    each = torch.stack([g.square().sum() for g in gradients]).cpu().double()
    return each.view(model.count, -1).sum(dim=1)


@torch.no_grad()
def dead_units(model: Replicates, data: TrainingData, settings: Settings) -> Tensor:
    """Share of the hidden units (S,) whose output is the same for all training samples.

    A unit is one output of an activation module; in a convolution it is a channel, dead if all its positions
    are. A leaky ReLU unit still responds when negative, so it is alive. NaN for models whose activations are
    not modules.
    """
    model.eval()
    low: list[Tensor] = []  # of each layer, (S, units, ...)
    high: list[Tensor] = []
    with _activations(model, settings, _range) as seen:
        for index in data.train.split(PROBE_BATCH, dim=1):
            seen.clear()
            model(data.bank.gather(index)[0])
            lows, highs = (_by_layer(model, [r[end] for r in seen]) for end in (0, 1))
            low = [a.minimum(b) for a, b in zip(low or lows, lows, strict=True)]
            high = [a.maximum(b) for a, b in zip(high or highs, highs, strict=True)]
    dead = [(a == b).unsqueeze(2).flatten(2).all(dim=2) for a, b in zip(low, high, strict=True)]
    if not dead:
        return torch.full((model.count,), torch.nan, dtype=torch.float64)
    return torch.cat(dead, dim=1).cpu().double().mean(dim=1)


@torch.no_grad()
def inactive_units(model: Replicates, data: TrainingData, settings: Settings) -> Tensor:
    """Share of the hidden units (S,) whose output is not above 0 for 99 % of the training samples or more.

    So a leaky ReLU unit is inactive where a ReLU would give 0. A channel of a convolution counts over all of its
    positions. NaN for models whose activations are not modules.
    """
    model.eval()
    active: list[Tensor] = []  # of each layer, (S, units): the sum over samples
    with _activations(model, settings, _active) as seen:
        for index in data.train.split(PROBE_BATCH, dim=1):
            seen.clear()
            model(data.bank.gather(index)[0])
            found = [a.unsqueeze(2).flatten(2).mean(dim=2) for a in _by_layer(model, seen)]
            active = [a + b for a, b in zip(active, found, strict=True)] if active else found
    if not active:
        return torch.full((model.count,), torch.nan, dtype=torch.float64)
    most = (1.0 - INACTIVE) * data.train.shape[1]
    return (torch.cat(active, dim=1) <= most).cpu().double().mean(dim=1)


def _range(out: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Lowest and highest output over the batch."""
    return out.amin(dim=batch), out.amax(dim=batch)


def _active(out: Tensor, batch: int) -> Tensor:
    """For how many samples of the batch each output is above 0."""
    return (out > 0).sum(dim=batch).float()


def loss_rises(losses: Sequence[Sequence[float]]) -> Tensor:
    """Share (S,) of the readings of a training loss (readings, S) that are above the reading before.

    0 of a loss that falls all the time, half of one that goes up and down at random. NaN where no two readings
    follow one another, as in a run that stopped at once.
    """
    steps = torch.tensor(losses, dtype=torch.float64).diff(dim=0)
    return (steps > 0).sum(dim=0) / (~steps.isnan()).sum(dim=0)


@contextmanager
def _activations(
    model: Replicates, settings: Settings, look: Callable[[Tensor, int], Seen]
) -> Iterator[list[Seen]]:
    """What ``look`` sees in the outputs of every activation module over the batch, in call order."""
    makers = [load("activation", name, ACTIVATIONS) for name in (*ACTIVATIONS, settings.activation)]
    # torchvision's networks have ReLU6
    kinds: tuple[type[nn.Module], ...] = (nn.ReLU6, *(type(make()) for make in makers))
    seen: list[Seen] = []
    batch = 1 if model.stacked else 0

    def note(_module: nn.Module, _inputs: object, out: Tensor) -> None:
        seen.append(look(out, batch))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, kinds)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _by_layer(model: Replicates, outputs: list[Tensor]) -> list[Tensor]:  # (S, ...) per layer
    if model.stacked:
        return outputs
    each = len(outputs) // model.count  # replicates run one after another
    return [torch.stack(outputs[layer::each]) for layer in range(each)]
