"""Gradient ratios and gradient noise against plain backward passes and brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_probes import layer, line
from tiny_training import (
    built,
    numbers,
    settings_of,
    stacked_of,
    tiny_data,
)
from torch import Tensor, nn

from nnbench.engine import probes
from nnbench.engine.data import TrainingData
from nnbench.engine.objectives import CROSS_ENTROPY, REGRESSION
from nnbench.engine.probes import GradientRatios, gradient_noise
from nnbench.engine.seeding import generator, generators
from nnbench.engine.stacking import Replicates
from nnbench.models.base import ModelSpec

SEEDS = (4, 0, 9)


pytestmark = pytest.mark.usefixtures("on_one_thread")


DEEP = {"hidden": [8, 8, 8], "activation": "sigmoid"}


def alone(model: Replicates, row: int, settings, data: TrainingData) -> nn.Module:
    """The plain module of one replicate of ``tiny_training.built``."""
    if not model.stacked:
        return list(model.body.children())[row]
    spec = ModelSpec(
        input_shape=tuple(data.bank.inputs.shape[1:]), classes=data.outputs, hidden=settings.hidden,
        activation=nn.Sigmoid, dropout=0.0, init="glorot",
    )  # fmt: skip
    from nnbench.models.mlp import build

    return build(spec, generator(SEEDS[row], "init"))


@pytest.mark.parametrize("values", [{}, {"model": "tiny_training:skip"}], ids=["stacked", "not"])
@pytest.mark.parametrize("batch", [8, 256])
def test_the_ratio_is_that_of_a_plain_backward_pass(values, batch, monkeypatch) -> None:
    settings, data = settings_of(**{**DEEP, **values}), tiny_data(SEEDS)
    # batch normalisation sees a batch: only then do parts add up to the whole
    monkeypatch.setattr(probes, "PROBE_BATCH", 256 if values else batch)
    model = built(settings, SEEDS, data)
    ratios = GradientRatios(model, data, CROSS_ENTROPY, seeds=SEEDS).start
    for row in range(3):
        module = alone(model, row, settings, data)
        rows = data.train[row]
        logits = module(data.bank.inputs[rows])
        nn.functional.cross_entropy(logits, data.bank.labels[rows]).backward()
        grads = [
            p.grad for n, p in module.named_parameters() if n.endswith("weight") and p.ndim == 2
        ]
        first, last = (g.double().square().mean().sqrt() for g in (grads[0], grads[-1]))
        assert ratios[row].item() == pytest.approx((first / last).item(), rel=1e-4)


def test_the_ratio_does_not_depend_on_how_many_weights_a_layer_has() -> None:
    """The output is x whatever the width n is, and so are the gradients: v_i e x first, w_i e x last."""
    data = line([1.0, 2.0, 3.0, 4.0, 5.0], count=1)
    labels = torch.zeros(5)
    data = replace(data, bank=replace(data.bank, labels=labels), outputs=1, task="regression")
    for n in (1, 8):
        first, last = layer([[2.0]] * n, [0.0] * n), layer([[0.5 / n] * n], [0.0])
        model = stacked_of([nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)], (0,))
        probe = GradientRatios(model, data, REGRESSION["mse"], seeds=(0,))
        assert probe.start.item() == pytest.approx((0.5 / n) / 2.0, rel=1e-5)


def test_gradients_vanish_on_the_way_back_through_sigmoids() -> None:
    data = tiny_data(SEEDS)
    deep, shallow = (
        GradientRatios(built(s, SEEDS, data), data, CROSS_ENTROPY, seeds=SEEDS).start
        for s in (settings_of(**DEEP), settings_of(hidden=[8], activation="sigmoid"))
    )
    assert (deep < 0.1 * shallow).all()


def test_the_mean_ratio_is_the_geometric_one_of_the_moments_with_a_ratio(monkeypatch) -> None:
    data, settings = tiny_data(SEEDS), settings_of(**DEEP)
    probe = GradientRatios(built(settings, SEEDS, data), data, CROSS_ENTROPY, seeds=SEEDS)
    everyone = torch.tensor([True, True, True])
    nan, inf = torch.nan, torch.inf
    for shown, running in [
        ([1.0, 2.0, nan], everyone),
        ([4.0, 8.0, 0.5], everyone),
        ([100.0, inf, 0.5], torch.tensor([False, True, True])),
    ]:
        values = torch.tensor(shown, dtype=torch.float64)
        monkeypatch.setattr(probe, "_ratios", lambda v=values: v)
        probe.look(running)
    assert probe.mean().tolist() == pytest.approx([2.0, 4.0, 0.5])


def test_without_two_gradients_there_is_no_ratio() -> None:
    data = tiny_data(SEEDS)
    for values in ({"hidden": []}, {"init": "zeros"}):
        settings = settings_of(**values)
        model = built(settings, SEEDS, data)
        assert GradientRatios(model, data, CROSS_ENTROPY, seeds=SEEDS).start.isnan().all()


def brute_force(
    model: Replicates, data: TrainingData, loss, batches: list[Tensor], row: int
) -> float:
    """From the gradients of one replicate's batches (each of them alone), all written out."""
    found = []
    for index in batches:
        inputs, targets = data.bank.gather(index)
        model.zero_grad()
        loss(model(inputs), targets)[row].backward()
        parts = [
            p.grad[row] if model.stacked else p.grad
            for p in model.parameters()
            if p.grad is not None
        ]
        found.append(np.concatenate([g.double().numpy().ravel() for g in parts]))
        model.zero_grad(set_to_none=True)
    gradients = np.array(found)
    mean = gradients.mean(axis=0)
    return gradients.var(axis=0, ddof=1).sum() / (mean @ mean)


@pytest.mark.parametrize("batch_size", [1, 16])
@pytest.mark.parametrize("kind", ["stacked", "not stacked", "numbers"])
def test_gradient_noise_is_that_of_all_batches_written_out(batch_size: int, kind: str) -> None:
    values = {"model": "tiny_training:skip", "dropout": 0.3} if kind == "not stacked" else {}
    batch_size = max(batch_size, 2) if values else batch_size  # its normalisation needs two samples
    settings = settings_of(batch_size=batch_size, **values)
    data = numbers(SEEDS) if kind == "numbers" else tiny_data(SEEDS)
    made = REGRESSION["mse"] if kind == "numbers" else CROSS_ENTROPY
    model = built(settings, SEEDS, data)
    noise = gradient_noise(model, data, made, settings, seeds=SEEDS)
    orders = [torch.randperm(data.train.shape[1], generator=g) for g in generators(SEEDS, "order")]
    rows = data.train.gather(1, torch.stack(orders))
    whole = [b for b in rows.split(batch_size, dim=1) if b.shape[1] == batch_size]
    model.train()
    for module in model.modules():
        if "Dropout" in type(module).__name__:
            module.eval()
    for row in range(3):
        wanted = brute_force(model, data, made.losses, whole, row)
        assert noise[row].item() == pytest.approx(wanted, rel=1e-3)


def test_gradient_noise_of_one_weight_by_hand() -> None:
    """Squared error of w x with w = 1, x = 1: the gradients are 2 (1 - y) = -2, 0, 2, 4."""
    data = line([1.0, 1.0, 1.0, 1.0, 1.0])
    labels = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.0])
    data = replace(data, bank=replace(data.bank, labels=labels), outputs=1, task="regression")
    modules = []
    for _ in range(2):
        dense = nn.Linear(1, 1, bias=False)
        dense.weight.data.fill_(1.0)
        modules.append(nn.Sequential(nn.Flatten(), dense))
    model, settings = stacked_of(modules, (0, 1)), settings_of(batch_size=1)
    noise = gradient_noise(model, data, REGRESSION["mse"], settings, seeds=(0, 1))
    mean, variance = 1.0, (9 + 1 + 1 + 9) / 3
    assert noise.tolist() == pytest.approx([variance / mean**2] * 2, rel=1e-6)


def test_a_larger_batch_has_less_noise_in_proportion() -> None:
    data = tiny_data(SEEDS, size=4_096)
    noises = []
    for batch_size in (4, 64):
        settings = settings_of(batch_size=batch_size)
        model = built(settings, SEEDS, data)
        noises.append(gradient_noise(model, data, CROSS_ENTROPY, settings, seeds=SEEDS))
    ratio = noises[0] / noises[1]
    assert ((ratio > 10) & (ratio < 24)).all()  # 16, but for the few batches of 64


def test_one_batch_has_no_variance() -> None:
    settings, data = settings_of(batch_size=26), tiny_data(SEEDS)  # of 50 samples
    model = built(settings, SEEDS, data)
    assert gradient_noise(model, data, CROSS_ENTROPY, settings, seeds=SEEDS).isnan().all()
