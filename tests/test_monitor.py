"""What training sees at its evaluation points: checkpoints, divergence, targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as st
from tiny_training import final, settings_of, tiny_data, trained_on

from nnbench.engine.scores import evaluate
from nnbench.engine.train import evaluation_steps
from nnbench.experiments.training.scores import epochs_to_target, status_of

SEEDS = (4, 0, 9)


pytestmark = pytest.mark.usefixtures("on_one_thread")


@checked(database=None, derandomize=True, deadline=None)
@given(total=st.integers(1, 10**7), count=st.integers(1, 500))
def test_evaluation_points_are_equally_spaced_and_end_with_the_budget(
    total: int, count: int
) -> None:
    points = sorted(evaluation_steps(total, count))
    assert len(points) == min(total, count)
    assert points[0] >= 1
    assert points[-1] == total
    n = len(points)  # |point - total * i / n| <= 1/2, in whole numbers
    assert all(abs(2 * n * p - 2 * total * i) <= n for i, p in enumerate(points, start=1))


OVERFIT = {"hidden": [32], "lr": 0.05, "train_for": "12 epochs"}


@pytest.mark.parametrize("model", ["mlp", "tiny_training:skip"])
def test_the_best_checkpoint_is_the_lowest_point_of_each_replicates_curve(model: str) -> None:
    data = tiny_data(SEEDS, noise=4.0)
    trained = trained_on(data, settings_of(model=model, checkpoint="best", **OVERFIT), SEEDS)
    curve = np.array(trained.curves.validation_loss)
    lowest = curve.argmin(axis=0)
    assert len(set(lowest.tolist())) > 1  # replicates differ in when they are best
    assert (lowest < len(curve) - 1).all()  # and none is so at the end
    scores = evaluate(trained.model, data.bank, data.validation)
    np.testing.assert_allclose(scores.loss.numpy(), curve.min(axis=0), rtol=1e-12)
    at_best = np.array(trained.curves.validation_accuracy)[lowest, range(len(SEEDS))]
    np.testing.assert_array_equal(scores.accuracy.numpy(), at_best)


def test_the_last_checkpoint_is_the_end_of_the_curve() -> None:
    data = tiny_data(SEEDS, noise=4.0)
    trained = trained_on(data, settings_of(checkpoint="last", **OVERFIT), SEEDS)
    scores = evaluate(trained.model, data.bank, data.validation)
    assert scores.loss.tolist() == trained.curves.validation_loss[-1]


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_runs_that_all_diverge_are_flagged_and_end_early(checkpoint: str) -> None:
    settings = settings_of(optimizer="sgd", lr=1e6, activation="elu", checkpoint=checkpoint)
    trained = trained_on(tiny_data(SEEDS), settings, SEEDS)
    assert trained.diverged == (True, True, True)
    assert trained.steps < settings.total_steps(50)
    assert not math.isfinite(trained.curves.validation_loss[-1][0])


def test_one_diverged_run_neither_stops_nor_changes_the_others() -> None:
    data, settings = tiny_data(SEEDS), settings_of()
    bad = data.bank.inputs.clone()
    bad = torch.cat([bad, torch.full_like(bad[:1], torch.inf)])
    train = data.train.clone()
    train[1, 0] = len(bad) - 1
    labels = torch.cat([data.bank.labels, data.bank.labels[:1]])
    sick = replace(data, bank=replace(data.bank, inputs=bad, labels=labels), train=train)
    healthy, trained = trained_on(data, settings, SEEDS), trained_on(sick, settings, SEEDS)
    assert trained.diverged == (False, True, False)
    assert trained.steps == healthy.steps
    for row in (0, 2):
        assert all(map(torch.equal, final(trained, row), final(healthy, row)))


def first_crossing(values: Sequence[float], target: float, *, above: bool) -> int | None:
    hits = [i for i, v in enumerate(values) if (v >= target if above else v <= target)]
    return hits[0] if hits else None


@pytest.mark.parametrize(
    ("metric", "value"), [("validation_accuracy", 0.7), ("validation_loss", 0.6)]
)
def test_training_stops_when_the_last_replicate_reaches_the_target(metric, value) -> None:
    settings = settings_of(
        target={"metric": metric, "value": value}, train_for="60 epochs", evaluations=240, lr=3e-3
    )
    data = tiny_data(SEEDS, noise=0.7)
    stopped = trained_on(data, settings.model_copy(update={"stop_at_target": True}), SEEDS)
    whole = trained_on(data, settings, SEEDS)
    series = np.array(getattr(whole.curves, metric))
    above = metric == "validation_accuracy"
    firsts = [first_crossing(column, value, above=above) for column in series.T]
    assert len(set(firsts)) > 1
    assert len(stopped.curves.epochs) == max(firsts) + 1 < 240
    assert (whole.steps, stopped.steps) == (240, max(firsts) + 1)  # four points of four steps
    for run in (stopped, whole):
        epochs = [epochs_to_target(run.curves, settings, row) for row in range(3)]
        assert epochs == [(first + 1) / 4 for first in firsts]
    assert stopped.cap_epochs == whole.cap_epochs == 60


def test_the_checkpoint_at_a_target_is_the_first_reading_there_of_each_replicate() -> None:
    data = tiny_data(SEEDS, noise=0.7)
    target = {"metric": "train_loss", "value": 0.6}
    settings = settings_of(
        target=target, checkpoint="target", train_for="30 epochs", evaluations=120, lr=3e-3
    )
    trained = trained_on(data, settings, SEEDS)
    curve = np.array(trained.curves.train_loss)
    firsts = [first_crossing(column, 0.6, above=False) for column in curve.T]
    assert len(set(firsts)) > 1
    assert max(firsts) < len(curve) - 1
    scores = evaluate(trained.model, data.bank, data.validation)
    there = np.array(trained.curves.validation_loss)[firsts, range(len(SEEDS))]
    np.testing.assert_allclose(scores.loss.numpy(), there, rtol=1e-12)


def test_a_run_that_never_reaches_its_target_is_tested_with_its_last_weights() -> None:
    data = tiny_data(SEEDS, noise=4.0)
    settings = settings_of(target={"value": 1.1}, checkpoint="target", **OVERFIT)
    trained = trained_on(data, settings, SEEDS)
    scores = evaluate(trained.model, data.bank, data.validation)
    assert scores.loss.tolist() == trained.curves.validation_loss[-1]


def test_a_checkpoint_at_the_target_needs_a_target() -> None:
    with pytest.raises(ValueError, match="needs a target"):
        settings_of(checkpoint="target")


def test_a_target_that_is_never_reached_is_none_and_capped() -> None:
    settings = settings_of(target={"value": 1.1}, stop_at_target=True)
    data = tiny_data(SEEDS)
    trained = trained_on(data, settings, SEEDS)
    assert trained.steps == settings.total_steps(50)
    assert epochs_to_target(trained.curves, settings, 0) is None
    assert status_of(trained, settings, 0) == "capped"
    assert trained.cap_epochs == 3.0
