"""Time of training steps: by a clock of the test's, and against steps written out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import one_thread
from torch import nn

from nnbench.engine.seeding import generator
from nnbench.errors import NnbenchError
from nnbench.experiments.cost import steps_seconds
from nnbench.experiments.run import Request
from nnbench.experiments.steps import measure as steps
from nnbench.experiments.steps.declared import StepTime
from nnbench.schema import parse
from nnbench.settings import Settings

CPU = torch.device("cpu")
NOW = [0.0]
THREADS: set[int] = set()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    NOW[0] = 0.0
    THREADS.clear()
    with one_thread():
        yield


class Slow(nn.Module):
    """An activation that takes a second, by the test's clock, and keeps its inputs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        NOW[0] += 1.0
        THREADS.add(torch.get_num_threads())
        return x * 1.0


def options_of(**values: Any) -> StepTime:
    base = {"inputs": 5, "outputs": 3, "batch_size": 4, "seconds_each": 1e-9, "min_steps": 3}
    return parse(StepTime, {**base, **values}, where="options")


def request_of(options: StepTime, **settings: Any) -> Request:
    return Request(
        options=options, settings=Settings(**settings), dataset="random_inputs", folder=Path(),
        seeds=(3, 0), search=None, device=CPU, cores=1,
    )  # fmt: skip


def test_steps_take_the_threads_of_a_training_whatever_the_machine_has_and_say_so() -> None:
    """Two threads on steps of a third of a millisecond took now 0.35 and now 0.60 ms, as the host had it."""
    options = options_of(networks={name: {"activation": "test_step_time:Slow"} for name in "ab"})
    found = steps.measure(replace(request_of(options), cores=2), clock=lambda: NOW[0])
    assert list(THREADS) == [1]
    assert found.facts["a"]["threads"] == 1
    assert found.notes[0].startswith("1 CPU thread,")


def test_seconds_are_those_of_so_many_median_steps_by_the_clock() -> None:
    slow = {"activation": "test_step_time:Slow"}
    options = options_of(
        networks={
            "one": {**slow, "hidden": [4]},
            "three": {**slow, "hidden": [4, 4, 4]},
            "alone": {**slow, "hidden": [4, 4], "activation_alone": True},
        },
        steps=100,
    )
    found = steps.measure(request_of(options), clock=lambda: NOW[0])
    assert list(found.runs) == ["3", "0"]
    for run in found.runs.values():
        assert run.metrics == {"seconds@one": 100.0, "seconds@three": 300.0, "seconds@alone": 200.0}
    assert found.facts["three"]["parameters"] == (5 * 4 + 4) + 2 * (4 * 4 + 4) + (4 * 3 + 3)
    assert found.facts["alone"]["parameters"] == 0
    assert found.facts["one"]["steps_measured"] == [3, 3]


def test_a_step_is_gradient_descent_on_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    options = options_of(networks={"a": {"hidden": [4]}, "b": {}})
    made: list[nn.Module] = []
    build = steps.build

    def kept(*given: Any) -> nn.Module:
        made.append(build(*given))
        return made[-1]

    monkeypatch.setattr(steps, "build", kept)
    steps.step_of(options.networks["a"], options, seed=7, device=CPU)()
    draw = generator(7, "split")
    labels = torch.randint(3, (4,), generator=draw)
    x = torch.randn(4, 5, generator=draw)
    by_hand = build(_spec(options), generator(7, "init"))
    loss = nn.CrossEntropyLoss()(by_hand(x), labels)
    for own, theirs, slope in zip(
        made[0].parameters(), by_hand.parameters(),
        torch.autograd.grad(loss, list(by_hand.parameters())), strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(own, theirs - steps.LR * slope)


def _spec(options: StepTime) -> Any:
    return steps.ModelSpec(
        input_shape=(options.inputs,), classes=options.outputs, hidden=(4,), activation=nn.ReLU,
        dropout=0.0, init="glorot",
    )  # fmt: skip


def test_what_the_plan_says_is_what_is_asked_for() -> None:
    options = options_of(networks={"a": {}, "b": {}}, seconds_each=0.5)
    assert steps_seconds(options, 10) == pytest.approx(2.0 + 1.1 * 10)


@pytest.mark.parametrize(
    ("networks", "words"),
    [
        ({"a": {}}, "networks"),
        ({"a": {}, "b@c": {}}, "without @"),
        ({"a": {}, "b": {"activation": "relo"}}, "relu"),
    ],
)
def test_options_that_cannot_be_measured_are_refused(networks: Any, words: str) -> None:
    with pytest.raises(NnbenchError, match=words):
        options_of(networks=networks)


def test_settings_that_it_does_not_read_are_refused() -> None:
    options = options_of(networks={"a": {}, "b": {}})
    with pytest.raises(NnbenchError, match="cannot follow the setting 'dropout'"):
        steps.measure(request_of(options, dropout=0.5))
