"""Dead units of hand-made networks, and what all probes leave alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from tiny_training import (
    CLASSES,
    built,
    final,
    settings_of,
    stacked_of,
    tiny_data,
    trained_on,
)
from torch import Tensor, nn

from nnbench.engine import probes
from nnbench.engine.data import TrainingData
from nnbench.engine.objectives import CROSS_ENTROPY
from nnbench.engine.probes import (
    GradientRatios,
    dead_units,
    gradient_noise,
    inactive_units,
    loss_rises,
)
from nnbench.engine.seeding import generators
from nnbench.engine.stacking import Replicates
from nnbench.models.base import ModelSpec, linear

SEEDS = (4, 0, 9)


pytestmark = pytest.mark.usefixtures("on_one_thread")


# dead units


def layer(weight: Sequence[Sequence[float]], bias: Sequence[float]) -> nn.Linear:
    made = nn.Linear(len(weight[0]), len(weight))
    made.weight.data, made.bias.data = torch.tensor(weight), torch.tensor(bias)
    return made


def units(
    activation: Callable[[], nn.Module], biases: Sequence[Sequence[float]]
) -> list[nn.Module]:
    """One input, three hidden units a replicate: x + b, -x + b, and b alone."""
    return [
        nn.Sequential(nn.Flatten(), layer([[1.0], [-1.0], [0.0]], b), activation(), nn.Linear(3, 3))
        for b in biases
    ]


def line(values: Sequence[float], *, count: int = 2) -> TrainingData:
    """Replicates that train on the first four values and validate on the last one."""
    data = tiny_data(range(count), shape=(1,))
    bank = replace(data.bank, inputs=torch.tensor(values).view(-1, 1))
    rows = torch.arange(len(values)).expand(count, -1)
    return replace(data, bank=bank, train=rows[:, :4], validation=rows[:, 4:])


BIASES = [[-0.5, -0.5, 1.0], [-5.0, -5.0, -1.0]]
VALUES = [-1.0, 0.0, 1.0, 2.0, 9.0]


@pytest.mark.parametrize(
    ("activation", "dead"),
    [(nn.ReLU, [1 / 3, 1.0]), (nn.LeakyReLU, [1 / 3, 1 / 3]), (nn.Sigmoid, [1 / 3, 1 / 3])],
)
@pytest.mark.parametrize("batch", [1, 3, 256])
def test_a_unit_is_dead_if_it_answers_all_training_samples_alike(
    activation, dead, batch, monkeypatch
) -> None:
    monkeypatch.setattr(probes, "PROBE_BATCH", batch)
    modules = units(activation, BIASES)
    for stacked in (True, False):
        model = stacked_of(copy.deepcopy(modules), (0, 1))
        if not stacked:
            model = unstacked(copy.deepcopy(modules), (0, 1))
        assert model.stacked is stacked
        # x = 9, which would wake x - 5, is no training sample
        assert dead_units(model, line(VALUES), settings_of()).tolist() == pytest.approx(dead)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.LeakyReLU])
@pytest.mark.parametrize("batch", [1, 64, 256])
def test_a_unit_is_inactive_if_it_is_above_zero_for_no_more_than_a_hundredth_of_the_samples(
    activation, batch, monkeypatch
) -> None:
    monkeypatch.setattr(probes, "PROBE_BATCH", batch)
    data = tiny_data(range(2), shape=(1,))
    values = torch.arange(300.0).view(-1, 1)
    rows = torch.arange(300).expand(2, -1)
    bank = replace(data.bank, inputs=values, labels=torch.zeros(300, dtype=torch.int64))
    data = replace(data, bank=bank, train=rows, validation=rows)
    # above 0 for x > 296.5 (three of 300) and x > 295.5 (four); x < 0.5 and x < 3.5; never and always
    biases = [[-296.5, 0.5, -1.0], [-295.5, 3.5, 1.0]]
    for stacked in (True, False):
        modules = units(activation, biases)
        model = stacked_of(modules, (0, 1)) if stacked else unstacked(modules, (0, 1))
        assert model.stacked is stacked
        assert inactive_units(model, data, settings_of()).tolist() == pytest.approx([1.0, 0.0])


def unstacked(modules: Sequence[nn.Module], seeds: Sequence[int]) -> Replicates:
    """Replicates that run one at a time: a tied parameter makes a module one that cannot be stacked."""
    for module in modules:
        module.register_parameter("again", next(module.parameters()))
    return stacked_of(modules, seeds)


def test_all_layers_count_by_their_units() -> None:
    first = layer([[1.0], [-1.0], [0.0], [0.0]], [0.0, 0.0, -1.0, 2.0])  # two of four are constant
    second = layer([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -1.0]], [0.0, 0.0])  # one of two
    modules = [nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.ReLU(), nn.Linear(2, 3))]
    data = line(VALUES, count=1)
    assert dead_units(stacked_of(modules, (0,)), data, settings_of()).item() == pytest.approx(3 / 6)


@pytest.mark.parametrize("stacked", [True, False])
def test_a_channel_is_dead_if_all_its_positions_are(stacked: bool) -> None:
    convolution = nn.Conv2d(1, 3, 1)
    convolution.weight.data = torch.tensor([1.0, -1.0, 1.0]).view(3, 1, 1, 1)
    convolution.bias.data = torch.tensor([0.0, 0.0, -50.0])
    modules = [
        nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(12, 3)) for _ in range(2)
    ]
    images = torch.zeros(5, 1, 2, 2)
    images[:, 0, 1, 1] = torch.tensor(VALUES).abs()  # the other positions are the same everywhere
    data = line(VALUES)
    blank = tiny_data((0, 1), shape=(1, 2, 2)).bank
    data = replace(data, bank=replace(blank, inputs=images, labels=data.bank.labels))
    shape = (1, 2, 2) if stacked else None  # None: taken for large ones
    model = Replicates(modules, generators((0, 1), "dropout"), input_shape=shape)
    assert model.stacked is stacked
    # one channel answers, one is never positive, one is far below
    assert dead_units(model, data, settings_of()).tolist() == pytest.approx([2 / 3, 2 / 3])


class Shared(nn.Module):
    """One activation module for two layers: it has no stacked form."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = (
            layer([[1.0], [0.0]], [0.0, 0.0]),
            layer([[0.0, 0.0]] * 3, [1.0] * 3),
        )
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.last(self.activation(self.first(x))))


def test_an_activation_that_is_called_twice_counts_twice() -> None:
    model = stacked_of([Shared(), Shared()], (0, 1))
    assert not model.stacked
    assert dead_units(model, line(VALUES), settings_of()).tolist() == pytest.approx([4 / 5] * 2)


def test_without_activation_modules_there_is_no_answer() -> None:
    data = tiny_data(SEEDS)
    model = built(settings_of(model="tiny_training:skip"), SEEDS, data)  # calls torch.relu
    assert dead_units(model, data, settings_of()).isnan().all()
    assert inactive_units(model, data, settings_of()).isnan().all()


def test_a_network_with_zero_weights_is_all_dead() -> None:
    data, settings = tiny_data(SEEDS), settings_of(init="zeros")
    assert dead_units(built(settings, SEEDS, data), data, settings).tolist() == [1.0] * 3


@pytest.mark.parametrize("model", ["mlp", "tiny_training:skip"])
def test_probes_change_nothing_in_a_training(model: str) -> None:
    values = {"model": model, "dropout": 0.4, "model_options": {}}
    outcomes = []
    for asked in ([], ["gradients", "dead_units", "inactive_units", "gradient_noise"]):
        settings, data = settings_of(probes=asked, **values), tiny_data(SEEDS)
        trained = trained_on(data, settings, SEEDS)
        if asked:
            states = [t.clone() for t, _ in trained.model.state()]
            dead_units(trained.model, data, settings)
            inactive_units(trained.model, data, settings)
            gradient_noise(trained.model, data, CROSS_ENTROPY, settings, seeds=SEEDS)
            assert all(map(torch.equal, states, [t for t, _ in trained.model.state()]))
            assert all(p.grad is None for p in trained.model.parameters())
            assert not any(module._forward_hooks for module in trained.model.modules())
            assert all(values.isfinite().all() for values in trained.gradient_ratios)
        else:
            assert trained.gradient_ratios is None
        buffers = [b.clone() for b in trained.model.buffers()]
        outcomes.append((trained.curves, [final(trained, row) for row in range(3)], buffers))
    assert outcomes[0][0] == outcomes[1][0]
    for plain, probed in zip(
        outcomes[0][1] + [outcomes[0][2]], outcomes[1][1] + [outcomes[1][2]], strict=True
    ):
        assert all(map(torch.equal, plain, probed))


def own_builder(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """Three classes from a network with batch normalisation that can be stacked."""
    width = spec.hidden[0]
    return nn.Sequential(
        nn.Flatten(), linear(4, width, how="glorot", generator=generator), nn.BatchNorm1d(width),
        spec.activation(), linear(width, CLASSES, how="glorot", generator=generator),
    )  # fmt: skip


def test_probes_leave_running_statistics_as_they_were() -> None:
    settings, data = settings_of(model="test_probes:own_builder"), tiny_data(SEEDS)
    model = built(settings, SEEDS, data)
    assert model.stacked
    before = [b.clone() for b in model.buffers()]
    assert before
    gradient_noise(model, data, CROSS_ENTROPY, settings, seeds=SEEDS)
    GradientRatios(model, data, CROSS_ENTROPY, seeds=SEEDS)
    dead_units(model, data, settings)
    assert all(map(torch.equal, before, model.buffers()))


def test_rises_are_counted_among_the_readings_that_a_run_has() -> None:
    nan = torch.nan
    losses = [
        [5.0, 1.0, 1.0, 1.0],
        [4.0, 2.0, 3.0, nan],
        [3.0, 1.0, nan, nan],
        [3.0, 2.0, nan, nan],
    ]
    found = loss_rises(losses)
    assert found[:3].tolist() == pytest.approx([0.0, 2 / 3, 1.0])
    assert found[3].isnan()
    assert loss_rises(losses[:1]).isnan().all()
