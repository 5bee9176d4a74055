"""A job that trains in several frameworks: reasons where there is no time, and what may be asked."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from mlp_by_hand import logits_of
from tiny_training import settings_of

from nnbench.datasets.digits import DATASET
from nnbench.datasets.prepared import store
from nnbench.engine.train import build_replicates
from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks import measure as measuring
from nnbench.experiments.frameworks import worker
from nnbench.experiments.frameworks.declared import FRAMEWORKS, Framework, FrameworkOptions
from nnbench.experiments.frameworks.measure import (
    FOLLOWED,
    measure,
    problem_of,
    training_seconds,
    unequal,
)
from nnbench.experiments.frameworks.problem import Outcome, layers_of
from nnbench.experiments.measured import Measured
from nnbench.experiments.mlp import REPLACED_BY_ALL
from nnbench.experiments.run import Request
from nnbench.processes import Child, Ended
from nnbench.schema import parse
from nnbench.settings import Settings

CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("on_one_thread")


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


def test_a_measurement_gives_every_entry_a_time_in_every_block(folder: Path) -> None:
    found = measure(
        request_of(folder, {"A": "pytorch", "B": "pytorch_slices"}, seeds=(7,), epochs=4)
    )
    assert not found.missing
    for seed, run in found.runs.items():
        assert run.status == "ok"
        assert set(run.metrics) == {
            f"{metric}@{entry}" for metric in FRAMEWORKS.metrics for entry in "AB"
        }
        one, other = (found.trainings[entry][seed] for entry in "AB")
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)
        kept = one["epoch_seconds"][1:]
        assert run.metrics["seconds@A"] == pytest.approx(4 * sum(kept) / 3)
    assert found.facts["A"]["versions"] == {"torch": torch.__version__}
    assert found.facts["A"]["threads"] == 1
    assert "differ by at most 0.00%" in found.notes[1]


def test_a_time_is_all_epochs_at_the_mean_of_those_that_compile_nothing() -> None:
    assert training_seconds(outcome_of(0.9, seconds=(9.0, 1.0, 3.0))) == 6.0


def test_a_block_gives_all_entries_one_problem_and_every_block_has_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []

    def answer(children: Sequence[Child], **_: object) -> list[Ended]:
        questions.extend(hashlib.sha256(child.document).hexdigest() for child in children)
        return [Ended(failure=None, output=outcome_of(0.9).model_dump_json()) for _ in children]

    monkeypatch.setattr(measuring, "run_in_turn", answer)
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
    assert [bias.any() for _, bias in layers_of(problem.weights)] == [False] * 3
    assert problem.inputs.shape == (100, 64)
    assert problem.inputs.std() == pytest.approx(1.0, abs=1e-4)
    assert len(problem.test_labels) == DATASET.test_size
    assert (problem.batch_size, problem.learning_rate, problem.threads) == (16, 0.01, 1)


# Processes that fail

ANSWER = (
    "print(json.dumps({'epoch_seconds': [3, 1, 1, 1], 'train_loss': [1, 1, 1, 1],"
    " 'test_accuracy': 0.9, 'versions': {}}))"
)
MADE_UP = """
import json, sys
what = sys.argv[1]
print("ready", flush=True)
sys.stdin.buffer.read()
if what == "pytorch_slices":
    {broken}
{answer}
"""


def measured_with(
    broken: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: object
) -> Measured:
    """The entries a and b are well, and c does what it is told."""
    script = MADE_UP.format(broken=broken, answer=ANSWER)
    monkeypatch.setattr(worker, "command", lambda name, **_: [sys.executable, "-c", script, name])
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
def test_a_entry_that_fails_is_missing_with_the_reason_and_the_others_stay(
    broken: str, reason: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = measured_with(broken, folder, monkeypatch)
    assert set(found.missing) == {"c"} == set(ALL_PYTORCH) - set(found.facts)
    assert found.missing["c"].startswith("not measured: in the block of seed 0, ")
    assert reason in found.missing["c"]
    for seed in ("0", "1"):
        assert set(found.runs[seed].metrics) == {
            "seconds@a", "seconds@b", "test_accuracy@a", "test_accuracy@b"
        }  # fmt: skip


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


def test_a_search_is_an_error(folder: Path) -> None:
    searched = dataclasses.replace(request_of(folder), search={"candidates": [{"lr": 0.1}]})
    with pytest.raises(NnbenchError, match="untuned"):
        measure(searched)


def test_the_settings_that_are_followed_exist() -> None:
    assert set(Settings.model_fields) >= FOLLOWED | REPLACED_BY_ALL


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"frameworks": {"a": "pytorch"}}, "at least this many entries: 2"),
        ({"frameworks": {"a": "pytorch", "b": "keras"}, "epochs": 3}, "should be 4 or more"),
        ({"frameworks": {"a": "pytorch", "b": "kearas"}}, "keras"),
    ],
)
def test_options_that_measure_nothing_are_an_error(
    options: dict[str, object], problem: str
) -> None:
    with pytest.raises(NnbenchError, match=problem):
        parse(FrameworkOptions, options, where="here")


def test_the_plan_knows_the_entries_and_the_duration() -> None:
    options = parse(FrameworkOptions, {"frameworks": dict(ALL_PYTORCH), "epochs": 20}, where="here")
    assert FRAMEWORKS.entries(options) == ("a", "b", "c")
    assert FRAMEWORKS.alone
    assert FRAMEWORKS.seconds is not None
    # three processes of 2 s and 20 epochs of 0.15 s, twice
    assert FRAMEWORKS.seconds(options, 2) == pytest.approx(2 * 3 * (2 + 3))


def test_the_four_frameworks_of_the_claim_take_five_minutes_at_most() -> None:
    names = {name: name for name in ("tensorflow", "keras", "pytorch", "jax")}
    options = parse(FrameworkOptions, {"frameworks": names}, where="here")
    assert FRAMEWORKS.seconds is not None
    assert FRAMEWORKS.seconds(options, 5) <= 300
