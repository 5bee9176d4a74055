"""Trainings of the same network before the judged one, as Keras' models that are compiled and fitted again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from one_cell import SEEDS, cell_of, folder, measured, plain
from torch import Tensor

from nnbench.engine.pretraining import earlier_seeds, settings_before
from nnbench.engine.train import train
from nnbench.errors import NnbenchError
from nnbench.experiments.training.fit import Job, Timer, drawn, fit
from nnbench.registry import DATASETS, load
from nnbench.schema import parse
from nnbench.settings import Settings

__all__ = ["folder"]  # a fixture

BEFORE = [
    {"lr": 0.01, "train_for": "2 epochs"},
    {"optimizer": "sgd", "lr": 0.1, "train_for": "3 steps"},
]
BASE = {"hidden": [8], "train_size": 100, "train_for": "2 epochs", "checkpoint": "last"}


pytestmark = pytest.mark.usefixtures("on_one_thread")


def settings_with(**settings: object) -> Settings:
    return parse(Settings, {**BASE, **settings}, where="test")


def job(folder: Path) -> Job:
    return Job(
        dataset=load("dataset", "digits", DATASETS), folder=folder, device=torch.device("cpu"), timer=Timer()
    )  # fmt: skip


def weights(folder: Path, **settings: object) -> list[Tensor]:
    found = fit(job(folder), settings_with(**settings), SEEDS)
    return [tensor.clone() for tensor, _ in found.trained.model.state()]


def test_the_weights_are_those_of_the_trainings_one_after_the_other(folder: Path) -> None:
    found = weights(folder, before=BEFORE)
    settings = settings_with()
    data, model = drawn(job(folder), settings, SEEDS)
    first, second = (settings.model_copy(update=one) for one in BEFORE)
    once, twice = earlier_seeds(SEEDS), earlier_seeds(earlier_seeds(SEEDS))
    for own, seeds in ((first, once), (second, twice), (settings, SEEDS)):
        train(data, model, own, seeds=seeds)
    by_hand = [tensor for tensor, _ in model.state()]
    assert all(torch.equal(a, b) for a, b in zip(found, by_hand, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(found, weights(folder), strict=True))


def test_what_belongs_to_the_judged_training_alone_is_left_out() -> None:
    judged = settings_with(
        optimizer="sgd", momentum=0.9, before=BEFORE, probes=["gradients"], l2=0.1
    )
    first, second = settings_before(judged)
    assert (first.optimizer, first.momentum, first.lr, first.train_for) == (
        "adam",
        0.0,
        0.01,
        "2 epochs",
    )
    assert (second.optimizer, second.lr, second.before, second.probes) == ("sgd", 0.1, (), ())
    assert first.l2 == 0.1


def test_a_replicate_does_not_depend_on_those_beside_it(folder: Path) -> None:
    cell = cell_of(**BASE, before=BEFORE)
    together, alone = (measured(cell, folder=folder, seeds=s) for s in (SEEDS, SEEDS[1:2]))
    seed = str(SEEDS[1])
    assert plain(together.runs[seed]) == plain(alone.runs[seed])


def test_no_other_pretraining_goes_with_it() -> None:
    with pytest.raises(NnbenchError, match="before does not go with"):
        settings_with(before=BEFORE, rbm={})
