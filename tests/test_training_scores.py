"""What a training cell measures beside the plain scores: shifts, classes, probes, numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_cell import SEEDS, cell_of, folder, plain, record_of
from test_cell import run, wanted_metrics

from nnbench.datasets.prepared import store
from nnbench.datasets.tables import DIABETES
from nnbench.experiments.reads import training_metrics
from nnbench.experiments.training.scores import explained
from nnbench.records.record import Record
from nnbench.settings import Settings

__all__ = ["folder"]  # a fixture

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("on_one_thread")


def metrics_of(record: Record) -> dict[str, dict[str, Any]]:
    return {seed: outcome.metrics for seed, outcome in record.runs.items()}


def test_all_that_a_plan_may_read_is_measured(folder: Path) -> None:
    values: dict[str, Any] = {
        "probes": ["dead_units", "gradients", "gradient_noise"],
        "shifts": {"turned": {"rotation_degrees": 30}, "noisy": {"noise": 0.5}},
        "inputs": "minmax",
        "rbm": {"train_for": "1 epoch"},
        "activation": "sigmoid",
        "patience": 3,
    }
    record = run(folder, **values)
    for metrics in metrics_of(record).values():
        assert set(metrics) == wanted_metrics(**values)
        assert all(value is not None and math.isfinite(value) for value in metrics.values())
        assert metrics["dead_units"] == 0.0
        assert 0.0 < metrics["reconstruction_error"] < 0.1  # variance of the pixels: 0.14
    assert record.stopped_epochs == {str(seed): None for seed in SEEDS}
    assert Record.model_validate_json(json.dumps(plain(record), allow_nan=False)) == record


def test_shifted_scores_are_those_of_the_same_network_on_changed_test_images(folder: Path) -> None:
    shifts = {"none": {}, "turned": {"rotation_degrees": 90}, "grey": {"contrast": 0.0}}
    shifts |= {"random": {"signs": 0.2}, "fooled": {"attack": 0.2}}
    plain, record = (metrics_of(run(folder, **values)) for values in ({}, {"shifts": shifts}))
    for seed, metrics in record.items():
        assert {name: metrics[name] for name in plain[seed]} == plain[seed]
        assert metrics["test_loss@none"] == metrics["test_loss"]
        assert metrics["test_accuracy@none"] == metrics["test_accuracy"]
        assert metrics["test_accuracy@turned"] < metrics["test_accuracy"] - 0.3
        assert metrics["test_loss@turned"] > metrics["test_loss"]
        assert metrics["test_accuracy@grey"] < 0.5
        assert metrics["test_accuracy@fooled"] < metrics["test_accuracy@random"] - 0.1


def test_accuracies_of_the_classes_make_up_the_whole(folder: Path) -> None:
    classes = [7, 1, 3]
    record = run(folder, classes=classes)
    counts = np.bincount(store.load_test(folder).labels)[classes]
    for metrics in metrics_of(record).values():
        each = [metrics[f"test_accuracy@class {digit}"] for digit in classes]
        assert np.average(each, weights=counts) == pytest.approx(metrics["test_accuracy"], rel=1e-9)
        assert metrics["test_accuracy"] > 0.8
    assert record.classes == 3
    assert record.test_samples == counts.sum()


def test_the_gap_is_test_less_training_loss(folder: Path) -> None:
    for metrics in metrics_of(run(folder, train_for="1 epoch")).values():
        assert metrics["loss_gap"] == metrics["test_loss"] - metrics["train_loss"]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "hinge", "smoothed", "log_of_clipped"])
def test_a_run_that_learns_nothing_is_stuck_and_one_that_learns_is_not(folder, loss) -> None:
    for values, wanted in [({"init": "zeros"}, 1.0), ({"lr": 1e-30}, 1.0), ({"lr": 0.01}, 0.0)]:
        record = run(folder, loss=loss, train_for="1 epoch", **values)
        assert {m["stuck"] for m in metrics_of(record).values()} == {wanted}


def test_the_record_says_what_learning_nothing_scores(folder: Path) -> None:
    untrained = run(
        folder, train_for="1 step", classes=[1, 2, 5, 6], shifts={"n": {"noise": 0.1}}
    ).untrained
    losses = {f"{part}_loss" for part in ("train", "validation", "test")} | {"test_loss@n"}
    accuracies = {f"{part}_accuracy" for part in ("train", "validation", "test")} | {
        "test_accuracy@n", *(f"test_accuracy@class {digit}" for digit in (1, 2, 5, 6)),
    }  # fmt: skip
    wanted = dict.fromkeys(losses, math.log(4)) | dict.fromkeys(accuracies, 0.25)
    assert untrained == pytest.approx({**wanted, "loss_gap": 0.0, "stuck": 1.0}, abs=1e-14)


def test_classes_are_half_known_after_a_rare_class_and_noise(folder: Path) -> None:
    record = run(
        folder, rare_class={"label": 3, "share": 0.02}, train_size=500, train_for="5 epochs"
    )
    for metrics in metrics_of(record).values():
        each = {digit: metrics[f"test_accuracy@class {digit}"] for digit in range(10)}
        assert min(each, key=lambda digit: each[digit]) == 3


# regression


@pytest.fixture(scope="module")
def numbers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("diabetes")
    store.prepare(DIABETES, path, data_folder=None, download=False)
    return path


def run_numbers(folder: Path, **values: Any) -> Record:
    return record_of(cell_of("diabetes", **{"train_for": "10 epochs", **values}), folder=folder)


@pytest.mark.parametrize("loss", [None, "mae", "huber"])
def test_numbers_are_scored_by_their_errors(numbers_folder: Path, loss: str | None) -> None:
    record = run_numbers(numbers_folder, loss=loss)
    settings = Settings.model_validate_json(json.dumps({"loss": loss}))
    for metrics in metrics_of(record).values():
        assert set(metrics) == set(training_metrics(settings, DIABETES))
        assert metrics["test_rmse"] < 0.95  # the training mean's: 1
        wanted = {None: metrics["test_rmse"] ** 2, "mae": metrics["test_mae"]}
        if loss in wanted:
            assert metrics["test_loss"] == pytest.approx(wanted[loss], rel=1e-5)
    assert record.curves.validation_accuracy == ()
    assert record.classes == 1
    untrained = record.untrained
    assert set(untrained) == {
        "train_loss", "validation_loss", "test_loss", "loss_gap", "test_mae", "test_rmse",
        "test_r2",
    }  # fmt: skip
    assert untrained["test_rmse"] == pytest.approx(1.0, abs=0.15)
    if loss is None:
        assert untrained["train_loss"] == pytest.approx(1.0, abs=1e-6)


def test_r2_is_the_share_of_the_means_squares_that_is_gone() -> None:
    # targets 0 and 2 about a training mean of 0: predicted as 0 and 1, squares of 1 remain of 4
    mean, rmse = (torch.tensor([square / 2]).sqrt() for square in (4.0, 1.0))
    assert explained(rmse, mean).item() == pytest.approx(0.75)
    assert explained(mean, mean).item() == 0.0


def test_another_unit_of_the_targets_moves_the_loss_of_the_mean_and_no_error(
    numbers_folder: Path,
) -> None:
    plain, tens = (run_numbers(numbers_folder, target_factor=f).untrained for f in (1.0, 10.0))
    assert tens["test_loss"] == pytest.approx(100 * plain["test_loss"], rel=1e-5)
    for name in ("test_mae", "test_rmse", "test_r2"):
        assert tens[name] == pytest.approx(plain[name], rel=1e-5)


def test_in_another_unit_of_the_targets_a_linear_network_is_the_same(
    numbers_folder: Path,
) -> None:
    # from zero weights all predictions, gradients and steps of SGD are ten times larger
    linear = {"hidden": [], "init": "zeros", "optimizer": "sgd", "lr": 0.01}
    plain, tens = (
        metrics_of(run_numbers(numbers_folder, target_factor=f, **linear)) for f in (1.0, 10.0)
    )
    for seed, metrics in plain.items():
        assert tens[seed]["test_loss"] == pytest.approx(100 * metrics["test_loss"], rel=1e-4)
        for name in ("test_r2", "test_rmse", "test_mae"):
            assert tens[seed][name] == pytest.approx(metrics[name], rel=1e-4)


def test_the_search_among_trainings_on_numbers_scores_the_lost_as_the_mean(numbers_folder) -> None:
    search = {"candidates": [{"lr": 1e30}, {"lr": 1e-2}], "seeds": [1_000_000, 1_000_001]}
    found = run_numbers(numbers_folder, optimizer="sgd", search=search).search
    assert found.chosen == 1
    assert found.scores[0] == pytest.approx(1.0, abs=0.2)
