"""PyTorch: the eager loop of its tutorials, over a ``DataLoader`` or over slices of tensors.

A ``DataLoader`` fetches and stacks single samples; where all data are in one tensor, slices of it give the
same batches without that work. Both styles are common, and they differ by more than frameworks do, so both
can be measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from nnbench.engine.device import synchronise
from nnbench.experiments.frameworks.problem import ADAM_EPSILON, Outcome, Problem, layers_of

Batches = Iterable[tuple[Tensor, Tensor]]


def train(problem: Problem) -> Outcome:
    """Train over a ``DataLoader`` without worker processes (its default)."""
    data = TensorDataset(torch.from_numpy(problem.inputs), torch.from_numpy(problem.labels))
    loader = DataLoader(data, batch_size=problem.batch_size)
    return _trained(problem, lambda: loader)


def train_on_slices(problem: Problem) -> Outcome:
    """Train over slices of tensors on the device."""
    inputs = torch.from_numpy(problem.inputs).to(problem.device)
    labels = torch.from_numpy(problem.labels).to(problem.device)

    def batches() -> Batches:
        for start in range(0, len(labels), problem.batch_size):
            rows = slice(start, start + problem.batch_size)
            yield inputs[rows], labels[rows]

    return _trained(problem, batches)


def _trained(problem: Problem, batches: Callable[[], Batches]) -> Outcome:
    torch.set_num_threads(problem.threads)
    device = torch.device(problem.device)
    model = _network(problem).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=problem.learning_rate, eps=ADAM_EPSILON)
    criterion = nn.CrossEntropyLoss()
    seconds, losses = [], []
    for _ in range(problem.epochs):
        synchronise(device)
        started = time.perf_counter()
        total = torch.zeros((), device=device)
        for batch_inputs, batch_labels in batches():
            inputs, labels = batch_inputs.to(device), batch_labels.to(device)
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(labels)
        losses.append(total.item() / len(problem.labels))  # waits for the device
        seconds.append(time.perf_counter() - started)
    return Outcome(
        epoch_seconds=tuple(seconds),
        train_loss=tuple(losses),
        test_accuracy=_accuracy(model, problem),
        versions={"torch": torch.__version__},
    )


def _network(problem: Problem) -> nn.Module:
    layers: list[nn.Module] = []
    for kernel, bias in layers_of(problem):
        layers += [_dense(torch.from_numpy(kernel), torch.from_numpy(bias)), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _dense(kernel: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(*kernel.shape)
    with torch.no_grad():
        layer.weight.copy_(kernel.T)
        layer.bias.copy_(bias)
    return layer


@torch.no_grad()
def _accuracy(model: nn.Module, problem: Problem) -> float:
    logits = model(torch.from_numpy(problem.test_inputs).to(problem.device))
    found = logits.argmax(dim=1).cpu()
    return float((found.numpy() == problem.test_labels).mean())
