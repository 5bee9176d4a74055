"""Many starts of one network: where the lowest loss is known, and where there is one minimum only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import built, settings_of, stacked_of, tiny_data, trained_on
from torch import nn

from nnbench.engine.objectives import CROSS_ENTROPY
from nnbench.engine.probes import gradient_norms
from nnbench.engine.scores import evaluate
from nnbench.errors import NnbenchError
from nnbench.experiments.cost import starts_memory_mb, starts_seconds
from nnbench.experiments.measured import Measured
from nnbench.experiments.run import Request
from nnbench.experiments.starts import measure as starts
from nnbench.experiments.starts.declared import Starts
from nnbench.schema import parse
from nnbench.settings import Settings

FULL = {"steps": 1500, "lr": 0.1, "momentum": 0.9, "batch_size": 40}


pytestmark = pytest.mark.usefixtures("on_one_thread")


def options_of(**values: Any) -> Starts:
    return parse(Starts, values, where="options")


def measured(options: Starts, *, seeds: tuple[int, ...] = (3, 0), **settings: Any) -> Measured:
    request = Request(
        options=options, settings=Settings(**{"train_size": 40, **settings}), dataset="xor",
        folder=Path(), seeds=seeds, search=None, device=torch.device("cpu"), cores=1,
    )  # fmt: skip
    return starts.measure(request)


def ends(loss: list[float], gradient: list[float], untrained: float = 0.7) -> starts.Ends:
    row = torch.tensor([loss], dtype=torch.float64)
    return starts.Ends(
        loss=row,
        gradient=torch.tensor([gradient], dtype=torch.float64),
        untrained=torch.full_like(row, untrained),
        barrier=row * 0,
    )


def test_on_xor_some_starts_end_well_above_a_loss_that_others_reach() -> None:
    networks = {"none": {}, "two": {"hidden": [2]}, "eight": {"hidden": [8]}}
    found = measured(options_of(networks=networks, starts=20, **FULL))
    assert list(found.runs) == ["3", "0"]
    for run in found.runs.values():
        assert run.metrics["trapped@none"] == 0.0
        assert (run.metrics["trapped@two"] or 0.0) >= 0.3
        assert (run.metrics["trapped@eight"] or 0.0) <= 0.1
    for (low, _, _), (flat, _, also_flat) in zip(
        found.facts["two"]["final_losses"], found.facts["none"]["final_losses"], strict=True
    ):
        assert low < 0.01  # XOR's lowest loss is 0
        assert flat == pytest.approx(also_flat, rel=1e-3)  # one minimum, from everywhere


def test_a_convex_loss_has_no_barrier_and_a_network_has() -> None:
    networks = {"none": {}, "two": {"hidden": [2]}}
    found = measured(options_of(networks=networks, starts=20, **FULL), seeds=(1,)).runs["1"].metrics
    assert found["barrier@none"] == pytest.approx(0.0, abs=1e-6)
    assert (found["barrier@two"] or 0.0) > 0.1


def test_trapped_is_who_is_well_above_the_best_without_a_gradient() -> None:
    assert ends([0.0, 0.5, 0.5, 0.03], [0.001, 0.001, 0.5, 0.0]).trapped().tolist() == [0.25]
    assert ends([0.4, 0.4, 0.4, 0.4], [0.0, 0.0, 0.0, 0.0]).trapped().tolist() == [0.0]


def test_a_start_that_diverged_is_neither_trapped_nor_the_best() -> None:
    nan = float("nan")
    assert ends([nan, 0.0, 0.5, 0.5], [nan, 0.0, 0.0, 0.0]).trapped().tolist() == [0.5]


def test_the_barrier_is_that_of_the_weights_on_the_line() -> None:
    data = tiny_data((0, 0))
    model = trained_on(data, settings_of(train_for="20 epochs"), (4, 5)).model
    before = [tensor.clone() for tensor, _ in model.state()]
    found = starts.barriers(model, data, CROSS_ENTROPY)
    assert all(torch.equal(a, b) for a, (b, _) in zip(before, model.state(), strict=True))
    inputs, labels = (own[0] for own in data.bank.gather(data.train))

    def loss(share: float) -> float:
        w1, b1, w2, b2 = (torch.lerp(own[0], own[1], share) for own in before)
        out = torch.relu(inputs @ w1 + b1) @ w2 + b2
        return nn.functional.cross_entropy(out, labels).item()

    ends = loss(0.0), loss(1.0)
    line = [loss(i / 10) - (ends[0] + i / 10 * (ends[1] - ends[0])) for i in range(11)]
    assert found.tolist() == pytest.approx([max(line), max(line)], abs=1e-5)
    assert max(line) > 0.01


def test_a_network_has_no_barrier_to_itself() -> None:
    data = tiny_data((0, 0))
    twins = trained_on(data, settings_of(train_for="5 epochs"), (4, 4)).model
    assert starts.barriers(twins, data, CROSS_ENTROPY).tolist() == pytest.approx(
        [0.0, 0.0], abs=1e-6
    )


def test_norms_are_those_of_the_mean_loss_by_autograd() -> None:
    data = tiny_data((0, 1), size=600)
    model = built(settings_of(), (0, 1), data)
    inputs, labels = data.bank.gather(data.train)
    losses = CROSS_ENTROPY.losses(model(inputs), labels)
    slopes = torch.autograd.grad(losses.sum(), list(model.parameters()))
    wanted = sum(slope.flatten(1).square().sum(dim=1) for slope in slopes)
    found = gradient_norms(model, data, CROSS_ENTROPY)
    torch.testing.assert_close(found.float(), torch.as_tensor(wanted).sqrt())


def test_starts_of_a_block_share_its_samples_and_nothing_else() -> None:
    data = tiny_data((0, 1))
    many = starts.for_starts(data, 3)
    assert torch.equal(many.train, data.train[[0, 0, 0, 1, 1, 1]])
    assert many.bank.normaliser.shift.shape[0] == 6
    seeds = starts.start_seeds((0, 1), 3)
    assert len(set(seeds)) == 6
    assert seeds[:3] == starts.start_seeds((0,), 3)
    nets = [nn.Linear(4, 3) for _ in seeds]
    losses = evaluate(stacked_of(nets, seeds), many.bank, many.train).loss
    alone = evaluate(stacked_of(nets[3:], seeds[3:]), many.bank, many.train[3:]).loss
    torch.testing.assert_close(losses[3:], alone)


def test_a_block_measures_the_same_alone_as_beside_others() -> None:
    options = options_of(networks={"a": {"hidden": [3]}}, starts=4, steps=50, batch_size=40)
    assert measured(options, seeds=(7,)).runs["7"] == measured(options, seeds=(1, 7)).runs["7"]


def test_the_plan_counts_all_steps_of_all_starts() -> None:
    options = options_of(networks={"a": {"hidden": [8]}, "b": {}}, starts=100, steps=1000)
    assert starts_seconds(options, 10) > 5 * (starts_seconds(options, 1) - 3.0) > 0
    wide = options_of(networks={"a": {"hidden": [4096]}})
    assert starts_memory_mb(wide) > starts_memory_mb(options)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"networks": {}}, "networks"),
        ({"networks": {"a@b": {}}}, "without @"),
        ({"networks": {"a": {"activation": "relo"}}}, "relu"),
        ({"networks": {"a": {}}, "starts": 3}, "starts"),
    ],
)
def test_options_that_cannot_be_measured_are_refused(values: Any, words: str) -> None:
    with pytest.raises(NnbenchError, match=words):
        options_of(**values)


def test_settings_that_it_does_not_read_are_refused() -> None:
    with pytest.raises(NnbenchError, match="cannot follow the setting 'dropout'"):
        measured(options_of(networks={"a": {}}), dropout=0.5)
