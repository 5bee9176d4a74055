"""Compiled steps do what autograd does, to within rounding, and depend on nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from tiny_training import built, settings_of, tiny_data, train
from torch import Tensor, nn

from nnbench.engine.data import Normaliser, TrainingData
from nnbench.engine.native import build
from nnbench.engine.native.network import compiled_network
from nnbench.engine.native.program import LAYERS, LOSSES
from nnbench.engine.native.steps import OPTIMIZERS as COMPILED
from nnbench.engine.objectives import CLASSIFICATION, REGRESSION
from nnbench.engine.scores import evaluate
from nnbench.engine.train import Trained
from nnbench.registry import ACTIVATIONS, OPTIMIZERS

SEEDS = (0, 1, 2)
NORM: dict[str, Any] = {"model_options": {"norm": "batch"}, "optimizer": "sgd"}
# Adam would amplify the rounding of gradients that are zero, such as those of biases before a norm
CASES: dict[str, dict[str, Any]] = {
    **{name: {"activation": name, "hidden": [40, 24]} for name in ACTIVATIONS},
    **{name: {"optimizer": name} for name in OPTIMIZERS},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "rmsprop with momentum": {"optimizer": "rmsprop", "momentum": 0.5},
    **{f"{loss} of classes": {"loss": loss} for loss in CLASSIFICATION},
    "dropout": {"dropout": 0.3, "hidden": [40, 17]},
    "penalties": {"l1": 0.01, "l2": 0.02},
    "softmax regression": {"hidden": []},
    "cosine": {"schedule": "cosine"},
    "wider than a block": {"hidden": [300, 70], "optimizer": "sgd"},
    "batch normalisation": {**NORM, "hidden": [40, 17]},
    "skips": {
        "optimizer": "sgd", "momentum": 0.9, "dropout": 0.25, "hidden": [40, 40, 40],
        "model_options": {"norm": "batch", "skip": True},
    },
    "all weights zero": {"init": "zeros", "loss": "hinge"},
}  # fmt: skip

pytestmark = [
    pytest.mark.usefixtures("on_one_thread"),
    pytest.mark.skipif(build.compiler_here() is None, reason="needs a C++ compiler"),
]


def general(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on PyTorch does everything."""
    for module in ("monitor", "scores"):
        monkeypatch.setattr(f"nnbench.engine.{module}.compiled_network", lambda *_: None)


def regression(data: TrainingData) -> TrainingData:
    draw = torch.Generator().manual_seed(3)
    numbers = torch.randn(len(data.train), len(data.bank.inputs), generator=draw)
    bank = dataclasses.replace(data.bank, labels=numbers)
    return dataclasses.replace(data, bank=bank, task="regression", outputs=1)


def trained(data: TrainingData, seeds: Sequence[int] = SEEDS, **settings: Any) -> Trained:
    chosen = settings_of(**{"checkpoint": "last", **settings})
    return train(data, built(chosen, seeds, data), chosen, seeds=seeds)


def weights(found: Trained) -> list[Tensor]:
    return [tensor for tensor, _ in found.model.state()]


def assert_close(ours: Trained, theirs: Trained) -> None:
    for one, other in zip(weights(ours), weights(theirs), strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=2e-5)
    for name in ("train_loss", "validation_loss"):
        one, other = (torch.tensor(getattr(t.curves, name)) for t in (ours, theirs))
        assert one == pytest.approx(other, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_compiled_steps_end_where_autograd_ends(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny_data(SEEDS, shape=(20,), size=58)
    ours = trained(data, **CASES[name])
    assert ours.compiler
    general(monkeypatch)
    theirs = trained(data, **CASES[name])
    assert theirs.compiler is None
    assert_close(ours, theirs)


def mostly_zero(data: TrainingData, *, each: bool) -> TrainingData:
    """The same with four in five values 0 before they are normalised, of all at once or of each feature.

    The first third of the samples stays as it is, so that some batches are as sparse as digits on black and some are not.
    """
    draw, inputs = torch.Generator().manual_seed(4), data.bank.inputs.clone()
    zero = torch.rand(inputs.shape, generator=draw) < 0.8
    zero[: len(zero) // 3] = False
    shape = (len(data.train), 1, *(inputs.shape[1:] if each else [1] * (inputs.ndim - 1)))
    shift, factor = (torch.rand(shape, generator=draw) + 0.5 for _ in range(2))
    normaliser = Normaliser(shift=shift, factor=factor)
    bank = dataclasses.replace(data.bank, inputs=inputs.masked_fill(zero, 0), normaliser=normaliser)
    return dataclasses.replace(data, bank=bank)


@pytest.mark.parametrize("batch_size", [1, 4, 16])
@pytest.mark.parametrize("hidden", [[5], [77], [300, 8]], ids=str)
@pytest.mark.parametrize("each", [False, True])
def test_inputs_that_are_mostly_zero_are_seen_as_any_others(
    each: bool, hidden: list[int], batch_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = mostly_zero(tiny_data(SEEDS, shape=(37,)), each=each)
    settings: dict[str, Any] = {"hidden": hidden, "batch_size": batch_size, "optimizer": "sgd"}
    ours = trained(data, **settings)
    network = compiled_network(ours.model.eval(), data.bank)
    assert network is not None
    with torch.no_grad():
        expected = ours.model(data.bank.gather(data.validation)[0])
    assert network.outputs(data.validation) == pytest.approx(expected, rel=1e-4, abs=1e-4)
    general(monkeypatch)
    assert_close(ours, trained(data, **settings))


def test_augmented_images_are_those_of_the_general_path(monkeypatch: pytest.MonkeyPatch) -> None:
    data = mostly_zero(tiny_data(SEEDS, shape=(2, 6, 7)), each=False)
    settings: dict[str, Any] = {
        "augment": {"rotation_degrees": 30, "shift_fraction": 0.2, "horizontal_flip": True},
        "dropout": 0.25, "optimizer": "sgd",
    }  # fmt: skip
    ours = trained(data, **settings)
    assert ours.compiler
    general(monkeypatch)
    assert_close(ours, trained(data, **settings))


@pytest.mark.parametrize("loss", REGRESSION)
def test_numbers_are_learned_as_by_autograd(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = regression(tiny_data(SEEDS, shape=(5,)))
    ours = trained(data, loss=loss, optimizer="sgd")
    general(monkeypatch)
    assert_close(ours, trained(data, loss=loss, optimizer="sgd"))


def test_images_are_seen_flat_and_each_feature_is_normalised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tiny_data(SEEDS, shape=(1, 6, 7))
    draw = torch.Generator().manual_seed(1)
    shift, factor = (torch.rand(len(SEEDS), 1, 1, 6, 7, generator=draw) + 0.5 for _ in range(2))
    normaliser = Normaliser(shift=shift, factor=factor)
    data = dataclasses.replace(data, bank=dataclasses.replace(data.bank, normaliser=normaliser))
    ours = trained(data)
    general(monkeypatch)
    assert_close(ours, trained(data))


def test_every_registered_part_is_in_a_table_of_what_can_be_compiled() -> None:
    assert set(COMPILED) == set(OPTIMIZERS)
    by_pytorch = {"log_of_softmax", "log_of_clipped"}  # which claims compare as PyTorch rounds them
    assert {name for table in LOSSES.values() for name in table} == {
        None, *CLASSIFICATION, *REGRESSION,
    } - by_pytorch  # fmt: skip
    for path in ACTIVATIONS.values():
        assert getattr(nn, path.partition(":")[2]) in LAYERS


AUGMENTED = {"augment": {"zoom_fraction": 0.3, "shear_degrees": 20.0}}


@pytest.mark.parametrize("settings", [CASES["skips"], CASES["dropout"], AUGMENTED])
def test_a_replicate_has_the_same_bits_alone_in_chunks_and_with_threads(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_data(SEEDS, shape=(1, 4, 5))
    expected = trained(data, **settings)

    def same(found: Trained, rows: slice = slice(None)) -> bool:
        pairs = zip(weights(found), weights(expected), strict=True)
        return all(one.equal(other[rows]) for one, other in pairs)

    alone = dataclasses.replace(
        tiny_data(SEEDS[1:2], shape=(1, 4, 5)),
        train=data.train[1:2],
        validation=data.validation[1:2],
    )
    assert same(trained(alone, seeds=SEEDS[1:2], **settings), slice(1, 2))
    torch.set_num_threads(2)
    assert same(trained(data, **settings))
    monkeypatch.setattr("nnbench.engine.native.steps.CHUNK", 5)
    chunked = trained(data, **settings)
    assert same(chunked)
    assert chunked.curves == expected.curves


def test_a_loss_that_overflows_is_seen_as_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    data = regression(tiny_data(SEEDS, shape=(5,)))
    settings: dict[str, Any] = {"optimizer": "sgd", "lr": 1e20, "train_for": "20 epochs"}
    ours = trained(data, **settings)
    general(monkeypatch)
    assert ours.diverged == trained(data, **settings).diverged == (True, True, True)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predictions_are_those_of_pytorch_also_far_from_zero(activation: str) -> None:
    data = tiny_data(SEEDS, shape=(20,), noise=100.0)
    model = built(settings_of(activation=activation, hidden=[40], dropout=0.5), SEEDS, data).eval()
    network = compiled_network(model, data.bank)
    assert network is not None
    with torch.no_grad():
        expected = model(data.bank.gather(data.validation)[0])
    assert network.outputs(data.validation) == pytest.approx(expected, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "cnn"}, {"mixed_precision": True}, {"balance": "weights"},
        {"optimizer": "torch.optim:AdamW"}, {"activation": "torch.nn:Softplus"},
    ],
)  # fmt: skip
def test_whatever_is_not_in_the_tables_takes_the_general_path(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("nnbench.engine.native.steps.CompiledSteps.advance", refuse)
    assert trained(tiny_data(SEEDS, shape=(1, 8, 8)), **settings).steps == 12


def test_a_hook_sees_what_it_listens_to() -> None:
    data = tiny_data(SEEDS)
    model = built(settings_of(), SEEDS, data)
    seen: list[torch.Size] = []
    model.body.get_submodule("1").register_forward_hook(lambda *call: seen.append(call[2].shape))
    evaluate(model, data.bank, data.validation)
    assert seen == [torch.Size([3, 25, 8])]
