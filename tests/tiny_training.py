"""Small problems, models and helpers for the tests of the run side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nnbench.engine.data import Bank, Normaliser, TrainingData
from nnbench.engine.optim import Parameters
from nnbench.engine.seeding import generators
from nnbench.engine.stacking import Replicates, StackedLinear
from nnbench.engine.train import Trained, build_replicates, train
from nnbench.models.base import ModelSpec, linear
from nnbench.settings import Settings

CLASSES = 3
CPU = torch.device("cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread, and the numerical flags that a cell sets are put back."""
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(mode)
        torch.utils.deterministic.fill_uninitialized_memory = fill


def settings_of(**values: object) -> Settings:
    """Three epochs of 50 samples in batches of 16: the last batch of a pass holds two."""
    base = {"hidden": [8], "batch_size": 16, "train_for": "3 epochs", "lr": 0.01}
    return Settings.model_validate_json(json.dumps({**base, **values}))


def tiny_data(
    seeds: Sequence[int], *, shape: tuple[int, ...] = (4,), size: int = 50, noise: float = 1.0
) -> TrainingData:
    """Three noisy blobs in one bank; each replicate trains on half and validates on a quarter."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(2 * size) % CLASSES
    centres = torch.randn(CLASSES, *shape, generator=draw)
    inputs = centres[labels] + noise * torch.randn(2 * size, *shape, generator=draw)
    one = torch.ones(len(seeds), 1, *[1] * len(shape))
    rows = [torch.randperm(2 * size, generator=torch.Generator().manual_seed(s)) for s in seeds]
    return TrainingData(
        bank=Bank(inputs=inputs, labels=labels, normaliser=Normaliser(shift=0 * one, factor=one)),
        train=torch.stack([row[:size] for row in rows]),
        validation=torch.stack([row[size : size + size // 2] for row in rows]),
        outputs=CLASSES,
    )


def built(settings: Settings, seeds: Sequence[int], data: TrainingData) -> Replicates:
    """The replicates of a cell on tiny data."""
    shape = tuple(data.bank.inputs.shape[1:])
    return build_replicates(
        settings, input_shape=shape, classes=data.outputs, seeds=seeds, device=CPU
    )


def trained_on(data: TrainingData, settings: Settings, seeds: Sequence[int]) -> Trained:
    """Train a cell's replicates on tiny data."""
    return train(data, built(settings, seeds, data), settings, seeds=seeds)


def weights_of(model: Replicates, replicate: int) -> list[Tensor]:
    """One replicate's parameters in the shapes of the plain modules."""
    return [value for value, _ in _views(model, replicate)]


def final(trained: Trained, row: int) -> list[Tensor]:
    """Copies of one replicate's weights after training."""
    return [w.clone() for w in weights_of(trained.model, row)]


def gradients_of(model: Replicates, replicate: int) -> list[Tensor]:
    """One replicate's gradients in the shapes of the plain modules."""
    return [gradient for _, gradient in _views(model, replicate)]


def _views(model: Replicates, replicate: int) -> list[tuple[Tensor, Tensor]]:
    if not model.stacked:
        own = list(model.body.children())[replicate]
        return [(p.detach(), _gradient(p)) for p in own.parameters()]
    views = []
    for module in model.body.modules():
        if isinstance(module, StackedLinear):
            weight, bias = module.weight, module.bias
            views.append((weight.detach()[replicate].T, _gradient(weight)[replicate].T))
            if bias is not None:
                views.append((bias.detach()[replicate, 0], _gradient(bias)[replicate, 0]))
    return views


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.full_like(parameter, torch.nan) if parameter.grad is None else parameter.grad


def stacked_of(modules: Sequence[nn.Module], seeds: Sequence[int]) -> Replicates:
    """Replicates whose dropout masks come from each seed's own generator."""
    return Replicates(modules, generators(seeds, "dropout"))


class Skip(nn.Module):
    """A network with a skip connection and dropout: it has no stacked form."""

    def __init__(self, spec: ModelSpec, generator: torch.Generator) -> None:
        super().__init__()
        width = spec.hidden[0] if spec.hidden else 6
        inputs = int(torch.Size(spec.input_shape).numel())
        self.flatten = nn.Flatten()
        self.first = linear(inputs, width, how=spec.init, generator=generator)
        self.inner = linear(width, width, how=spec.init, generator=generator)
        self.norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(spec.dropout)
        self.last = linear(width, spec.classes, how=spec.init, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(torch.relu(self.first(self.flatten(x))))
        return self.last(hidden + self.dropout(torch.relu(self.inner(hidden))))


def skip(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """A user's own builder, named ``tiny_training:skip`` in a config."""
    return Skip(spec, generator)


class SignDescent(torch.optim.Optimizer):
    """A user's own optimiser: one step of the learning rate against each gradient's sign."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(list(parameters), {"lr": 123.0})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.sub_(group["lr"] * parameter.grad.sign())


def sign_descent(parameters: Parameters, settings: Settings) -> torch.optim.Optimizer:
    """A user's own optimiser, named ``tiny_training:sign_descent`` in a config."""
    return SignDescent(parameters)


sign_descent.elementwise = True  # type: ignore[attr-defined]


def numbers(seeds: Sequence[int], *, size: int = 60) -> TrainingData:
    """Regression: a noisy curve of the first input, in deviations of each replicate's own samples."""
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(2 * size, 2, generator=draw)
    raw = inputs[:, 0].tanh() * 3.0 + 0.3 * torch.randn(2 * size, generator=draw) + 7.0
    rows = [torch.randperm(2 * size, generator=torch.Generator().manual_seed(s)) for s in seeds]
    train = torch.stack([row[:size] for row in rows])
    seen = raw[train]
    labels = (raw - seen.mean(dim=1, keepdim=True)) / seen.std(dim=1, correction=0, keepdim=True)
    one = torch.ones(len(seeds), 1, 1)
    return TrainingData(
        bank=Bank(inputs=inputs, labels=labels, normaliser=Normaliser(shift=0 * one, factor=one)),
        train=train,
        validation=torch.stack([row[size:] for row in rows]),
        outputs=1,
        task="regression",
    )
