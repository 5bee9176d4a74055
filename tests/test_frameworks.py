"""The same training in several frameworks: equal work, own processes, and reasons where there is no time."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import numpy as np
import psutil
import pytest
import torch
from tiny_training import one_thread, settings_of
from waiting import PATIENCE_SECONDS

from nnbench.datasets.digits import DATASET
from nnbench.datasets.prepared import store
from nnbench.engine.train import build_replicates
from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks import measure as measuring
from nnbench.experiments.frameworks import worker
from nnbench.experiments.frameworks.declared import FRAMEWORKS, Framework, FrameworkOptions
from nnbench.experiments.frameworks.measure import measure, not_installed, training_seconds, unequal
from nnbench.experiments.frameworks.prepare import FOLLOWED, REPLACED, problem_of
from nnbench.experiments.frameworks.problem import (
    Array,
    Outcome,
    Problem,
    layers_of,
    pack_outcome,
    pack_problem,
    unpack_outcome,
    unpack_problem,
)
from nnbench.experiments.frameworks.processes import NoAnswerError, ask, limits
from nnbench.experiments.request import Measured, Request
from nnbench.schema import parse
from nnbench.settings import Settings

CPU = torch.device("cpu")
NAMES: tuple[Framework, ...] = get_args(Framework)
LIMIT_SECONDS = 300.0  # a test that takes so long has failed


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


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


def by_hand(problem: Problem, *, epsilon_on_corrected: bool) -> tuple[list[float], float]:
    """Losses of each epoch and test accuracy, written out in float64: forward, backward, Adam."""
    weights = [weight.astype(np.float64) for weight in problem.weights]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    losses, step = [], 0
    for _ in range(problem.epochs):
        total = 0.0
        for start in range(0, len(problem.labels), problem.batch_size):
            rows = slice(start, start + problem.batch_size)
            loss, gradients = loss_and_gradients(
                weights, problem.inputs[rows].astype(np.float64), problem.labels[rows]
            )
            total += loss * len(problem.labels[rows])
            step += 1
            correction = np.sqrt(1 - 0.999**step)
            rate = problem.learning_rate * correction / (1 - 0.9**step)
            epsilon = 1e-7 * (correction if epsilon_on_corrected else 1.0)
            first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
            second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradients, strict=True)]
            moments = zip(weights, first, second, strict=True)
            weights = [w - rate * m / (np.sqrt(v) + epsilon) for w, m, v in moments]
        losses.append(total / len(problem.labels))
    found = logits_of(weights, problem.test_inputs)[-1].argmax(axis=1)
    return losses, float((found == problem.test_labels).mean())


def logits_of(weights: list[Array], inputs: Array) -> list[Array]:
    """The inputs of every layer, and the logits."""
    values = [inputs]
    for place in range(0, len(weights), 2):
        out = values[-1] @ weights[place] + weights[place + 1]
        values.append(out if place == len(weights) - 2 else np.maximum(out, 0))
    return values


def loss_and_gradients(
    weights: list[Array], inputs: Array, labels: Array
) -> tuple[float, list[Array]]:
    values = logits_of(weights, inputs)
    exponentials = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    own = np.arange(len(labels)), labels
    loss, error = -np.log(shares[own]).mean(), shares.copy()
    error[own] -= 1
    error /= len(labels)
    gradients: list[Array] = []
    for place in range(len(weights) - 2, -1, -2):
        inner = values[place // 2]
        gradients = [inner.T @ error, error.sum(axis=0), *gradients]
        error = (error @ weights[place].T) * (inner > 0)
    return float(loss), gradients


def asked(framework: Framework) -> Outcome | str:
    """The outcome of a framework's own process on the tiny problem, or why there is none."""
    if absent := not_installed({"it": framework}):
        return absent["it"]
    answer = ask(
        worker.command(framework),
        pack_problem(tiny_problem()),
        environment=limits(threads=1, device="cpu"),
        timeout_seconds=LIMIT_SECONDS,
    )
    return unpack_outcome(answer)


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
    assert min(*outcome.epoch_seconds, outcome.import_seconds) > 0
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
        worker.run("pytorch", tiny_problem(learning_rate=1e30))


def test_a_problem_and_an_outcome_survive_the_process_border() -> None:
    problem, back = tiny_problem(), unpack_problem(pack_problem(tiny_problem()))
    for field in dataclasses.fields(problem):
        ours, theirs = getattr(problem, field.name), getattr(back, field.name)
        if field.name == "weights":
            assert all(map(np.array_equal, ours, theirs))
        else:
            assert np.array_equal(ours, theirs)
    assert unpack_outcome(pack_outcome(outcome_of(0.5))) == outcome_of(0.5)


# The job


def outcome_of(accuracy: float, *, seconds: tuple[float, ...] = (9.0, 1.0, 3.0)) -> Outcome:
    losses = tuple(0.5 for _ in seconds)
    return Outcome(
        epoch_seconds=seconds, train_loss=losses, test_accuracy=accuracy, versions={"made-up": "1"}
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits")
    store.prepare(DATASET, path, data_folder=None, download=False)
    return path


ALL_PYTORCH: Mapping[str, Framework] = {"a": "pytorch", "b": "pytorch", "c": "pytorch_slices"}


def request_of(
    folder: Path,
    frameworks: Mapping[str, Framework] = ALL_PYTORCH,
    *,
    seeds: tuple[int, ...] = (0, 1),
    settings: Settings | None = None,
    **options: object,
) -> Request:
    return Request(
        options=FrameworkOptions.model_validate({"frameworks": dict(frameworks), **options}),
        settings=settings or settings_of(train_size=100),
        dataset="digits",
        folder=folder,
        seeds=seeds,
        search=None,
        device=CPU,
        cores=1,
    )


def test_a_measurement_gives_every_place_a_time_in_every_block(folder: Path) -> None:
    found = measure(
        request_of(folder, {"A": "pytorch", "B": "pytorch_slices"}, seeds=(7,), epochs=4)
    )
    assert not found.missing
    for seed, run in found.runs.items():
        assert run["status"] == "ok"
        assert set(run["metrics"]) == {
            f"{metric}@{place}" for metric in FRAMEWORKS.metrics for place in "AB"
        }
        one, other = (found.more["trainings"][place][seed] for place in "AB")
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)
        kept = one["epoch_seconds"][1:]
        assert run["metrics"]["seconds@A"] == pytest.approx(4 * sum(kept) / 3)
    assert found.facts["A"]["versions"] == {"torch": torch.__version__}
    assert found.facts["A"]["threads"] == 1
    assert "differ by at most 0.00%" in found.notes[1]


def test_a_time_is_all_epochs_at_the_mean_of_those_that_compile_nothing() -> None:
    assert training_seconds(outcome_of(0.9, seconds=(9.0, 1.0, 3.0))) == 6.0


def test_a_block_gives_all_places_one_problem_and_every_block_has_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []

    def answer(command: list[str], question: bytes, **_: object) -> str:
        questions.append(hashlib.sha256(question).hexdigest())
        return pack_outcome(outcome_of(0.9))

    monkeypatch.setattr(measuring, "ask", answer)
    measure(request_of(folder, seeds=(0, 1, 2)))
    assert [len(set(questions[start : start + 3])) for start in (0, 3, 6)] == [1, 1, 1]
    assert len(set(questions)) == 3


def test_the_problem_starts_where_the_own_training_would(folder: Path) -> None:
    settings = settings_of(train_size=100, hidden=[8, 5])
    problem = problem_of(request_of(folder, settings=settings), seed=3)
    model = build_replicates(settings, input_shape=(1, 8, 8), classes=10, seeds=(3,), device=CPU)
    images = torch.from_numpy(problem.inputs).view(1, -1, 1, 8, 8)
    ours = logits_of(list(problem.weights), problem.inputs)[-1]
    np.testing.assert_allclose(ours, model(images)[0].detach().numpy(), rtol=1e-4, atol=1e-5)
    assert [bias.any() for _, bias in layers_of(problem)] == [False] * 3
    assert problem.inputs.shape == (100, 64)
    assert problem.inputs.std() == pytest.approx(1.0, abs=1e-4)
    assert len(problem.test_labels) == DATASET.test_size
    assert (problem.batch_size, problem.learning_rate, problem.threads) == (16, 0.01, 1)


# Processes that fail

ANSWER = (
    "print(json.dumps({'epoch_seconds': [3, 1, 1, 1], 'train_loss': [1, 1, 1, 1],"
    " 'test_accuracy': 0.9, 'versions': {}, 'import_seconds': 0.1}))"
)
MADE_UP = """
import json, sys
what = sys.argv[1]
sys.stdin.buffer.read()
if what == "pytorch_slices":
    {broken}
{answer}
"""


def measured_with(
    broken: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: object
) -> Measured:
    """The places a and b are well, and c does what it is told."""
    script = MADE_UP.format(broken=broken, answer=ANSWER)
    monkeypatch.setattr(worker, "command", lambda name: [sys.executable, "-c", script, name])
    return measure(request_of(folder, **options))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("sys.exit('no such kernel')", "ended with code 1: no such kernel"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("sys.exit(0)", "the answer cannot be read"),
        ("print('{}'); sys.exit(0)", "the answer cannot be read"),
        (
            ANSWER.replace("0.9", "0.5") + "; sys.exit(0)",
            "its test accuracy of 50.00% is not that of the others (median 90.00%, tolerance 1.00%)",
        ),
    ],
    ids=["crash", "killed", "silent", "nonsense", "other accuracy"],
)
def test_a_place_that_fails_is_missing_with_the_reason_and_the_others_stay(
    broken: str, reason: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured_with(broken, folder, monkeypatch)
    assert set(found.missing) == {"c"} == set(ALL_PYTORCH) - set(found.facts)
    assert found.missing["c"].startswith("not measured: in the block of seed 0, ")
    assert reason in found.missing["c"]
    for seed in ("0", "1"):
        assert set(found.runs[seed]["metrics"]) == {
            "seconds@a", "seconds@b", "test_accuracy@a", "test_accuracy@b"
        }  # fmt: skip


def test_a_process_that_hangs_is_ended_and_tells_its_last_words(tmp_path: Path) -> None:
    script = (
        "import os, sys, time; print('waiting', os.getpid(), file=sys.stderr, flush=True);"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    )
    with pytest.raises(NoAnswerError, match=r"ended after 5 s without an answer: waiting \d+"):
        ask([sys.executable, "-c", script], b"", environment=os.environ, timeout_seconds=5)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_no_worker_outlives_a_job_that_is_killed() -> None:
    child = (
        "from nnbench.processes import end_with_parent; end_with_parent();"
        "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(600)"
    )
    parent = (
        "import subprocess, sys;"
        f"subprocess.run([sys.executable, '-c', {child!r}], stderr=sys.stdout, check=True)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as job:
        assert job.stdout is not None
        orphan = psutil.Process(int(job.stdout.readline()))
        job.send_signal(signal.SIGKILL)
        gone, _ = psutil.wait_procs([orphan], timeout=PATIENCE_SECONDS)
    assert gone


def test_a_framework_that_is_not_installed_is_missing_and_is_not_started(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "find_spec", lambda name: None if name == "keras" else name)
    found = measured_with(
        "sys.exit(1)", folder, monkeypatch, frameworks={"a": "pytorch", "Keras": "keras"}
    )
    assert found.missing == {
        "Keras": "not measured: keras is not installed (in a checkout: pip install -e '.[frameworks]')"
    }
    assert set(found.facts) == {"a"}


@pytest.mark.parametrize(
    ("accuracies", "off"),
    [
        ({"a": 0.90, "b": 0.905, "c": 0.91}, ""),
        ({"a": 0.90, "b": 0.90, "c": 0.50}, "c"),
        ({"a": 0.90, "b": 0.50}, "ab"),
        ({"a": 0.90, "b": 0.90, "c": 0.50, "d": 0.50}, "abcd"),
        ({"a": 0.90, "b": 0.90, "c": 0.95, "d": 0.20}, "cd"),
        ({"a": 0.90}, ""),
        ({}, ""),
    ],
)
def test_the_accuracies_that_are_off_are_those_far_from_the_others(
    accuracies: dict[str, float], off: str
) -> None:
    assert "".join(sorted(unequal(accuracies, tolerance=0.0101))) == off


# What may be asked


@pytest.mark.parametrize(
    "values", [{"dropout": 0.5}, {"activation": "tanh"}, {"optimizer": "sgd"}, {"l2": 0.1}], ids=str
)
def test_settings_that_the_loops_do_not_follow_are_an_error(
    values: dict[str, object], folder: Path
) -> None:
    with pytest.raises(NnbenchError, match=next(iter(values))):
        measure(request_of(folder, settings=settings_of(**values)))


def test_the_settings_that_are_followed_exist() -> None:
    assert set(Settings.model_fields) >= FOLLOWED | REPLACED


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"frameworks": {"a": "pytorch"}}, "at least 2"),
        ({"frameworks": {"a": "pytorch", "b": "keras"}, "epochs": 3}, "greater than or equal to 4"),
        ({"frameworks": {"a": "pytorch", "b": "kearas"}}, "keras"),
    ],
)
def test_options_that_measure_nothing_are_an_error(
    options: dict[str, object], problem: str
) -> None:
    with pytest.raises(NnbenchError, match=problem):
        parse(FrameworkOptions, options, where="here")


def test_the_plan_knows_the_places_and_the_duration() -> None:
    options = parse(FrameworkOptions, {"frameworks": dict(ALL_PYTORCH), "epochs": 20}, where="here")
    assert FRAMEWORKS.places(options) == ("a", "b", "c")
    assert FRAMEWORKS.alone
    assert FRAMEWORKS.seconds is not None
    # three processes of 4 s and 20 epochs of 0.15 s, twice
    assert FRAMEWORKS.seconds(options, 2) == pytest.approx(2 * 3 * (4 + 3))


def test_the_four_frameworks_of_the_claim_take_five_minutes_at_most() -> None:
    names = {name: name for name in ("tensorflow", "keras", "pytorch", "jax")}
    options = parse(FrameworkOptions, {"frameworks": names}, where="here")
    assert FRAMEWORKS.seconds is not None
    assert FRAMEWORKS.seconds(options, 5) <= 300


def test_every_library_is_told_how_many_threads_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    one = limits(threads=1, device="cpu")
    assert {one[name] for name in one if name.endswith(("_NUM_THREADS", "OP_THREADS"))} >= {"1"}
    assert one["OMP_NUM_THREADS"] == one["TF_NUM_INTRAOP_THREADS"] == "1"
    assert "--xla_cpu_multi_thread_eigen=false" in one["XLA_FLAGS"]
    assert one["CUDA_VISIBLE_DEVICES"] == "-1"
    many = limits(threads=4, device="cuda", index=1)
    assert many["OMP_NUM_THREADS"] == many["TF_NUM_INTEROP_THREADS"] == "4"
    assert "multi_thread_eigen" not in many.get("XLA_FLAGS", "")
    assert many["CUDA_VISIBLE_DEVICES"] == "7"
    assert many["JAX_PLATFORMS"] == "cuda"
