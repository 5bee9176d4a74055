"""How much of the first layer's gradient lies at the input with the largest values."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_training import CLASSES, settings_of, stacked_of, tiny_data, trained_on
from torch import Tensor, nn

from nnbench.engine import probes
from nnbench.engine.data import TrainingData
from nnbench.engine.objectives import CROSS_ENTROPY
from nnbench.engine.probes import largest_input
from nnbench.engine.stacking import Replicates

SEEDS = (4, 0, 9)


pytestmark = pytest.mark.usefixtures("on_one_thread")


def with_inputs(factors: Tensor) -> TrainingData:
    """Blobs whose inputs are multiplied by these factors, and not scaled back."""
    data = tiny_data(SEEDS, shape=(4,))
    return replace(data, bank=replace(data.bank, inputs=data.bank.inputs * factors))


def linear_nets() -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Sequential(nn.Flatten(), nn.Linear(4, CLASSES)) for _ in SEEDS]


def by_hand(data: TrainingData, net: nn.Module, row: int) -> float:
    """The gradient of softmax regression, Xᵀ(P − Y) / n, in NumPy."""
    x = data.bank.inputs[data.train[row]].double().numpy()
    wanted = np.eye(CLASSES)[data.bank.labels[data.train[row]].numpy()]
    weight, bias = (p.detach().double().numpy() for p in net.parameters())
    logits = x @ weight.T + bias
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    gradient = x.T @ (odds / odds.sum(axis=1, keepdims=True) - wanted)
    shares = np.square(gradient).sum(axis=1)
    largest = np.square(x).mean(axis=0).argmax()
    return float(shares[largest] / shares.sum())


@pytest.mark.parametrize("batch", [7, 256])
def test_the_share_is_that_of_the_gradient_by_hand(
    batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "PROBE_BATCH", batch)
    data, nets = with_inputs(torch.tensor([1.0, 2.0, 0.5, 1.0])), linear_nets()
    wanted = [by_hand(data, net, row) for row, net in enumerate(nets)]
    model = stacked_of(copy.deepcopy(nets), SEEDS)
    assert model.stacked
    assert largest_input(model, data, CROSS_ENTROPY).tolist() == pytest.approx(wanted, rel=1e-4)
    alone = Replicates(copy.deepcopy(nets), model.draws, stackable=False)
    assert not alone.stacked
    assert largest_input(alone, data, CROSS_ENTROPY).tolist() == pytest.approx(wanted, rel=1e-4)


def test_an_input_a_thousand_times_larger_has_nearly_all_of_it_unless_it_is_scaled() -> None:
    factors = torch.tensor([1.0, 1.0, 1000.0, 1.0])
    data, model = with_inputs(factors), stacked_of(linear_nets(), SEEDS)
    assert largest_input(model, data, CROSS_ENTROPY).min() > 0.999
    normaliser = replace(data.bank.normaliser, factor=(1 / factors).expand(len(SEEDS), 1, 4))
    scaled = replace(data, bank=replace(data.bank, normaliser=normaliser))
    assert largest_input(model, scaled, CROSS_ENTROPY).max() < 0.999


def test_inputs_that_are_alike_share_it_equally() -> None:
    data, nets = tiny_data(SEEDS, shape=(4,)), linear_nets()
    data = replace(data, bank=replace(data.bank, inputs=data.bank.inputs[:, :1].expand(-1, 4)))
    shares = largest_input(stacked_of(nets, SEEDS), data, CROSS_ENTROPY)
    assert shares.tolist() == pytest.approx([0.25] * 3, rel=1e-5)


def test_a_convolution_has_no_weights_of_single_inputs() -> None:
    data = tiny_data(SEEDS, shape=(1, 8, 8))
    trained = trained_on(data, settings_of(model="cnn", hidden=[4], train_for="1 steps"), SEEDS)
    assert largest_input(trained.model, data, CROSS_ENTROPY).isnan().all()
