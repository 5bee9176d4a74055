"""Classes that count equally: the weights, what a step minimises, and what a pass draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from tiny_training import final, settings_of, tiny_data, trained_on
from torch import Tensor, nn

from nnbench.engine.balance import class_weights, drawn_again, order_of_passes, training_losses
from nnbench.engine.data import TrainingData
from nnbench.engine.objectives import CLASSIFICATION
from nnbench.engine.seeding import generators, shuffled

SEEDS = (3, 5)
LABELS = torch.tensor([[0, 0, 0, 0, 1, 1, 2, 0], [1, 1, 0, 2, 2, 2, 2, 2]])


pytestmark = pytest.mark.usefixtures("on_one_thread")


def unequal() -> TrainingData:
    """Two thirds of each replicate's training samples are of class 0, the others of 1 and 2."""
    data = tiny_data(SEEDS)
    labels = data.bank.labels.clone()
    labels[::2] = 0
    return replace(data, bank=replace(data.bank, labels=labels))


def counts(data: TrainingData, rows: Tensor) -> Tensor:
    return torch.stack([torch.bincount(own, minlength=3) for own in data.bank.labels_at(rows)])


def test_weights_are_those_of_scikit_learn() -> None:
    found = class_weights(LABELS, 3)
    for own, labels in zip(found, LABELS.numpy(), strict=True):
        expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
        assert own.tolist() == pytest.approx(expected.tolist())


def test_a_class_without_samples_has_no_weight_and_takes_none_from_others() -> None:
    weights = class_weights(torch.tensor([[0, 0, 0, 2]]), 3)
    assert weights.tolist() == [[pytest.approx(4 / 6), 0.0, 2.0]]


@pytest.mark.parametrize("name", ["cross_entropy", "mse"])
def test_a_weighted_loss_is_each_samples_times_its_class_weight(name: str) -> None:
    data, objective = unequal(), CLASSIFICATION[name]
    outputs = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(1))
    losses = training_losses(objective, data, settings_of(balance="weights"))(outputs, LABELS)
    weights = class_weights(data.bank.labels_at(data.train), 3)
    for row in range(2):
        alone = [
            objective.losses(outputs[row, i].view(1, 1, 3), LABELS[row, i].view(1, 1)).item()
            * weights[row, LABELS[row, i]].item()
            for i in range(8)
        ]
        assert losses[row].item() == pytest.approx(np.mean(alone), rel=1e-5)


def test_weighted_cross_entropy_is_pytorchs_sum_over_the_number_of_samples() -> None:
    data = unequal()
    outputs = torch.randn(2, 8, 3, generator=torch.Generator().manual_seed(1))
    cross_entropy = CLASSIFICATION["cross_entropy"]
    found = training_losses(cross_entropy, data, settings_of(balance="weights"))(outputs, LABELS)
    for row, weights in enumerate(class_weights(data.bank.labels_at(data.train), 3).float()):
        total = nn.functional.cross_entropy(outputs[row], LABELS[row], weights, reduction="sum")
        assert found[row].item() == pytest.approx(total.item() / 8, rel=1e-5)


def test_weights_of_one_train_as_no_weights_do() -> None:
    data = tiny_data(SEEDS)
    rows = torch.stack(  # 10 of each class
        [torch.cat([own[data.bank.labels[own] == c][:10] for c in range(3)]) for own in data.train]
    )
    data = replace(data, train=rows)
    assert (counts(data, data.train) == 10).all()
    plain, weighted = (trained_on(data, settings_of(balance=b), SEEDS) for b in ("none", "weights"))
    for row in range(2):
        for a, b in zip(final(plain, row), final(weighted, row), strict=True):
            assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("balance", ["weights", "oversampling"])
def test_unequal_classes_train_another_network(balance: str) -> None:
    data = unequal()
    plain, other = (trained_on(data, settings_of(balance=b), SEEDS) for b in ("none", balance))
    assert not torch.allclose(final(plain, 0)[0], final(other, 0)[0], atol=1e-3)


def test_oversampling_draws_every_class_as_often_from_its_own_samples() -> None:
    data = unequal()
    pass_of = order_of_passes(data, settings_of(balance="oversampling"))
    draws, found = generators(SEEDS, "order"), torch.zeros(2, 3)
    for _ in range(200):
        rows = pass_of(data.train, draws)
        assert rows.shape == data.train.shape
        assert all(
            set(a.tolist()) <= set(b.tolist()) for a, b in zip(rows, data.train, strict=True)
        )
        found += counts(data, rows)
    expected = 200 * data.train.shape[1] / 3
    assert ((found - expected).abs() < 5 * (expected * 2 / 3) ** 0.5).all()


def test_without_oversampling_a_pass_has_each_sample_once() -> None:
    assert order_of_passes(unequal(), settings_of()) is shuffled


def test_rows_without_weight_are_never_drawn() -> None:
    rows, weights = torch.tensor([[7, 8, 9]]), torch.tensor([[0.0, 1.0, 0.0]])
    draw = generators([0], "order")
    assert drawn_again(rows, draw, weights=weights).tolist() == [[8, 8, 8]]
