"""What every peer does: one network, its initial weights, its samples, and the order of its batches.

The main process writes a work to a file; each peer reads it in a process of its own.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
CLASSES = 10
LEARNING_RATE, EPSILON = (
    1e-3,
    1e-7,
)  # of Adam, as in Keras; betas 0.9 and 0.999 are every peer's default


class NotMadeForThisError(Exception):
    """A peer cannot do a work."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One network and how long it is trained in each round."""

    name: str
    shape: tuple[int, ...]  # of one sample
    batch: int
    steps: int  # per round
    per_epoch: int  # steps
    model: str = "mlp"  # a registered one
    hidden: tuple[int, ...] = (128,)
    replicates: int = 10  # of those peers that train several at once

    @property
    def samples(self) -> int:
        """Training samples: a whole number of batches."""
        return self.batch * self.per_epoch


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A work with everything that its outcome depends on, for R replicates."""

    work: Work
    inputs: Floats  # (N, *shape)
    labels: Integers  # (N,)
    order: Integers  # (R, steps, batch): rows of the inputs
    weights: list[list[Floats]] = field(default_factory=list)  # per replicate, in PyTorch's layout

    def ordered(self) -> tuple[Floats, Integers]:
        """The samples of the first replicate's steps one after the other, for peers that keep an order."""
        rows = self.order[0].reshape(-1)
        return self.inputs[rows], self.labels[rows]


WORKS = (
    Work(name="784-128-10, batch 32", shape=(784,), batch=32, steps=200, per_epoch=100),
    Work(name="64-128-10, batch 32", shape=(64,), batch=32, steps=400, per_epoch=100),
    Work(name="40-100-10, batch 128", shape=(40,), hidden=(100,), batch=128, steps=300, per_epoch=25),
    Work(name="784-128-10, batch 128", shape=(784,), batch=128, steps=150, per_epoch=25),
    Work(
        name="CNN 1x28x28, batch 32", model="cnn", shape=(1, 28, 28), hidden=(64,), batch=32,
        steps=50, per_epoch=50,
    ),
    Work(name="GRU 28x28, batch 32", model="gru", shape=(1, 28, 28), batch=32, steps=50, per_epoch=50),
)  # fmt: skip
REGISTERED = (
    Work(name="mlp 784-128-10", shape=(784,), batch=32, steps=200, per_epoch=100),
    Work(name="cnn 1x28x28", model="cnn", shape=(1, 28, 28), hidden=(64,), batch=32, steps=50, per_epoch=50),
    Work(name="cnn 40", model="cnn", shape=(40,), hidden=(64,), batch=32, steps=100, per_epoch=100),
    Work(name="lstm 28x28", model="lstm", shape=(1, 28, 28), batch=32, steps=50, per_epoch=50),
    Work(name="lstm 40", model="lstm", shape=(40,), batch=32, steps=50, per_epoch=50),
    Work(name="gru 28x28", model="gru", shape=(1, 28, 28), batch=32, steps=50, per_epoch=50),
    Work(name="gru 40", model="gru", shape=(40,), batch=32, steps=50, per_epoch=50),
    *(
        Work(name=f"{model} 3x{side}x{side}", model=model, shape=(3, side, side), hidden=(), batch=8,
             steps=3, per_epoch=3, replicates=1)
        for model, side in {"resnet50": 64, "vgg16": 32, "alexnet": 63, "inception_v3": 75,
                            "mobilenet_v2": 64}.items()
    ),
)  # fmt: skip
"""Every registered model, for nnbench against plain PyTorch; the zoo's is trained alone, as in a run."""


def flops(work: Work) -> float:
    """Floating-point operations of one step's matrix products: forward, and both gradients.

    Nothing needs the gradient of the inputs, so the first layer has two products and each other one three.
    NaN where they are not counted: of other models, and of convolutions and recurrent layers on signals.
    """
    if work.model not in ("mlp", "cnn", "gru") or (work.model != "mlp" and len(work.shape) < 3):
        return math.nan
    return 2.0 * work.batch * sum((2 if first else 3) * n for n, first in _products(work))


def _products(work: Work) -> list[tuple[int, bool]]:
    """Multiplications per sample of each layer's product, and whether it is the first layer."""
    if work.model == "mlp":
        sizes = (*work.shape, *work.hidden, CLASSES)
        return [(a * b, i == 0) for i, (a, b) in enumerate(itertools.pairwise(sizes))]
    if work.model == "gru":
        units, (_, steps, values) = work.hidden[0], work.shape
        return [
            (steps * values * 3 * units, True),
            (steps * units * 3 * units, False),
            (units * CLASSES, False),
        ]
    side, hidden = work.shape[1], work.hidden[0]
    return [
        (side**2 * 9 * 16, True),
        ((side // 2) ** 2 * 9 * 16 * 32, False),
        ((side // 4) ** 2 * 32 * hidden, False),
        (hidden * CLASSES, False),
    ]


def write(problem: Problem, path: Path) -> None:
    """Save a problem's arrays; its work is known by its name."""
    named = {
        f"w{replicate}_{index}": weight
        for replicate, weights in enumerate(problem.weights)
        for index, weight in enumerate(weights)
    }
    np.savez(
        path,
        allow_pickle=False,
        inputs=problem.inputs,
        labels=problem.labels,
        order=problem.order,
        **named,
    )


def read(path: Path, work: Work) -> Problem:
    """The problem of ``write``."""
    with np.load(path) as saved:
        count = len(saved["order"])
        each = sum(name.startswith("w0_") for name in saved.files)
        return Problem(
            work=work,
            inputs=saved["inputs"],
            labels=saved["labels"],
            order=saved["order"],
            weights=[[saved[f"w{r}_{i}"] for i in range(each)] for r in range(count)],
        )


def named(name: str) -> Work:
    """The work of that name."""
    return next(work for work in (*WORKS, *REGISTERED) if work.name == name)


def drawn(work: Work) -> Problem:
    """Ten Gaussian clouds that overlap, nnbench's own initial weights and orders."""
    import torch

    from nnbench.engine.data import Order
    from nnbench.engine.seeding import generators

    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, work.samples)
    centres = 3.0 / math.sqrt(math.prod(work.shape)) * rng.standard_normal((CLASSES, *work.shape))
    inputs = rng.standard_normal((work.samples, *work.shape)) + centres[labels]
    seeds = range(work.replicates)
    rows = torch.arange(work.samples).expand(work.replicates, -1)
    order = Order(rows, work.batch, draws=generators(seeds, "order"))
    return Problem(
        work=work,
        inputs=inputs.astype(np.float32),
        labels=labels,
        order=torch.stack(list(order.batches(total=work.steps)), dim=1).numpy(),
        weights=[[p.detach().numpy() for p in network(work, seed).parameters()] for seed in seeds],
    )


def network(work: Work, seed: int):  # noqa: ANN201 - a torch.nn.Module; JAX's process has no torch
    """One replicate of a work's network: a plain PyTorch module."""
    import torch

    from nnbench.engine.seeding import generator
    from nnbench.models.base import ModelSpec
    from nnbench.registry import MODELS, load

    spec = ModelSpec(
        input_shape=work.shape,
        classes=CLASSES,
        hidden=work.hidden,
        activation=torch.nn.ReLU,
        dropout=0.0,
        init="glorot",
    )
    return load("model", work.model, MODELS)(spec, generator(seed, "init"))
