"""nnbench through ``train``, as a job calls it."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import torch
from torch import nn

from benchmarks.engine.clock import Clock
from benchmarks.engine.peers.plain import tensors
from benchmarks.engine.works import CLASSES, EPSILON, Problem
from nnbench.engine.data import Bank, Normaliser, TrainingData
from nnbench.engine.train import build_replicates, train
from nnbench.settings import Settings


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    assert EPSILON == 1e-7, "nnbench has Keras' epsilon"
    work, seeds = problem.work, tuple(range(replicates))
    settings = Settings(
        model=work.model,
        hidden=work.hidden,
        batch_size=work.batch,
        train_for=f"{work.steps} steps",
        evaluations=1,
        checkpoint="last",
    )
    data = _data(problem, replicates)

    def once() -> list[float]:
        model = build_replicates(
            settings,
            input_shape=work.shape,
            classes=CLASSES,
            seeds=seeds,
            device=torch.device("cpu"),
        )
        with patch("time.perf_counter", clock.now):  # what train reads its own time from
            clock.seconds = train(data, model, settings, seeds=seeds).train_seconds
        return _losses(model, problem)

    return once


def _data(problem: Problem, replicates: int) -> TrainingData:
    inputs, labels = tensors(problem)
    shape = (replicates, 1, *[1] * len(problem.work.shape))
    rows = torch.arange(len(labels)).expand(replicates, -1)
    plain = Normaliser(shift=torch.zeros(shape), factor=torch.ones(shape))
    bank = Bank(inputs=inputs, labels=labels, normaliser=plain)
    return TrainingData(bank=bank, train=rows, validation=rows[:, :1], outputs=CLASSES)


@torch.no_grad()
def _losses(model: nn.Module, problem: Problem) -> list[float]:
    inputs, labels = tensors(problem)
    model.train()
    count = model.count
    logits = model(inputs.expand(count, *inputs.shape))
    return [nn.functional.cross_entropy(own, labels).item() for own in logits]
