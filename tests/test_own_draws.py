"""Own parts that draw from the global generators give the same numbers each time, interrupted or not."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_cell import cell_of, folder, measured, plain

from nnbench.cells import fingerprint
from nnbench.cells.cell import Cell
from nnbench.datasets.base import Arrays
from nnbench.datasets.coin_flip import DATASET as COIN_FLIP
from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.sampling import sample
from nnbench.errors import NnbenchError
from nnbench.experiments.measured import Measured
from nnbench.experiments.training import repeats
from nnbench.settings import Settings

__all__ = ["folder"]
HEAD = """
import os
import random
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

class Net(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.g, self.rng = torch.Generator().manual_seed(1), np.random.default_rng(0)
        self.py = random.Random(2)
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
    "a generator of torch that the network holds": "x + torch.randn(x.shape, generator=self.g)",
    "one of NumPy": "x * float(self.rng.random())",
    "one of Python": "x * self.py.random()",
    "a dropout of another kind": "nn.AlphaDropout(0.5).train(self.training)(x)",
}
ESCAPES: Mapping[str, str] = {
    "a generator of NumPy without a seed": "x * float(np.random.default_rng().random())",
    "a generator of Python without a seed": "x * random.Random().random()",
    "a generator of torch seeded by the system": "x * (lambda g: (g.seed(), torch.rand(1, generator=g))[1])(torch.Generator())",
    "the system's own draws": "x * (1 + os.urandom(1)[0] / 256)",
    "a generator of the whole module": "x * (1 + float(ALL.random()))",
    "a state of the whole module": "x * (COUNT.append(1) or len(COUNT))",
}
STEP = """
import torch

class Langevin(torch.optim.SGD):
    def step(self):
        super().step()
        for group in self.param_groups:
            for p in group["params"]:
                p.data.add_(0.01 * torch.randn_like(p))

class Elementwise(Langevin):
    elementwise = True
"""


FEW: Mapping[str, Any] = {"train_for": "4 epochs", "train_size": 64, "batch_size": 16}
escaping = pytest.mark.parametrize("cell", ESCAPES.values(), ids=ESCAPES, indirect=True)
quiet = pytest.mark.parametrize("cell", ["x"], indirect=True)


@pytest.fixture(params=NOISE.values(), ids=NOISE)
def cell(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cell]:
    monkeypatch.syspath_prepend(tmp_path)
    noisy = f"\ndef noisy(self, x):\n    return {request.param}\nNet.noisy = noisy\n"
    head = f"{HEAD}\nALL = np.random.default_rng(0)\nCOUNT = []\n"
    (tmp_path / "own_noise.py").write_text(head + noisy)
    (tmp_path / "own_step.py").write_text(STEP)
    fingerprint.forget()
    yield cell_of(model="own_noise:build", **FEW)
    for name in ("own_noise", "own_step"):
        sys.modules.pop(name, None)
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
        result = measured(cell, folder=folder, seeds=(0, 1))
        found.append(numbers(result))
    assert found[0] == found[1]


def test_and_goes_on_with_them_after_an_interruption(
    cell: Cell, folder: Path, tmp_path: Path
) -> None:
    whole = measured(cell, folder=folder, seeds=(0, 1))
    path = tmp_path / "checkpoint.pt"

    def stop(_stage: str, epoch: float, _most: float) -> None:
        if epoch >= 2:
            first.stop(3)

    first = Checkpoint(path, progress=stop)
    with pytest.raises(SystemExit):
        measured(cell, folder=folder, seeds=(0, 1), checkpoint=first)
    disturb()
    second = Checkpoint(path)
    rest = measured(cell, folder=folder, seeds=(0, 1), checkpoint=second)
    assert second.resumed
    assert numbers(rest) == numbers(whole)


def test_two_replicates_draw_other_numbers(cell: Cell, folder: Path) -> None:
    found = measured(cell, folder=folder, seeds=(0, 1))
    losses = [run.metrics["test_loss"] for run in found.runs.values()]
    assert losses[0] != losses[1]


def losses_of(found: Measured) -> list[float | None]:
    return [run.metrics["test_loss"] for run in found.runs.values()]


def test_a_replicate_draws_the_same_whatever_others_are_beside_it(cell: Cell, folder: Path) -> None:
    together = losses_of(measured(cell, folder=folder, seeds=(0, 1, 2)))
    alone = [losses_of(measured(cell, folder=folder, seeds=(seed,)))[0] for seed in (0, 1, 2)]
    assert together == pytest.approx(alone, rel=1e-6)  # sums over fewer replicates round otherwise


def test_draws_that_a_seed_decides_are_reproducible(cell: Cell, folder: Path) -> None:
    assert measured(cell, folder=folder, seeds=(0,)).not_reproducible is None


@escaping
def test_draws_that_no_seed_decides_are_found(cell: Cell, folder: Path) -> None:
    found = measured(cell, folder=folder, seeds=(0,)).not_reproducible
    assert found is not None
    assert "run twice from the same beginning" in found


def stepped(name: str, folder: Path, seeds: tuple[int, ...] = (0, 1)) -> Measured:
    wanted = cell_of(model="own_noise:build", optimizer=f"own_step:{name}", lr=0.01, **FEW)
    return measured(wanted, folder=folder, seeds=seeds)


@quiet
def test_an_optimizer_draws_for_each_replicate_by_itself(cell: Cell, folder: Path) -> None:
    together, alone = (stepped("Langevin", folder, seeds) for seeds in ((0, 1), (1,)))
    assert losses_of(together)[1] == pytest.approx(losses_of(alone)[0], rel=1e-6)
    assert together.not_reproducible is None


@quiet
def test_one_that_draws_and_says_it_is_elementwise_is_found(cell: Cell, folder: Path) -> None:
    assert "says it is elementwise" in (stepped("Elementwise", folder).not_reproducible or "")


@pytest.mark.parametrize("cell", ["F.dropout(x, 0.5, training=True)"], indirect=True)
def test_how_often_it_is_looked_at_changes_no_training(cell: Cell, folder: Path) -> None:
    """Draws in an evaluation are none of the training's."""
    often, once = (
        cell_of(model="own_noise:build", evaluations=n, checkpoint="last", **FEW) for n in (4, 1)
    )
    found = [losses_of(measured(each, folder=folder, seeds=(0, 1))) for each in (often, once)]
    assert found[0] == found[1]


def test_a_training_without_own_parts_is_not_stepped_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "drawn", None)
    assert measured(cell_of(), folder=folder, seeds=(0,)).not_reproducible is None


def test_own_data_may_draw_from_the_global_generators() -> None:
    def draw(n: int, *, seed: int, stream: str) -> Arrays:
        inputs = np.array([[random.random()] for _ in range(n)], np.float32)  # noqa: S311
        return Arrays(inputs=inputs, labels=np.arange(n) % 2)

    dataset = replace(COIN_FLIP, input_shape=(1,), draw=draw)
    sets = []
    for stream in ("train", "train", "test"):
        disturb()
        sets.append(sample(dataset, Settings(), 5, seed=3, stream=stream).inputs)
    assert np.array_equal(sets[0], sets[1])
    assert not np.array_equal(sets[0], sets[2])


FAULTS: Mapping[str, Any] = {
    "not finite": lambda n: Arrays(
        inputs=np.full((n, 1), np.nan, np.float32), labels=np.arange(n) % 2
    ),
    "labels out of range": lambda n: Arrays(
        inputs=np.ones((n, 1), np.float32), labels=np.arange(n)
    ),
    "wrong input shape": lambda n: Arrays(
        inputs=np.ones((n, 2), np.float32), labels=np.arange(n) % 2
    ),
    "another number than asked": lambda n: Arrays(
        inputs=np.ones((n + 1, 1), np.float32), labels=np.arange(n + 1) % 2
    ),
}


@pytest.mark.parametrize("words", FAULTS)
def test_what_own_data_draw_for_each_seed_is_checked(words: str) -> None:
    """The preparation sees the first draw alone."""
    dataset = replace(COIN_FLIP, input_shape=(1,), draw=lambda n, **_: FAULTS[words](n))
    with pytest.raises(NnbenchError, match=rf"validation samples of seed 4\W.*{words}"):
        sample(dataset, Settings(), 5, seed=4, stream="validation")
