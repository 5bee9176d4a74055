"""Own parts that draw from the global generators give the same numbers each time, interrupted or not."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from one_cell import cell_of, folder, measured, plain

from nnbench.cells import fingerprint
from nnbench.cells.cell import Cell
from nnbench.engine.own_draws import SeededCheckpoint
from nnbench.experiments.measured import Measured

__all__ = ["folder"]
HEAD = """
import random
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.a, self.b = nn.Linear(i, 16), nn.Linear(16, o)
    def forward(self, x):
        return self.b(self.noisy(F.relu(self.a(x.flatten(1)))))

def build(spec, generator):
    return Net(spec.input_shape[0] * spec.input_shape[1] * spec.input_shape[2], spec.classes)
"""
NOISE: Mapping[str, str] = {
    "a functional dropout": "F.dropout(x, 0.5, training=self.training)",
    "torch's generator": "x + torch.randn(x.shape)",
    "NumPy's generator": "x * float(np.random.rand())",
    "Python's generator": "x * random.random()",
    "dropout inside a layer of torch": "nn.MultiheadAttention(16, 2, 0.5).train()(x, x, x)[0]",
}


@pytest.fixture(params=NOISE.values(), ids=NOISE)
def cell(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cell]:
    monkeypatch.syspath_prepend(tmp_path)
    noisy = f"\ndef noisy(self, x):\n    return {request.param}\nNet.noisy = noisy\n"
    (tmp_path / "own_noise.py").write_text(HEAD + noisy)
    fingerprint.forget()
    yield cell_of(model="own_noise:build", train_for="4 epochs", train_size=64, batch_size=16)
    sys.modules.pop("own_noise", None)
    fingerprint.forget()


def numbers(found: Measured) -> list[object]:
    return [plain(found)[name] for name in ("runs", "curves", "steps")]


def disturb() -> None:
    """As another process would find the generators."""
    random.seed()
    np.random.seed()
    torch.seed()


def test_it_trains_to_the_same_numbers_each_time(cell: Cell, folder: Path) -> None:
    found = []
    for _ in range(2):
        disturb()
        result = measured(cell, folder=folder, seeds=(0, 1), checkpoint=SeededCheckpoint())
        found.append(numbers(result))
    assert found[0] == found[1]


def test_and_goes_on_with_them_after_an_interruption(
    cell: Cell, folder: Path, tmp_path: Path
) -> None:
    whole = measured(cell, folder=folder, seeds=(0, 1), checkpoint=SeededCheckpoint())
    path = tmp_path / "checkpoint.pt"

    def stop(_stage: str, epoch: float, _most: float) -> None:
        if epoch >= 2:
            first.stop(3)

    first = SeededCheckpoint(path, progress=stop)
    with pytest.raises(SystemExit):
        measured(cell, folder=folder, seeds=(0, 1), checkpoint=first)
    disturb()
    second = SeededCheckpoint(path)
    rest = measured(cell, folder=folder, seeds=(0, 1), checkpoint=second)
    assert second.resumed
    assert numbers(rest) == numbers(whole)


def test_two_replicates_draw_other_numbers(cell: Cell, folder: Path) -> None:
    found = measured(cell, folder=folder, seeds=(0, 1), checkpoint=SeededCheckpoint())
    losses = [run.metrics["test_loss"] for run in found.runs.values()]
    assert losses[0] != losses[1]
