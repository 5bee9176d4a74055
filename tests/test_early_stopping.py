"""Patience: each replicate ends for itself, with its best weights, whatever the others do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from test_train import rows_of
from tiny_training import built, final, settings_of, tiny_data, trained_on

from nnbench.engine import monitor as monitoring
from nnbench.engine.monitor import Monitor
from nnbench.engine.scores import Scores
from nnbench.experiments.training.scores import curves_of, epochs_to_target, status_of

SEEDS = (4, 0, 9)
OVERFIT = {"hidden": [32], "lr": 0.05, "train_for": "30 epochs"}
NAN = math.nan


pytestmark = pytest.mark.usefixtures("on_one_thread")


def scripted(
    monkeypatch, losses: list[list[float]], **values: object
) -> tuple[Monitor, list[bool]]:
    """A monitor that is shown these losses (point x replicate), the weights being the point's number."""
    settings, data = settings_of(**values), tiny_data(SEEDS)
    model = built(settings, SEEDS, data)
    monitor = Monitor(model, data, settings, seeds=SEEDS)
    ended = []
    for point, row in enumerate(losses, start=1):
        for parameter in model.parameters():
            parameter.data.fill_(point)
        shown = torch.tensor(row, dtype=torch.float64)
        scores = Scores(loss=shown, accuracy=torch.zeros(3, dtype=torch.float64))
        monkeypatch.setattr(monitoring, "evaluate", lambda *_, s=scores, **__: s)
        ended.append(monitor.look(epoch=float(point), train_loss=torch.ones(3)))
    monitor.restore()
    return monitor, ended


LOSSES = [
    [3.0, 3.0, 3.0],
    [2.0, 2.0, NAN],
    [2.5, 2.5, 2.0],
    [2.6, 1.9, 2.0],
    [1.0, 2.0, 2.5],  # the first one stopped a point ago
    [1.0, 2.0, 0.5],
]


def test_a_replicate_keeps_the_best_weights_from_before_its_patience_ended(monkeypatch) -> None:
    monitor, ended = scripted(monkeypatch, LOSSES, patience=2)
    assert monitor.stopped.tolist() == [4.0, 6.0, 5.0]
    weights = next(monitor.model.parameters())[:, 0, 0].tolist()
    assert weights == [2.0, 4.0, 3.0]  # later improvements (1.0 and 0.5) do not count
    assert monitor.best_loss.tolist() == [2.0, 1.9, 2.0]
    assert ended == [False] * 5 + [True]


def test_a_longer_patience_waits_longer_and_none_waits_for_ever(monkeypatch) -> None:
    monitor, _ = scripted(monkeypatch, LOSSES, patience=3)
    assert monitor.stopped.isnan().all()
    assert monitor.best_loss.tolist() == [1.0, 1.9, 0.5]
    monitor, ended = scripted(monkeypatch, LOSSES)
    assert monitor.stopped.isnan().all()
    assert not any(ended)


def test_curves_of_a_replicate_end_where_it_stopped(monkeypatch) -> None:
    monitor, _ = scripted(monkeypatch, LOSSES, patience=2)
    curves = curves_of(monitor.curves)
    assert [row[0] for row in curves.validation_loss] == [3.0, 2.0, 2.5, 2.6, None, None]
    assert [row[1] for row in curves.validation_loss] == [3.0, 2.0, 2.5, 1.9, 2.0, 2.0]
    for name in ("train_loss", "validation_accuracy"):
        assert [row[0] is None for row in getattr(curves, name)] == [False] * 4 + [True] * 2


def test_a_target_that_is_met_only_after_the_stop_is_not_reached(monkeypatch) -> None:
    target = {"metric": "validation_loss", "value": 1.5}
    settings = settings_of(target=target, patience=2)
    monitor, _ = scripted(monkeypatch, LOSSES, patience=2, target=target)
    assert epochs_to_target(monitor.curves, settings, 0) is None
    assert monitor.reached.tolist() == [False, False, False]


def test_losses_after_the_stop_do_not_make_a_run_diverge(monkeypatch) -> None:
    losses = [[1.0, 1.0, 1.0], [2.0, 0.9, 2.0], [NAN, NAN, 0.5]]
    monitor, _ = scripted(monkeypatch, losses, patience=1)
    assert monitor.diverged.tolist() == [False, True, False]
    assert monitor.best_loss.tolist() == [1.0, 0.9, 1.0]


@pytest.mark.parametrize("model", ["mlp", "tiny_training:skip"])
def test_replicates_stop_where_they_stop_alone_and_with_the_same_weights(model: str) -> None:
    settings, data = settings_of(model=model, patience=3, **OVERFIT), tiny_data(SEEDS, noise=3.0)
    together = trained_on(data, settings, SEEDS)
    assert len(set(together.stopped_epochs)) > 1
    for row, seed in enumerate(SEEDS):
        alone = trained_on(rows_of(data, row), settings, (seed,))
        assert alone.stopped_epochs == (together.stopped_epochs[row],)
        torch.testing.assert_close(final(together, row), final(alone, 0), rtol=1e-3, atol=1e-4)
    assert together.curves.epochs[-1] == max(together.stopped_epochs) < 30


def test_the_stop_is_the_patience_after_the_best_point_of_a_training_without_it() -> None:
    data = tiny_data(SEEDS, noise=3.0)
    stopped = trained_on(data, settings_of(patience=3, **OVERFIT), SEEDS)
    whole = np.array(trained_on(data, settings_of(**OVERFIT), SEEDS).curves.validation_loss)
    for row in range(3):
        column = whole[:, row]
        wanted = next(
            i for i in range(3, 30) if column[i - 2 : i + 1].min() >= column[: i - 2].min()
        )
        assert stopped.stopped_epochs[row] == wanted + 1
        kept = np.array(stopped.curves.validation_loss)[: wanted + 1, row]
        np.testing.assert_array_equal(kept, column[: wanted + 1])
    assert [status_of(stopped, settings_of(patience=3), row) for row in range(3)] == ["ok"] * 3


def test_training_ends_when_every_replicate_stopped_or_diverged() -> None:
    settings = settings_of(patience=2, **{**OVERFIT, "train_for": "200 epochs"})
    trained = trained_on(tiny_data(SEEDS, noise=3.0), settings, SEEDS)
    assert None not in trained.stopped_epochs
    assert trained.steps == 4 * max(trained.stopped_epochs) < settings.total_steps(50)
    assert trained.cap_epochs == 200
