"""Compiled recurrent layers do what PyTorch's do, to within rounding, and depend on nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from test_native import SEEDS, assert_close, general, trained, weights
from tiny_training import built, settings_of, tiny_data
from torch import nn

from nnbench.engine.native import build
from nnbench.engine.native.network import compiled_network
from nnbench.engine.native.program import CannotCompileError, layers_of
from nnbench.engine.scores import evaluate
from nnbench.engine.stacked_layers import stack
from nnbench.models.base import Recurrent, Steps

MODELS = ("elman", "gru", "lstm")
IMAGE, COLOURS, SIGNAL = (1, 6, 7), (3, 5, 4), (9,)
SGD: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.9}
CASES: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "rows of an image": (IMAGE, {**SGD, "hidden": [17]}),
    "rows of colours": (COLOURS, {**SGD, "hidden": [17]}),
    "a signal": (SIGNAL, {**SGD, "hidden": [17]}),
    "whole vectors": (IMAGE, {**SGD, "hidden": [32]}),
    "two layers with dropout": (IMAGE, {**SGD, "hidden": [20, 33], "dropout": 0.3}),
    "more units than a block": (SIGNAL, {**SGD, "hidden": [200], "train_for": "2 epochs"}),
    "adam": (SIGNAL, {"hidden": [5]}),
    "penalties": (SIGNAL, {**SGD, "hidden": [8], "l1": 0.01, "l2": 0.02}),
}

pytestmark = [
    pytest.mark.usefixtures("on_one_thread"),
    pytest.mark.skipif(build.compiler_here() is None, reason="needs a C++ compiler"),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", CASES)
def test_compiled_steps_end_where_autograd_ends(
    name: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, settings = CASES[name]
    data = tiny_data(SEEDS, shape=shape, size=58)
    ours = trained(data, model=model, **settings)
    assert ours.compiler
    general(monkeypatch)
    theirs = trained(data, model=model, **settings)
    assert theirs.compiler is None
    assert_close(ours, theirs)


@pytest.mark.parametrize("model", MODELS)
def test_a_replicate_has_the_same_bits_again_alone_and_with_threads(model: str) -> None:
    data = tiny_data(SEEDS, shape=IMAGE)
    expected = trained(data, model=model, hidden=[12, 10])
    again = trained(data, model=model, hidden=[12, 10])
    one = slice(1, 2)
    alone = dataclasses.replace(
        tiny_data(SEEDS[one], shape=IMAGE), train=data.train[one], validation=data.validation[one]
    )
    single = trained(alone, seeds=SEEDS[one], model=model, hidden=[12, 10])
    torch.set_num_threads(2)
    threads = trained(data, model=model, hidden=[12, 10])
    for found, rows in ((again, slice(None)), (threads, slice(None)), (single, one)):
        pairs = zip(weights(found), weights(expected), strict=True)
        assert all(own.equal(other[rows]) for own, other in pairs)


@pytest.mark.parametrize("model", MODELS)
def test_no_prediction_depends_on_the_samples_beside_it(model: str) -> None:
    data = tiny_data(SEEDS, shape=IMAGE, size=300)
    network = compiled_network(built(settings_of(model=model), SEEDS, data), data.bank)
    assert network is not None
    rows = torch.arange(300).expand(len(SEEDS), -1)
    assert network.outputs(rows)[:, 130:137].equal(network.outputs(rows[:, 130:137]))


@pytest.mark.parametrize("model", MODELS)
def test_scores_are_those_of_the_general_path(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny_data(SEEDS, shape=COLOURS)
    network = built(settings_of(model=model), SEEDS, data)
    ours = evaluate(network, data.bank, data.train).loss
    general(monkeypatch)
    assert ours == pytest.approx(evaluate(network, data.bank, data.train).loss, rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_mixed_precision_trains_to_about_the_same_losses(model: str) -> None:
    data = tiny_data(SEEDS, shape=IMAGE)
    settings: dict[str, Any] = {"model": model, "hidden": [8, 6]}
    mixed, full = (trained(data, mixed_precision=m, **settings) for m in (True, False))
    assert mixed.curves != full.curves
    assert mixed.curves.train_loss[-1] == pytest.approx(full.curves.train_loss[-1], rel=0.05)


def test_states_of_all_steps_need_a_layer_that_takes_them() -> None:
    """A dense layer of each step is no dense layer of all of them."""
    body = nn.Sequential(Steps(), Recurrent(nn.GRU, (1, 4), last=False), nn.Linear(4, 3))
    with pytest.raises(CannotCompileError, match="each step"):
        layers_of(stack([body], [torch.Generator()]), SIGNAL)
