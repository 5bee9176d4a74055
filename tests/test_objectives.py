"""Training objectives by hand, against other libraries, and what learning nothing scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn import metrics
from sklearn.dummy import DummyRegressor
from tiny_training import final, numbers, settings_of, tiny_data, trained_on
from torch import Tensor, nn

from nnbench.engine.objectives import (
    CLASSIFICATION,
    REGRESSION,
    class_frequencies,
    cross_entropy,
    hinge,
    huber,
    mae,
    mse,
    objective,
    probability_mse,
    smoothed,
)
from nnbench.engine.scores import evaluate, uninformed
from nnbench.errors import NnbenchError

SEEDS = (4, 0, 9)
DRAW = torch.Generator().manual_seed(1)
LOGITS = 2.0 * torch.randn(3, 50, 4, generator=DRAW)
LABELS = torch.randint(0, 4, (3, 50), generator=DRAW)
TARGETS = 2.0 * torch.randn(3, 50, generator=DRAW)


pytestmark = pytest.mark.usefixtures("on_one_thread")


def one(*logits: float) -> Tensor:
    """One replicate with one sample."""
    return torch.tensor([[logits]], dtype=torch.float64)


def label(value: float) -> Tensor:
    return torch.tensor([[value]])


def test_losses_of_classes_are_those_computed_by_hand() -> None:
    third = one(math.log(3.0), 0.0)  # probabilities 3/4 and 1/4
    assert cross_entropy(third, label(1)).item() == pytest.approx(math.log(4.0))
    assert probability_mse(third, label(0)).item() == pytest.approx((0.25**2 + 0.25**2) / 2)
    assert probability_mse(third, label(1)).item() == pytest.approx((0.75**2 + 0.75**2) / 2)
    assert hinge(one(2.0, 1.5, -1.0), label(0)).item() == pytest.approx(0.5)
    assert hinge(one(2.0, 0.5, -1.0), label(0)).item() == 0.0
    assert hinge(one(2.0, 0.5, -1.0), label(2)).item() == pytest.approx(4.0)
    # labels smoothed over two classes are 0.95 and 0.05
    wanted = 0.95 * math.log(0.95 / 0.75) + 0.05 * math.log(0.05 / 0.25)
    assert smoothed(third, label(0)).item() == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["log_of_softmax", "log_of_clipped"])
def test_the_logarithm_of_a_softmax_is_cross_entropy_where_nothing_is_rounded(name: str) -> None:
    logits = LOGITS.clone().requires_grad_()
    found, wanted = (CLASSIFICATION[n].losses(logits, LABELS) for n in (name, "cross_entropy"))
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    own, other = (torch.autograd.grad(loss.sum(), logits)[0] for loss in (found, wanted))
    torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-6)


def test_a_label_of_no_probability_has_a_bounded_loss_only_where_it_is_cut() -> None:
    sure = torch.tensor([[[0.0, 200.0]]], requires_grad=True)
    losses = {name: made.losses(sure, label(0)) for name, made in CLASSIFICATION.items()}
    assert losses["cross_entropy"].item() == 200.0
    assert losses["log_of_softmax"].item() == math.inf
    assert losses["log_of_clipped"].item() == pytest.approx(-math.log(1e-7))
    (gradient,) = torch.autograd.grad(losses["log_of_clipped"].sum(), sure)
    assert not gradient.any()  # Keras' network does not learn from its worst errors


def test_losses_of_numbers_are_those_computed_by_hand() -> None:
    outputs, targets = torch.tensor([[[1.0], [5.0]]]), torch.tensor([[0.5, 2.0]])
    assert mse(outputs, targets).item() == pytest.approx((0.25 + 9.0) / 2)
    assert mae(outputs, targets).item() == pytest.approx((0.5 + 3.0) / 2)
    assert huber(outputs, targets).item() == pytest.approx((0.5 * 0.25 + (3.0 - 0.5)) / 2)


def test_losses_are_those_of_other_libraries_replicate_by_replicate() -> None:
    for row in range(3):
        z, y, p = LOGITS[row], LABELS[row].numpy(), LOGITS[row].double().softmax(1).numpy()
        q = 0.9 * np.eye(4)[y] + 0.1 / 4
        own = {
            name: made.losses(LOGITS, LABELS)[row].item() for name, made in CLASSIFICATION.items()
        }
        assert own["cross_entropy"] == pytest.approx(metrics.log_loss(y, p), rel=1e-5)
        assert own["mse"] == pytest.approx(metrics.mean_squared_error(np.eye(4)[y], p), rel=1e-5)
        assert own["hinge"] == pytest.approx(metrics.hinge_loss(y, z.numpy()), rel=1e-5)
        assert own["log_of_softmax"] == pytest.approx(metrics.log_loss(y, p), rel=1e-5)
        assert own["smoothed"] == pytest.approx(stats.entropy(q, p, axis=1).mean(), rel=1e-5)
        t, out = TARGETS[row], LOGITS[row, :, 0]
        own = {
            name: made.losses(LOGITS[:, :, :1], TARGETS)[row].item()
            for name, made in REGRESSION.items()
        }
        assert own["mse"] == pytest.approx(metrics.mean_squared_error(t, out), rel=1e-5)
        assert own["mae"] == pytest.approx(metrics.mean_absolute_error(t, out), rel=1e-5)
        assert own["huber"] == pytest.approx(nn.HuberLoss()(out, t).item(), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 10, 15, 16, 40])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_the_same_in_training_and_in_evaluation(
    classes: int, smoothing: float
) -> None:
    draw = torch.Generator().manual_seed(1)
    logits = 3.0 * torch.randn(3, 200, classes, generator=draw)
    labels = torch.randint(0, classes, (3, 200), generator=draw)
    evaluated = cross_entropy(logits, labels, smoothing=smoothing)
    trained = cross_entropy(logits.requires_grad_(), labels, smoothing=smoothing)
    torch.testing.assert_close(evaluated, trained.detach(), rtol=1e-6, atol=0)


def test_hinge_does_not_see_a_common_shift_of_the_logits() -> None:
    torch.testing.assert_close(hinge(LOGITS - 30.0, LABELS), hinge(LOGITS, LABELS))


def test_no_prediction_is_better_than_the_smoothed_label_itself() -> None:
    q = torch.full((4,), 0.025, dtype=torch.float64)
    q[2] += 0.9
    assert smoothed(q.log().view(1, 1, 4), label(2)).item() == pytest.approx(0.0, abs=1e-12)
    assert smoothed(one(0.0, 0.0, 50.0, 0.0), label(2)).item() > 1.0


def test_the_default_is_cross_entropy_for_classes_and_squared_error_for_numbers() -> None:
    assert objective(None, "classification").losses is cross_entropy
    assert objective(None, "regression").losses is mse
    assert objective("mse", "classification").losses is probability_mse
    assert objective("mse", "regression").losses is mse


@pytest.mark.parametrize(
    ("name", "task"),
    [("huber", "classification"), ("hinge", "regression"), ("mae", "classification")],
)
def test_a_loss_of_the_other_task_is_refused(name, task) -> None:
    with pytest.raises(NnbenchError, match=f"loss '{name}' is not made for {task}"):
        objective(name, task)


@pytest.mark.parametrize("name", CLASSIFICATION)
@pytest.mark.parametrize("counts", [(6, 3, 1), (4, 4, 2), (1, 1, 1), (5, 0, 0)], ids=str)
def test_no_constant_prediction_is_better_than_the_best_constant(name, counts) -> None:
    made = CLASSIFICATION[name]
    labels = torch.cat([torch.full((count,), i) for i, count in enumerate(counts)]).view(1, -1)
    best = made.constant(class_frequencies(labels, 3)).item()

    def loss(logits: np.ndarray) -> float:
        z = torch.from_numpy(logits).view(1, 1, 3).expand(1, labels.shape[1], 3)
        return made.losses(z, labels).item()

    starts = np.random.default_rng(0).normal(0.0, 2.0, (20, 3))
    options = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 5_000}
    found = min(
        optimize.minimize(loss, start, method="Nelder-Mead", options=options).fun
        for start in starts
    )
    assert found == pytest.approx(best, abs=2e-4)


def test_frequencies_are_counted_for_each_replicate_and_each_class() -> None:
    labels = torch.tensor([[0, 0, 2, 0], [2, 2, 2, 2]])
    assert class_frequencies(labels, 3).tolist() == [[0.75, 0.0, 0.25], [0.0, 0.0, 1.0]]


def test_learning_nothing_scores_as_equal_logits_do() -> None:
    data = tiny_data(SEEDS)
    for made in CLASSIFICATION.values():
        scores = uninformed(data.bank, data.validation, made, 3)
        equal = made.losses(torch.zeros(3, 25, 3), data.bank.labels[data.validation])
        torch.testing.assert_close(scores.loss.float(), equal)
        assert scores.accuracy.tolist() == [1 / 3] * 3
    entropies = uninformed(data.bank, data.validation, CLASSIFICATION["cross_entropy"], 3).loss
    assert entropies.tolist() == pytest.approx([math.log(3)] * 3, rel=1e-14)


@pytest.mark.parametrize("name", REGRESSION)
def test_learning_nothing_says_the_training_mean_of_numbers(name: str) -> None:
    data = numbers(SEEDS)
    scores = uninformed(data.bank, data.validation, REGRESSION[name], 1)
    for row in range(3):
        train, test = (
            data.bank.labels[row, rows[row]].numpy() for rows in (data.train, data.validation)
        )
        guess = (
            DummyRegressor().fit(np.zeros((len(train), 1)), train).predict(np.zeros((len(test), 1)))
        )
        assert scores.rmse[row].item() == pytest.approx(
            metrics.root_mean_squared_error(test, guess), rel=1e-5
        )
        assert scores.mae[row].item() == pytest.approx(
            metrics.mean_absolute_error(test, guess), rel=1e-5
        )
    if name != "huber":
        wanted = scores.rmse.square() if name == "mse" else scores.mae
        torch.testing.assert_close(scores.loss, wanted)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_every_objective_of_classes_teaches_them(name: str) -> None:
    data, settings = tiny_data(SEEDS, noise=0.5), settings_of(loss=name, train_for="30 epochs")
    trained = trained_on(data, settings, SEEDS)
    made = CLASSIFICATION[name]
    scores = evaluate(trained.model, data.bank, data.validation, made)
    assert (scores.loss < 0.6 * uninformed(data.bank, data.validation, made, 3).loss).all()
    assert (scores.accuracy > 0.8).all()
    assert scores.loss.tolist() == np.array(trained.curves.validation_loss).min(axis=0).tolist()


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("model", ["mlp", "tiny_training:skip"])
def test_every_objective_of_numbers_teaches_them(name: str, model: str) -> None:
    data = numbers(SEEDS)
    settings = settings_of(loss=name, train_for="40 epochs", model=model, lr=0.02)
    trained = trained_on(data, settings, SEEDS)
    scores = evaluate(trained.model, data.bank, data.validation, REGRESSION[name])
    assert (scores.rmse < 0.6).all()
    for row in range(3):
        rows = data.validation[row]
        with torch.no_grad():
            out = trained.model(data.bank.inputs[rows].expand(3, -1, -1))[row, :, 0]
        wanted = data.bank.labels[row, rows]
        assert scores.rmse[row].item() == pytest.approx(
            metrics.root_mean_squared_error(wanted, out), rel=1e-4
        )
        assert scores.mae[row].item() == pytest.approx(
            metrics.mean_absolute_error(wanted, out), rel=1e-4
        )
    assert scores.accuracy is None
    assert trained.curves.validation_accuracy == []


def test_each_objective_trains_another_network() -> None:
    weights = [
        torch.cat(
            [
                w.flatten()
                for w in final(trained_on(tiny_data(SEEDS), settings_of(loss=n), SEEDS), 0)
            ]
        )
        for n in CLASSIFICATION
        if not n.startswith("log_")  # cross-entropy by another arithmetic
    ]
    for i, first in enumerate(weights):
        assert all(not torch.allclose(first, second) for second in weights[:i])


def test_with_two_classes_the_losses_are_the_binary_ones_of_the_difference() -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 50, 2, generator=draw)
    labels = torch.randint(0, 2, (2, 50), generator=draw)
    score, truth = logits[..., 1] - logits[..., 0], labels.float()
    binary = {
        "cross_entropy": torch.nn.functional.binary_cross_entropy_with_logits(
            score, truth, reduction="none"
        ),
        "mse": (score.sigmoid() - truth) ** 2,
        "hinge": (1 - (2 * truth - 1) * score).clamp_min(0),
    }
    for name, each in binary.items():
        got = objective(name, "classification").losses(logits, labels)
        torch.testing.assert_close(got, each.mean(dim=1))
