"""Pretraining by restricted Boltzmann machines, against hand-computed cases and scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
from tiny_training import CLASSES, CPU, settings_of, weights_of
from torch import Tensor

from nnbench.engine.data import Bank, Normaliser, TrainingData
from nnbench.engine.pretraining import Machine, Reconstruction, contrast, pretrain_rbms, sample
from nnbench.engine.seeding import generators
from nnbench.engine.stacking import Replicates
from nnbench.engine.train import build_replicates
from nnbench.errors import NnbenchError
from nnbench.sections import Rbm
from nnbench.settings import Settings

SEEDS = (0, 3, 7)
MLP = settings_of(activation="sigmoid", hidden=[8, 5])


ALL_TEN = torch.arange(10).expand(len(SEEDS), -1)  # all of ten samples


pytestmark = pytest.mark.usefixtures("on_one_thread")


def data_of(inputs: Tensor, train: Tensor) -> TrainingData:
    """These inputs without normalisation or labels that mean anything."""
    one = torch.ones(len(train), 1, *[1] * (inputs.ndim - 1))
    labels = torch.zeros(len(inputs), dtype=torch.int64)
    normaliser = Normaliser(shift=0 * one, factor=one)
    bank = Bank(inputs=inputs, labels=labels, normaliser=normaliser)
    return TrainingData(bank=bank, train=train, validation=train[:, :1], outputs=CLASSES)


def in_range(seeds: Sequence[int] = SEEDS, shape: tuple[int, ...] = (1, 2, 3)) -> TrainingData:
    """Three noisy blobs pressed into [0, 1]; each replicate trains on half of them."""
    draw = torch.Generator().manual_seed(0)
    blobs = 2.0 * torch.randn(3, *shape, generator=draw)[torch.arange(100) % 3]
    inputs = (blobs + torch.randn(100, *shape, generator=draw)).sigmoid()
    rows = [torch.randperm(100, generator=torch.Generator().manual_seed(s))[:50] for s in seeds]
    return data_of(inputs, torch.stack(rows))


def built(settings: Settings, seeds: Sequence[int], data: TrainingData) -> Replicates:
    shape = tuple(data.bank.inputs.shape[1:])
    return build_replicates(settings, input_shape=shape, classes=CLASSES, seeds=seeds, device=CPU)


def pretrained(
    seeds: Sequence[int], data: TrainingData, *, settings: Settings = MLP, **rbm: object
) -> tuple[Replicates, Reconstruction]:
    model = built(settings, seeds, data)
    return model, pretrain_rbms(model, data, Rbm.model_validate(rbm), seeds=seeds)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_the_cd1_direction_is_that_of_a_hand_computed_case() -> None:
    # one replicate, one sample, two visible units, one hidden unit, which was sampled as on
    machine = Machine(
        weight=torch.tensor([[[0.5], [-1.0]]]),
        visible_bias=torch.tensor([[[0.1, 0.2]]]),
        hidden_bias=torch.tensor([[[0.3]]]),
    )
    visible = torch.tensor([[[1.0, 0.25]]])
    h = sigmoid(0.3 + 1.0 * 0.5 + 0.25 * -1.0)
    again = sigmoid(0.1 + 0.5), sigmoid(0.2 - 1.0)
    h_again = sigmoid(0.3 + again[0] * 0.5 - again[1])
    hidden = machine.hidden(visible)
    assert hidden.item() == pytest.approx(h, rel=1e-6)
    got = contrast(machine, visible, hidden, sampled=torch.ones(1, 1, 1))
    wanted = [1.0 * h - again[0] * h_again, 0.25 * h - again[1] * h_again]
    assert got[0].flatten().tolist() == pytest.approx(wanted, rel=1e-5)
    assert got[1].flatten().tolist() == pytest.approx([1 - again[0], 0.25 - again[1]], rel=1e-5)
    assert got[2].item() == pytest.approx(h - h_again, rel=1e-4)


def test_the_direction_is_a_mean_over_the_batch() -> None:
    draw = torch.Generator().manual_seed(0)
    machine = Machine(
        weight=torch.randn(2, 4, 3, generator=draw),
        visible_bias=torch.randn(2, 1, 4, generator=draw),
        hidden_bias=torch.randn(2, 1, 3, generator=draw),
    )
    visible = torch.rand(2, 6, 4, generator=draw)
    hidden = machine.hidden(visible)
    states = (hidden > 0.5).float()
    whole = contrast(machine, visible, hidden, sampled=states)
    each = [
        contrast(machine, visible[:, [k]], hidden[:, [k]], sampled=states[:, [k]]) for k in range(6)
    ]
    for got, parts in zip(whole, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(got, torch.stack(parts).mean(dim=0))


def test_one_step_from_the_first_weights_is_the_hand_computed_one() -> None:
    data = in_range(shape=(4,))
    settings = settings_of(activation="sigmoid", hidden=[3])
    model, _ = pretrained(SEEDS, data, settings=settings, train_for="1 steps", batch_size=50)
    rows = data.bank.inputs[data.train]  # one batch holds all samples: their order means nothing
    on = rows.sum(dim=1)
    for row, generator in enumerate(generators(SEEDS, "rbm")):
        weight = torch.empty(4, 3).normal_(0.0, 0.01, generator=generator).T.double()
        sample(torch.empty(1, 50, 3), [generator])  # the reconstruction before training
        order = torch.randperm(50, generator=generator)
        visible = rows[row][order].double()
        hidden = (visible @ weight.T).sigmoid()
        states = (torch.rand(50, 3, generator=generator) < hidden).double()
        odds = ((on[row] + 1) / (51 - on[row])).log().double()
        again = (states @ weight + odds).sigmoid()
        hidden_again = (again @ weight.T).sigmoid()
        step = 0.05 * (hidden.T @ visible - hidden_again.T @ again) / 50
        got = weights_of(model, row)
        torch.testing.assert_close(got[0].double(), weight + step, rtol=1e-4, atol=1e-7)
        bias = 0.05 * (hidden - hidden_again).mean(dim=0)
        torch.testing.assert_close(got[1].double(), bias, rtol=1e-3, atol=1e-7)


def test_the_reconstruction_error_falls_in_every_layer_and_replicate() -> None:
    data = in_range(shape=(12,))
    _, errors = pretrained(SEEDS, data, train_for="60 epochs", batch_size=8, lr=0.2)
    assert len(errors.before) == len(errors.after) == 2
    assert errors.before[0].shape == (len(SEEDS),)
    assert (errors.after[0] < 0.8 * errors.before[0]).all()
    assert (errors.after[1] < errors.before[1]).all()


def test_the_first_error_is_the_variance_of_the_data() -> None:
    data = in_range(shape=(4,))  # with weights of 0.01 every sample is reconstructed as the mean
    _, errors = pretrained(SEEDS, data, train_for="1 steps")
    rows = data.bank.inputs[data.train].double()
    variance = rows.var(dim=1, correction=0).mean(dim=1)
    torch.testing.assert_close(errors.before[0], variance, rtol=0.02, atol=0.0)


def test_replicates_together_are_those_trained_alone() -> None:
    data = in_range()
    together, errors = pretrained(SEEDS, data, train_for="3 epochs")
    for row, seed in enumerate(SEEDS):
        own = data_of(data.bank.inputs, data.train[[row]])
        alone, own_errors = pretrained((seed,), own, train_for="3 epochs")
        for a, b in zip(weights_of(together, row), weights_of(alone, 0), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(errors.after[1][row], own_errors.after[1][0], rtol=1e-4, atol=0)


def test_the_output_layer_and_the_data_stay_as_they_are() -> None:
    data = in_range()
    inputs = data.bank.inputs.clone()
    fresh = [p.clone() for p in built(MLP, SEEDS, data).output_layer()]
    model, _ = pretrained(SEEDS, data, train_for="2 epochs")
    assert all(torch.equal(a, b) for a, b in zip(fresh, model.output_layer(), strict=True))
    assert torch.equal(data.bank.inputs, inputs)
    assert all(p.requires_grad for p in model.parameters())


def test_dropout_takes_no_part() -> None:
    data = in_range()
    dropped = settings_of(activation="sigmoid", hidden=[8, 5], dropout=0.5)
    with_dropout, _ = pretrained(SEEDS, data, settings=dropped)
    without, _ = pretrained(SEEDS, data)
    for a, b in zip(with_dropout.parameters(), without.parameters(), strict=True):
        assert torch.equal(a, b)


def test_pretraining_draws_nothing_from_the_global_random_state() -> None:
    data = in_range()
    before = torch.get_rng_state()
    pretrained(SEEDS, data)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "values",
    [
        {"activation": "relu"},
        {"activation": "sigmoid", "hidden": []},
        {"activation": "sigmoid", "model_options": {"norm": "batch"}},
        {"activation": "sigmoid", "hidden": [5, 5], "model_options": {"skip": True}},
        {"activation": "sigmoid", "model": "gru"},
        {"activation": "sigmoid", "model": "lstm"},
        {"activation": "sigmoid", "model": "tiny_training:skip"},
    ],
)
def test_what_is_no_sigmoid_mlp_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(NnbenchError, match="sigmoid MLP"):
        pretrained(SEEDS, in_range(), settings=settings_of(**values))


def test_inputs_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(NnbenchError, match="inputs: minmax"):
        pretrained(SEEDS, data_of(torch.linspace(-0.1, 1, 30).view(10, 3), ALL_TEN))
    with pytest.raises(NnbenchError, match=r"from 0 to 1\.1"):
        pretrained(SEEDS, data_of(torch.linspace(0, 1.1, 30).view(10, 3), ALL_TEN))
    data = in_range()
    data.bank.inputs[data.train[0, 0], 0, 0, 0] = torch.nan
    with pytest.raises(NnbenchError, match=r"within \[0, 1\]"):
        pretrained(SEEDS, data)


def test_what_rounding_leaves_outside_is_no_error() -> None:
    pretrained(SEEDS, data_of(torch.linspace(-1e-6, 1 + 1e-6, 30).view(10, 3), ALL_TEN))


def gibbs_error(visible: Tensor, weight: Tensor, hidden: Tensor, back: Tensor) -> float:
    probabilities = (visible @ weight + hidden).sigmoid()
    uniforms = torch.rand(probabilities.shape, generator=torch.Generator().manual_seed(0))
    again = ((uniforms < probabilities).double() @ weight.T + back).sigmoid()
    return (visible - again).square().mean().item()


class Probabilities(BernoulliRBM):
    """With visible probabilities, where scikit-learn samples.

    It samples in the negative phase alone: where the data are grey, that shrinks the weights.
    """

    def _sample_visibles(self, h: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        return sigmoid(h @ self.components_ + self.intercept_visible_)


def scikit_learns_cd1(pixels: np.ndarray, *, epochs: int, batch_size: int) -> list[Tensor]:
    """BernoulliRBM's own step, its persistent chains restarted at the data; weight and biases."""
    theirs = Probabilities(n_components=64, learning_rate=0.05, batch_size=batch_size)
    rng = np.random.RandomState(0)
    theirs.components_ = rng.normal(0, 0.01, (64, pixels.shape[1]))
    theirs.intercept_hidden_ = np.zeros(64)
    on = pixels.sum(axis=0)
    theirs.intercept_visible_ = np.log((on + 1) / (len(pixels) - on + 1))
    for _ in range(epochs):
        order = rng.permutation(len(pixels))
        for rows in np.split(order, range(batch_size, len(order), batch_size)):
            theirs.h_samples_ = theirs._sample_hiddens(pixels[rows], rng)
            theirs._fit(pixels[rows], rng)
    parts = (theirs.components_.T, theirs.intercept_hidden_, theirs.intercept_visible_)
    return [torch.from_numpy(np.ascontiguousarray(part)) for part in parts]


def test_digits_are_reconstructed_as_well_as_by_scikit_learn() -> None:
    pixels = load_digits().data / 16.0
    theirs = scikit_learns_cd1(pixels, epochs=10, batch_size=32)
    error = gibbs_error(torch.from_numpy(pixels), *theirs)
    rows = torch.arange(len(pixels)).expand(2, -1)
    data = data_of(torch.from_numpy(pixels).float(), rows)
    settings = settings_of(activation="sigmoid", hidden=[64])
    _, ours = pretrained((0, 1), data, settings=settings, train_for="10 epochs", momentum=0.0)
    assert (ours.after[0] < 0.8 * ours.before[0]).all()
    assert ours.after[0].tolist() == pytest.approx([error, error], rel=0.05)
