"""The same training in several frameworks: equal work, each in a process of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest
from mlp_by_hand import by_hand, loss_and_gradients

from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks import worker
from nnbench.experiments.frameworks.declared import Framework
from nnbench.experiments.frameworks.measure import not_installed
from nnbench.experiments.frameworks.problem import Outcome, Problem, pack_problem, unpack_problem
from nnbench.processes import Child, run_in_turn

NAMES: tuple[Framework, ...] = get_args(Framework)
LIMIT_SECONDS = 300.0  # a test that takes so long has failed


pytestmark = pytest.mark.usefixtures("on_one_thread")


def tiny_problem(**values: object) -> Problem:
    """Two epochs of 50 samples of 12 features in batches of 16 (the last one has 2), three classes."""
    draw = np.random.default_rng(0)
    widths = [(12, 8), (8, 6), (6, 3)]
    weights = [part for n, m in widths for part in (draw.normal(0, 0.5, (n, m)), np.zeros(m))]
    labels = draw.integers(0, 3, 110)
    inputs = draw.normal(size=(3, 12))[labels] + draw.normal(size=(110, 12))
    problem = Problem(
        inputs=inputs[:50].astype(np.float32),
        labels=labels[:50],
        test_inputs=inputs[50:].astype(np.float32),
        test_labels=labels[50:],
        weights=tuple(weight.astype(np.float32) for weight in weights),
        batch_size=16,
        learning_rate=0.03,
        epochs=2,
        threads=1,
        device="cpu",
    )
    return dataclasses.replace(problem, **values)


def asked(framework: Framework) -> Outcome | str:
    """The outcome of a framework's own process on the tiny problem, or why there is none."""
    if absent := not_installed({"it": framework}):
        return absent["it"]
    child = Child(
        command=worker.command(framework, threads=1),
        document=pack_problem(tiny_problem()),
        environment=worker.limits(threads=1, device="cpu"),
    )
    [end] = run_in_turn([child], timeout_seconds=LIMIT_SECONDS)
    assert end.failure is None
    return Outcome.model_validate_json(end.output)


@pytest.fixture(scope="module")
def outcomes() -> Mapping[Framework, Outcome | str]:
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(NAMES, pool.map(asked, NAMES), strict=True))


@pytest.mark.parametrize("framework", NAMES)
def test_a_framework_trains_as_written_out_by_hand(
    framework: Framework, outcomes: Mapping[Framework, Outcome | str]
) -> None:
    outcome = outcomes[framework]
    if isinstance(outcome, str):
        pytest.skip(outcome)
    corrected = not framework.startswith(("tensorflow", "keras"))
    losses, accuracy = by_hand(tiny_problem(), epsilon_on_corrected=corrected)
    # TensorFlow and JAX compute 1 - 0.999 in float32, which is off by 5e-5 of its value
    assert outcome.train_loss == pytest.approx(losses, rel=1e-5)
    assert outcome.test_accuracy == pytest.approx(accuracy)
    assert 0.5 < accuracy < 1.0, "an accuracy that any training reaches would show nothing"
    assert len(outcome.epoch_seconds) == 2
    assert min(outcome.epoch_seconds) > 0
    assert all(outcome.versions.values())


def test_the_hand_written_reference_has_the_gradients_of_finite_differences() -> None:
    problem = tiny_problem()
    weights = [weight.astype(np.float64) + 0.1 for weight in problem.weights]
    inputs, labels = problem.inputs.astype(np.float64), problem.labels
    _, gradients = loss_and_gradients(weights, inputs, labels)
    for weight, gradient in zip(weights, gradients, strict=True):
        spot = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        around = []
        for step in (1e-6, -2e-6):
            weight[spot] += step
            around.append(loss_and_gradients(weights, inputs, labels)[0])
        weight[spot] += 1e-6
        assert (around[0] - around[1]) / 2e-6 == pytest.approx(gradient[spot], rel=1e-5)


def test_a_training_that_diverges_has_no_time() -> None:
    with pytest.raises(NnbenchError, match="diverged"):
        worker.run(worker.trainer("pytorch"), tiny_problem(learning_rate=1e30))


def test_a_problem_and_an_outcome_survive_the_process_border() -> None:
    problem, back = tiny_problem(), unpack_problem(pack_problem(tiny_problem()))
    for field in dataclasses.fields(problem):
        ours, theirs = getattr(problem, field.name), getattr(back, field.name)
        if field.name == "weights":
            assert all(map(np.array_equal, ours, theirs))
        else:
            assert np.array_equal(ours, theirs)
    outcome = Outcome(
        epoch_seconds=(0.1, 1 / 3), train_loss=(1e-9, 2.0), test_accuracy=0.7, versions={"a": "1"}
    )
    assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome


def test_every_library_is_told_how_many_threads_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    one = worker.limits(threads=1, device="cpu")
    assert {one[name] for name in one if name.endswith(("_NUM_THREADS", "OP_THREADS"))} >= {"1"}
    assert one["OMP_NUM_THREADS"] == one["TF_NUM_INTRAOP_THREADS"] == "1"
    assert "--xla_cpu_multi_thread_eigen=false" in one["XLA_FLAGS"]
    assert one["CUDA_VISIBLE_DEVICES"] == "-1"
    many = worker.limits(threads=4, device="cuda", index=1)
    assert many["OMP_NUM_THREADS"] == many["TF_NUM_INTEROP_THREADS"] == "4"
    assert "multi_thread_eigen" not in many.get("XLA_FLAGS", "")
    assert many["CUDA_VISIBLE_DEVICES"] == "7"
    assert many["JAX_PLATFORMS"] == "cuda"
