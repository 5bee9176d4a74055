"""PyTorch as its tutorials write it: a ``DataLoader`` over a dataset that transforms each sample."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import Normalize

from benchmarks.engine.clock import Clock
from benchmarks.engine.peers.plain import adam, final_loss, tensors
from benchmarks.engine.works import Problem, network


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


class Samples(Dataset):
    """One sample at a time, normalised; features are images of one row."""

    def __init__(self, problem: Problem) -> None:
        self.inputs, self.labels = tensors(problem)
        self.shape = problem.work.shape
        self.transform = Normalize((0.0,), (1.0,))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.inputs[index].view(1, -1, self.shape[-1])
        return self.transform(image).view(self.shape), self.labels[index]


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    assert replicates == 1
    rows = problem.order[0].reshape(-1).tolist()
    loader = DataLoader(Samples(problem), batch_size=problem.work.batch, sampler=rows)

    def once() -> list[float]:
        model = network(problem.work, 0)
        optimizer = adam(model)
        with clock:
            for inputs, labels in loader:
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), labels).backward()
                optimizer.step()
        return [final_loss(model, problem)]

    return once
