"""A drift: images change after the training, and the network goes on with a few changed ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from one_cell import SEEDS, cell_of, folder, measured, plain
from tiny_training import CPU
from torch import Tensor

from nnbench.cells.cost import estimated_seconds
from nnbench.datasets.digits import DATASET
from nnbench.engine.drift import samples_after, samples_before
from nnbench.engine.images import shift_images
from nnbench.engine.pretraining import earlier_seeds
from nnbench.engine.seeding import generators
from nnbench.engine.train import train
from nnbench.errors import NnbenchError
from nnbench.experiments.training.fit import Fitted, Job, Timer, drawn, fit
from nnbench.plan.batches import batch_sizes
from nnbench.schema import parse
from nnbench.sections import Drift
from nnbench.settings import Settings

__all__ = ["folder"]  # a fixture

BASE = {"hidden": [8], "train_size": 100, "train_for": "2 epochs", "checkpoint": "last"}
TURNED: dict[str, Any] = {"to": {"rotation_degrees": 90}, "train_size": 30, "train_for": "5 steps"}
DARK: dict[str, Any] = {**TURNED, "to": {"contrast": 0.0}}  # each image is its own mean


pytestmark = pytest.mark.usefixtures("on_one_thread")


def settings_with(**settings: object) -> Settings:
    return parse(Settings, {**BASE, **settings}, where="test")


def job(folder: Path) -> Job:
    return Job(dataset=DATASET, folder=folder, device=CPU, timer=Timer())


def fitted(folder: Path, **settings: object) -> Fitted:
    return fit(job(folder), settings_with(**settings), SEEDS)


def weights(found: Fitted) -> list[Tensor]:
    return [tensor.clone() for tensor, _ in found.trained.model.state()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_nothing_that_comes_after_the_drift_is_seen_before_it(folder: Path) -> None:
    data, _ = drawn(job(folder), settings_with(), SEEDS)
    drift = Drift(**TURNED)
    before, after = samples_before(data, drift), samples_after(data, drift, seeds=SEEDS)
    assert (before.train.shape, after.train.shape) == ((5, 70), (5, 30))
    assert torch.equal(torch.cat((data.train[:, :30], before.train), dim=1), data.train)
    assert torch.equal(before.validation, data.validation)


def test_each_image_is_changed_once_as_a_shift_changes_it_and_keeps_its_label(folder: Path) -> None:
    data, _ = drawn(job(folder), settings_with(label_noise=0.5), SEEDS)
    drift = Drift(**TURNED)
    after = samples_after(data, drift, seeds=SEEDS)
    rows = torch.cat((data.train[:, :30], data.validation), dim=1)
    images, labels = data.bank.gather_raw(rows)
    seen = torch.cat((after.train, after.validation), dim=1)
    draws = generators(SEEDS, "drift")
    turned = [shift_images(i, drift.to, generator=g) for i, g in zip(images, draws, strict=True)]
    found, own = after.bank.gather_raw(seen)
    assert torch.equal(found, torch.stack(turned))
    assert torch.equal(own, labels)  # of each replicate, wrong ones too


def test_the_weights_are_those_of_both_trainings_one_after_the_other(folder: Path) -> None:
    """By hand, and normalised by what the network saw before the drift."""
    found = fitted(folder, drift=TURNED)
    settings, drift = settings_with(), Drift(**TURNED)
    data, model = drawn(job(folder), settings, SEEDS)
    raw = data.bank.inputs
    old, new = samples_before(data, drift), samples_after(data, drift, seeds=SEEDS)
    for row, own in enumerate(old.train):
        old.bank.normaliser.shift[row] = raw[own].double().mean()
        old.bank.normaliser.factor[row] = 1 / raw[own].double().std(correction=0)
    train(old, model, settings, seeds=earlier_seeds(SEEDS))
    train(new, model, settings.model_copy(update={"train_for": "5 steps"}), seeds=SEEDS)
    by_hand = [tensor for tensor, _ in model.state()]
    for a, b in zip(weights(found), by_hand, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert found.trained.steps == 5
    assert not same(weights(found), weights(fitted(folder)))


def test_what_starts_anew_sees_changed_images_alone(folder: Path) -> None:
    """It is normalised by them, too, and depends on nothing that the other training has."""
    found = fitted(folder, drift={**DARK, "anew": True})
    seen = found.data.bank.gather_raw(found.data.train)[0].double().flatten(1)
    normaliser = found.data.bank.normaliser
    assert normaliser.shift.flatten().tolist() == pytest.approx(seen.mean(dim=1).tolist())
    longer = fitted(folder, drift={**DARK, "anew": True}, train_for="9 epochs")
    assert same(weights(found), weights(longer))
    assert not same(weights(found), weights(fitted(folder, drift=DARK)))


def test_a_network_that_goes_on_keeps_its_normalisation(folder: Path) -> None:
    here, there = (fitted(folder, drift=drift).data.bank.normaliser for drift in (TURNED, DARK))
    assert torch.equal(here.shift, there.shift)
    assert torch.equal(here.factor, there.factor)


def test_a_replicate_does_not_depend_on_those_beside_it(folder: Path) -> None:
    cell = cell_of(**BASE, drift=TURNED, shifts={"turned": TURNED["to"]})
    together, alone = (measured(cell, folder=folder, seeds=s) for s in (SEEDS, SEEDS[1:2]))
    seed = str(SEEDS[1])
    assert plain(together.runs[seed]) == plain(alone.runs[seed])


def test_an_earlier_training_with_a_goal_pursues_it_after_the_drift_alone(folder: Path) -> None:
    goal = {"target": {"value": 0.0}, "stop_at_target": True, "checkpoint": "target"}
    found = fitted(folder, drift=TURNED, **goal)
    assert found.trained.steps < 5  # it is reached at the first reading
    never = {"target": {"value": 1.0}, "checkpoint": "target"}
    assert same(
        weights(fitted(folder, drift=TURNED, **never)), weights(fitted(folder, drift=TURNED))
    )


def test_both_trainings_are_planned() -> None:
    usual = cell_of(**BASE)
    on, anew = (
        cell_of(**BASE, drift={**TURNED, "train_for": "7 steps", "anew": a}) for a in (False, True)
    )
    seconds = [estimated_seconds(cell, seeds=5) for cell in (anew, usual, on)]
    assert seconds == sorted(seconds)
    assert len(set(seconds)) == 3
    drifts = (
        {**TURNED, "train_size": 33, "train_for": "3 steps", "anew": a} for a in (False, True)
    )
    sizes = [batch_sizes(settings_with(drift=drift), DATASET) for drift in drifts]
    assert sizes == [(32, 3, 32, 1), (32, 1)]


@pytest.mark.parametrize(
    "other",
    [{"before": [{}]}, {"rbm": {}}, {"pretrain": {"classes": [0, 1]}}, {"pseudo_labels": 0.5}],
)
def test_no_other_earlier_training_goes_with_it(other: dict[str, Any]) -> None:
    with pytest.raises(NnbenchError, match=f"drift does not go with {next(iter(other))}"):
        settings_with(drift=TURNED, **other)


def test_an_attack_is_no_drift() -> None:
    with pytest.raises(NnbenchError, match=r"drift.*an attack needs a trained network"):
        settings_with(drift={"to": {"attack": 0.1}})
