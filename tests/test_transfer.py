"""Training on other classes first: what is kept, what is frozen, and what stays as it was drawn."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from one_cell import SEEDS as _CELL_SEEDS
from one_cell import cell_of, folder, measured, plain
from tiny_training import CLASSES, final, settings_of, tiny_data, weights_of
from torch import nn

from nnbench.cells.cell import Cell
from nnbench.engine.pretraining import earlier_seeds, earlier_settings
from nnbench.engine.seeding import derived_seed
from nnbench.engine.stacking import Replicates
from nnbench.engine.train import build_replicates, train
from nnbench.experiments.measured import Measured
from nnbench.experiments.training import fit as training_fit
from nnbench.models.base import ModelSpec, linear
from nnbench.settings import Settings

__all__ = ["folder"]  # a fixture

SEEDS = (4, 0, 9)
CPU = torch.device("cpu")
BEFORE = {"classes": [0, 1, 2, 3, 4], "train_for": "5 epochs"}


pytestmark = pytest.mark.usefixtures("on_one_thread")


def normed(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """A network with batch normalisation and dropout that can be stacked."""
    inputs, width = int(torch.Size(spec.input_shape).numel()), spec.hidden[0]
    return nn.Sequential(
        nn.Flatten(), linear(inputs, width, how="glorot", generator=generator),
        nn.BatchNorm1d(width), spec.activation(), nn.Dropout(0.3),
        linear(width, spec.classes, how="glorot", generator=generator),
    )  # fmt: skip


MODELS = ["mlp", "test_transfer:normed", "tiny_training:skip"]


def made(settings: Settings, seeds: tuple[int, ...], outputs: int) -> Replicates:
    return build_replicates(settings, input_shape=(4,), classes=outputs, seeds=seeds, device=CPU)


def pretrained(model: str, *, freeze: bool) -> tuple[Settings, Replicates, Replicates]:
    """A fresh network that took over the body of one with two more outputs."""
    pretrain = {"classes": [5, 6], "freeze": freeze}
    settings = settings_of(model=model, pretrain=pretrain, train_for="4 epochs")
    fresh, source = made(settings, SEEDS, CLASSES), made(settings, (11, 12, 13), CLASSES + 2)
    for buffer in source.buffers():
        buffer.add_(1)
    fresh.copy_body_from(source)
    if freeze:
        fresh.freeze_body()
    return settings, fresh, source


@pytest.mark.parametrize("model", MODELS)
def test_all_but_the_output_layer_is_taken_over(model: str) -> None:
    settings, fresh, source = pretrained(model, freeze=False)
    drawn = made(settings, SEEDS, CLASSES)
    for row in range(3):
        got, theirs, own = (
            [t for t, r in m.state() if r in (row, None)] for m in (fresh, source, drawn)
        )
        parameters = len(list(fresh.parameters())) // (1 if fresh.stacked else 3)
        output = range(parameters - 2, parameters)  # weight and bias
        for place, (tensor, other, before) in enumerate(zip(got, theirs, own, strict=True)):
            if place in output:
                assert torch.equal(tensor, before)
            else:
                assert torch.equal(tensor, other)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "tiny_training:sign_descent"])
@pytest.mark.parametrize("model", MODELS)
def test_a_frozen_body_stays_and_the_output_layer_learns(model: str, optimizer: str) -> None:
    settings, fresh, _ = pretrained(model, freeze=True)
    settings = settings.model_copy(
        update={"optimizer": optimizer, "checkpoint": "last", "l2": 1e-3}
    )
    outputs = {id(p) for p in fresh.output_layer()}
    before = [(t.clone(), p) for p in (*fresh.parameters(), *fresh.buffers()) for t in [p.detach()]]
    train(tiny_data(SEEDS), fresh, settings, seeds=SEEDS)
    changed = {id(p): not torch.equal(t, p) for t, p in before}
    assert {key for key, moved in changed.items() if moved} == outputs
    assert fresh.parameters_each() == 8 * CLASSES + CLASSES


@pytest.mark.parametrize("model", MODELS)
def test_a_body_that_is_not_frozen_learns_too(model: str) -> None:
    settings, fresh, _ = pretrained(model, freeze=False)
    before = [weights_of(fresh, row) for row in range(3)]
    before = [[w.clone() for w in row] for row in before]
    trained = train(tiny_data(SEEDS), fresh, settings, seeds=SEEDS)
    for row in range(3):
        pairs = zip(before[row], final(trained, row), strict=True)
        assert not any(torch.equal(a, b) for a, b in pairs)


def test_only_normalisation_of_a_frozen_body_stays_in_evaluation_mode() -> None:
    for freeze in (True, False):
        _, fresh, _ = pretrained("test_transfer:normed", freeze=freeze)
        fresh.train()
        modes = {type(module).__name__: module.training for module in fresh.modules()}
        assert modes["SeededDropout"]
        assert modes["StackedBatchNorm"] is not freeze


def test_the_earlier_training_has_its_own_seeds_the_same_each_time() -> None:
    seeds = tuple(range(50))
    own = earlier_seeds(seeds)
    assert own == earlier_seeds(seeds) == tuple(derived_seed(s, "pretrain") for s in seeds)
    assert not set(own) & set(seeds)
    assert len(set(own)) == 50


def test_the_earlier_training_differs_in_task_and_budget_alone() -> None:
    pretrain = {"classes": [5, 6, 7], "train_size": 99, "train_for": "7 steps", "freeze": True}
    judged = settings_of(
        pretrain=pretrain, classes=[1, 2], dropout=0.3, label_noise=0.2, l1=0.1, patience=4,
        label_noise_to="next", label_noise_of=1, validation_without=0, balance="weights",
        target={"value": 0.9}, stop_at_target=True, probes=["gradients"], shifts={"noise": {"noise": 0.1}},
    )  # fmt: skip
    earlier = earlier_settings(judged)
    assert (earlier.classes, earlier.train_size, earlier.train_for) == ((5, 6, 7), 99, "7 steps")
    for name in (
        "pretrain",
        "label_noise",
        "label_noise_to",
        "label_noise_of",
        "validation_without",
        "balance",
        "target",
        "stop_at_target",
        "patience",
        "probes",
        "shifts",
    ):
        assert getattr(earlier, name) == getattr(Settings(), name)
    for name in ("dropout", "l1", "hidden", "batch_size", "lr", "optimizer"):
        assert getattr(earlier, name) == getattr(judged, name)


def cell(**values: Any) -> Cell:
    return cell_of(**{"classes": [5, 6, 7, 8, 9], "train_size": 40, **values})


def test_a_cell_trains_the_other_classes_first_on_the_judged_ones_scale(
    folder, monkeypatch
) -> None:
    seen: list[Any] = []

    def spied(data: Any, model: Replicates, settings: Settings, *, seeds: Any, **more: Any) -> Any:
        first = [t.clone() for t, _ in model.state()]
        trained = train(data, model, settings, seeds=seeds, **more)
        seen.append((data, settings, seeds, first, [t.clone() for t, _ in model.state()]))
        return trained

    monkeypatch.setattr(training_fit, "train", spied)
    record = measured(cell(pretrain=BEFORE), folder=folder)
    (data, settings, seeds, _, ended), (target, judged, judged_seeds, started, _) = seen
    assert settings.classes == (0, 1, 2, 3, 4)
    assert judged.classes == (5, 6, 7, 8, 9)
    assert tuple(seeds) == earlier_seeds(_CELL_SEEDS)
    assert tuple(judged_seeds) == _CELL_SEEDS
    assert data.bank.normaliser is target.bank.normaliser
    assert data.train.shape[1] > 400  # the replicate's whole share of these classes
    assert target.train.shape[1] == 40
    assert torch.equal(ended[0], started[0])  # the hidden layer's weights are carried over
    facts = record.pretrain
    assert facts["train_size"] == data.train.shape[1]
    assert facts["steps"] == 5 * -(-data.train.shape[1] // 32)
    assert min(facts["validation_accuracy"]) > 0.9
    assert len(facts["validation_loss"]) == len(_CELL_SEEDS)
    assert record.seconds["pretrain"] > 0
    assert record.classes == 5
    names = {name for name in record.runs["0"].metrics if "@" in name}
    assert names == {f"test_accuracy@class {digit}" for digit in range(5, 10)}
    assert Measured.model_validate_json(json.dumps(plain(record), allow_nan=False)) == record


def test_a_body_that_knows_the_classes_is_better_than_none_where_samples_are_few(folder) -> None:
    few = {"train_size": 10, "hidden": [64, 8], "lr": 0.01, "train_for": "60 epochs"}

    def accuracy(**values: Any) -> float:
        runs = measured(cell(**few, **values), folder=folder).runs.values()
        return sum(run.metrics["test_accuracy"] for run in runs) / len(runs)

    # planning refuses the same classes; here they show that what was learned arrives
    same = {"classes": [5, 6, 7, 8, 9], "train_for": "20 epochs"}
    without, tuned, frozen = (
        accuracy(),
        accuracy(pretrain=same),
        accuracy(pretrain={**same, "freeze": True}),
    )
    assert without + 0.05 < tuned < frozen - 0.05  # 0.53, 0.67, 0.86


def test_a_transfer_is_the_same_each_time(folder) -> None:
    short = cell(pretrain={**BEFORE, "train_for": "1 epoch", "train_size": 200})
    first, second = (measured(short, folder=folder) for _ in range(2))
    for name in ("runs", "curves", "pretrain"):
        assert getattr(first, name) == getattr(second, name)
