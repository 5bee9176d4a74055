"""How inputs are ranked by what they matter to a network, and how a ranking is judged."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_cell import cell_of, measured
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score
from tiny_training import stacked_of, tiny_data
from torch import Tensor, nn

from nnbench.datasets.friedman import DATASET as FRIEDMAN
from nnbench.datasets.friedman import signal
from nnbench.engine import importance
from nnbench.engine.data import TrainingData
from nnbench.engine.importance import (
    by_first_weights,
    by_gradient,
    by_permutation,
    informative_inputs,
    recovery,
)
from nnbench.engine.objectives import objective
from nnbench.engine.stacking import Replicates
from nnbench.errors import NnbenchError
from nnbench.experiments.reads import check_reads
from nnbench.settings import IMPORTANCES, Settings

SEEDS = (4, 0, 9)
SQUARES = objective("mse", "regression")
WEIGHTS = torch.tensor([3.0, 0.0, -1.0, 0.5])


pytestmark = pytest.mark.usefixtures("on_one_thread")


def numbers(noise: float = 0.5) -> TrainingData:
    """Independent inputs, and targets that are linear in them but for noise."""
    data, draw = tiny_data(SEEDS, size=2000), torch.Generator().manual_seed(1)
    inputs = torch.randn(data.bank.inputs.shape, generator=draw)
    targets = inputs @ WEIGHTS + noise * torch.randn(len(inputs), generator=draw)
    bank = replace(data.bank, inputs=inputs, labels=targets)
    return replace(data, bank=bank, outputs=1, task="regression")


def linear_nets() -> list[nn.Module]:
    """The right weights, twice as large ones, and none."""
    nets: list[nn.Module] = []
    for factor in (1.0, 2.0, 0.0):
        layer = nn.Linear(4, 1)
        nn.init.zeros_(layer.bias)
        layer.weight.data = factor * WEIGHTS.unsqueeze(0)
        nets.append(nn.Sequential(nn.Flatten(), layer))
    return nets


def both_forms() -> Iterator[Replicates]:
    stacked = stacked_of(linear_nets(), SEEDS)
    assert stacked.stacked
    yield stacked
    yield Replicates(linear_nets(), copy.deepcopy(stacked.draws), stackable=False)


def samples(data: TrainingData, row: int) -> tuple[np.ndarray, np.ndarray]:
    rows = data.validation[row, : importance.SAMPLES]
    return data.bank.inputs[rows].double().numpy(), data.bank.labels[rows].double().numpy()


class Linear(RegressorMixin, BaseEstimator):
    """A network of this file, for scikit-learn."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.fitted_ = True

    def fit(self, x: np.ndarray, y: np.ndarray) -> Linear:
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(x @ (self.factor * WEIGHTS.double().numpy()))


def test_permutations_find_what_scikit_learns_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "REPEATS", 150)
    data = numbers()
    for model in both_forms():
        ours = by_permutation(model, data, SQUARES, seeds=SEEDS)
        for row, factor in enumerate((1.0, 2.0, 0.0)):
            x, y = samples(data, row)
            theirs = permutation_importance(
                Linear(factor),
                x,
                y,
                scoring="neg_mean_squared_error",
                n_repeats=150,
                random_state=0,
            ).importances_mean
            assert ours[row].numpy() == pytest.approx(theirs, rel=0.05, abs=0.05)


def test_without_noise_a_permutation_costs_twice_the_squared_weight_times_the_variance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importance, "REPEATS", 60)
    data = numbers(noise=0.0)
    ours = by_permutation(stacked_of(linear_nets(), SEEDS), data, SQUARES, seeds=SEEDS)
    x, _ = samples(data, 0)
    assert ours[0].numpy() == pytest.approx(2 * WEIGHTS.numpy() ** 2 * x.var(axis=0), rel=0.03)


def test_gradients_and_first_weights_are_those_by_hand() -> None:
    data = numbers()
    for model in both_forms():
        gradients, weights = by_gradient(model, data, SQUARES), by_first_weights(model)
        for row, factor in enumerate((1.0, 2.0, 0.0)):
            x, y = samples(data, row)
            error = np.abs(x @ (factor * WEIGHTS.double().numpy()) - y).mean()
            wanted = factor * WEIGHTS.abs().numpy()
            assert gradients[row].numpy() == pytest.approx(2 * error * wanted, rel=1e-4)
            assert weights[row].numpy() == pytest.approx(wanted, rel=1e-6)


def test_the_data_stay_as_they_are() -> None:
    data = numbers()
    before = data.bank.inputs.clone()
    by_permutation(stacked_of(linear_nets(), SEEDS), data, SQUARES, seeds=SEEDS)
    assert torch.equal(data.bank.inputs, before)


def test_a_convolution_has_no_weights_of_single_inputs() -> None:
    model = stacked_of([nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()) for _ in SEEDS], SEEDS)
    assert recovery(by_first_weights(model), torch.tensor([True, False])).isnan().all()


@pytest.mark.parametrize(("ranked", "wanted"), [
    ([9.0, 8.0, 1.0, 2.0], 1.0),
    ([1.0, 2.0, 9.0, 8.0], 0.0),
    ([9.0, 1.0, 5.0, 5.0], 0.5),
    ([9.0, 5.0, 5.0, 1.0], 0.875),  # a tie counts one half
    ([0.0, 0.0, 0.0, 0.0], 0.5),
])  # fmt: skip
def test_the_area_by_hand(ranked: list[float], wanted: float) -> None:
    informative = torch.tensor([True, True, False, False])
    assert recovery(torch.tensor([ranked]), informative).tolist() == [wanted]


def test_the_area_is_scikit_learns() -> None:
    draw = torch.Generator().manual_seed(0)
    ranked = torch.randint(0, 6, (20, 12), generator=draw).float()
    informative = torch.arange(12) % 3 == 0
    theirs = [roc_auc_score(informative.numpy(), row.numpy()) for row in ranked]
    assert recovery(ranked, informative).tolist() == pytest.approx(theirs)


def test_a_ranking_that_is_no_number_has_no_area() -> None:
    ranked = torch.tensor([[1.0, torch.nan], [1.0, 0.0]])
    found = recovery(ranked, torch.tensor([True, False])).tolist()
    assert np.isnan(found[0])
    assert found[1] == 1.0


def test_of_friedmans_inputs_the_first_five_count_and_no_decoy_does() -> None:
    inputs = torch.rand(50, 10).numpy()
    other = inputs.copy()
    other[:, list(FRIEDMAN.irrelevant)] = 0.0
    assert np.array_equal(signal(inputs), signal(other))
    settings = Settings.model_validate_json(json.dumps({"decoys": 2}))
    assert informative_inputs(FRIEDMAN, settings).nonzero().flatten().tolist() == [0, 1, 2, 3, 4]
    assert len(informative_inputs(FRIEDMAN, settings)) == 30


@pytest.mark.parametrize(("probes", "metric", "words"), [
    ([], "importance", r"as the cell measures it(.|\n)*importance"),
    (["importance"], "test_loss", r"measured at 'untrained'(.|\n)*test_loss(.|\n)*importance"),
    (["importance"], "importance", None),
])  # fmt: skip
def test_a_ranking_is_read_where_it_is_measured(
    probes: list[str], metric: str, words: str | None
) -> None:
    settings = Settings.model_validate_json(json.dumps({"decoys": 1, "probes": probes}))
    refused = nullcontext() if words is None else pytest.raises(NnbenchError, match=words)
    with refused:
        check_reads(settings, metric, FRIEDMAN, at="untrained", where="level")


FRIEDMAN_CELL: dict[str, Any] = {
    "train_size": 200,
    "train_for": "30 epochs",
    "decoys": 1,
    "lr": 0.003,
}


def importances(**values: Any) -> dict[str, Tensor]:
    cell = cell_of("friedman1", **{**FRIEDMAN_CELL, "probes": ["importance"], **values})
    runs = measured(cell, folder=Path("unused")).runs.values()
    names = ("importance", *(f"importance@{name}" for name in IMPORTANCES))
    return {name: torch.tensor([run.metrics[name] for run in runs]) for name in names}


def test_a_trained_network_is_found_to_use_the_informative_inputs_and_an_untrained_is_not() -> None:
    found = importances()
    assert found["importance"].mean() > 0.9
    assert found["importance@gradients"].mean() > 0.8
    assert found["importance@first weights"].mean() > 0.7
    assert 0.25 < found["importance@untrained"].mean() < 0.75


def test_the_untrained_network_is_the_one_that_training_begins_with() -> None:
    found = importances(lr=1e-12, train_for="1 steps", checkpoint="last")
    assert torch.equal(found["importance"], found["importance@untrained"])


def test_the_probe_changes_nothing_else() -> None:
    runs = [
        measured(cell_of("friedman1", **FRIEDMAN_CELL, probes=probes), folder=Path("unused")).runs
        for probes in ([], ["importance"])
    ]
    for seed, plain in runs[0].items():
        probed = runs[1][seed].metrics
        assert {name: probed[name] for name in plain.metrics} == plain.metrics
