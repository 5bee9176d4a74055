"""One cell from prepared data to plain numbers, the same to the bit wherever it runs."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_cell import SEEDS, cell_of, folder, measured, plain, record_of
from sklearn.metrics import accuracy_score, log_loss
from tiny_training import one_thread

from nnbench.datasets import digits
from nnbench.datasets.prepared import store
from nnbench.engine.train import train
from nnbench.errors import NnbenchError
from nnbench.experiments.reads import training_entries, training_metrics
from nnbench.experiments.training import fit as training_fit
from nnbench.experiments.training.fit import Job, Timer
from nnbench.records.record import Record
from nnbench.settings import Settings

__all__ = ["folder"]  # a fixture

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")


pytestmark = pytest.mark.usefixtures("on_one_thread")


def run(folder: Path, **values: Any) -> Record:
    return record_of(cell_of(**values), folder=folder)


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    with one_thread():
        return run(folder, target={"value": 0.8})


def wanted_metrics(**values: Any) -> set[str]:
    """What a plan says that a cell on the digits will measure."""
    settings = Settings.model_validate_json(json.dumps(values))
    classes = {f"test_accuracy@class {digit}" for digit in range(10)}
    shifts = {
        f"{name}@{shift}" for name in ("test_loss", "test_accuracy") for shift in settings.shifts
    }
    assert {name.partition("@")[2] for name in classes | shifts} == set(
        training_entries(settings, digits.DATASET)
    )
    return set(training_metrics(settings, digits.DATASET)) | classes | shifts


def test_every_metric_is_measured_for_every_seed_and_is_finite(record: Record) -> None:
    assert list(record.runs) == [str(seed) for seed in SEEDS]
    for outcome in record.runs.values():
        assert outcome.status == "ok"
        assert set(outcome.metrics) == wanted_metrics(target={"value": 0.8})
        assert all(math.isfinite(value) for value in outcome.metrics.values())
        assert outcome.metrics["test_accuracy"] > 0.8


def test_epochs_are_measured_only_where_there_is_a_target(folder: Path) -> None:
    outcomes = run(folder, train_for="1 epoch").runs.values()
    assert "epochs_to_target" not in wanted_metrics()
    assert {frozenset(o.metrics) for o in outcomes} == {frozenset(wanted_metrics())}


def test_a_record_is_plain_data_without_nan(record: Record) -> None:
    assert Record.model_validate_json(json.dumps(plain(record), allow_nan=False)) == record


def test_a_record_states_what_was_trained(record: Record) -> None:
    assert record.parameters == 64 * 128 + 128 + 128 * 10 + 10
    assert record.classes == 10
    assert record.test_samples == 360
    assert record.steps == 2 * 38  # 1,200 samples in batches of 32
    assert record.stacked is True
    assert record.search is None
    assert record.seeds == SEEDS
    assert Settings.model_validate_json(json.dumps(record.settings_used)).hidden == (128,)
    assert record.curves.epochs == (1.0, 2.0)
    for name in ("train_loss", "validation_loss", "validation_accuracy"):
        assert [len(row) for row in getattr(record.curves, name)] == [5, 5]


def test_a_record_states_what_it_cost(record: Record) -> None:
    assert all(seconds > 0 for seconds in record.seconds.values())
    trained = 2 * 1200 * len(SEEDS)
    wanted = trained / record.seconds["train"]
    assert record.samples_per_second == pytest.approx(wanted, rel=1e-9)
    assert record.device_peak_memory_mb is None


def test_validation_in_the_record_is_the_best_point_of_the_curve(record: Record) -> None:
    best = np.array(record.curves.validation_loss).min(axis=0)
    got = [outcome.metrics["validation_loss"] for outcome in record.runs.values()]
    np.testing.assert_allclose(got, best, rtol=1e-4)  # curves are rounded to five digits


def test_scores_are_those_of_the_samples_they_are_named_after(folder: Path, monkeypatch) -> None:
    kept: list[Any] = []

    def spied(data: Any, model: Any, settings: Settings, *, seeds: Any, **more: Any) -> Any:
        kept[:] = [data, model]
        return train(data, model, settings, seeds=seeds, **more)

    monkeypatch.setattr(training_fit, "train", spied)
    record = run(folder, train_for="1 epoch", checkpoint="last")
    (data, model), held = kept, store.load_test(folder)
    for row, outcome in enumerate(record.runs.values()):
        pool = data.bank.inputs[data.train[row]]
        shift, scale = pool.mean(), pool.std(correction=0)
        for part, inputs, labels in [
            ("train", pool, data.bank.labels[data.train[row]]),
            ("test", torch.from_numpy(held.inputs), torch.from_numpy(held.labels)),
        ]:
            batch = ((inputs - shift) / scale).expand(len(SEEDS), *inputs.shape)
            p = model(batch)[row].detach().double().softmax(dim=1).numpy()
            wanted = {f"{part}_loss": log_loss(labels, p)}
            wanted[f"{part}_accuracy"] = accuracy_score(labels, p.argmax(axis=1))
            got = {name: outcome.metrics[name] for name in wanted}
            assert got == pytest.approx(wanted, rel=1e-5)


FRESH = """
import json, sys, torch
from pathlib import Path
from nnbench.cells.cell import read_cell
from nnbench.jobs.job import Job, run_job
job = Job(results=Path(sys.argv[2]), data=Path(sys.argv[3]), device="cpu")
done, = run_job(read_cell(sys.argv[1]), [(0, 1, 2, 3, 4)], job)
found = done.model_dump(mode="json")
print(json.dumps([found["runs"], found["curves"], found["search"], torch.get_num_threads()]))
"""


def in_fresh_process(*arguments: Any, hash_seed: str, threads: str) -> Any:
    command = [sys.executable, "-W", "error", "-c", FRESH, *map(str, arguments)]
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed,
        "OMP_NUM_THREADS": threads,
    }  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_fresh_processes_measure_the_same_to_the_last_bit(folder: Path, tmp_path: Path) -> None:
    augment = {"rotation_degrees": 10, "shift_fraction": 0.1}
    search = {"candidates": [{"lr": 0.001}, {"lr": 0.01}], "seeds": [1_000_000, 1_000_001]}
    cell = cell_of(dropout=0.2, augment=augment, train_for="1 epoch", search=search)
    first, second = (
        in_fresh_process(cell.to_json(), tmp_path / n, folder, hash_seed=n, threads=n) for n in "12"
    )
    assert first == second
    assert first[-1] == cell.threads == 1  # whatever the environment says


@pytest.mark.parametrize("threads", [1, 2])
def test_the_cell_fixes_the_number_of_threads(folder: Path, threads: int) -> None:
    torch.set_num_threads(3 - threads)
    run(folder, train_for="1 step", threads=threads)
    assert torch.get_num_threads() == threads


def test_a_cell_leaves_all_global_random_states_alone(folder: Path) -> None:
    def states() -> list[object]:
        numpys = np.random.get_state()[1].tolist()
        return [torch.get_rng_state().tolist(), numpys, random.getstate()]

    before = states()
    run(folder, dropout=0.2, train_for="1 epoch", augment={"zoom_fraction": 0.1})
    run(folder, dropout=0.2, train_for="1 epoch", model="tiny_training:skip")
    assert states() == before


def test_seeds_do_not_depend_on_each_other(folder: Path, record: Record) -> None:
    alone = measured(cell_of(target={"value": 0.8}), folder=folder, seeds=(3, 1)).runs
    assert list(alone) == ["3", "1"]
    for seed, outcome in alone.items():
        assert outcome.metrics == pytest.approx(record.runs[seed].metrics, rel=1e-4)


def test_training_does_not_open_the_test_set_and_the_end_does(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "data")
    (tmp_path / "data/test.npz").unlink()
    job = Job(dataset=digits.DATASET, folder=tmp_path / "data", device=CPU, timer=Timer())
    trained = training_fit.fit(job, Settings(train_for="1 epoch"), SEEDS).trained
    assert trained.steps == 38
    assert job.timer.samples == 1200 * len(SEEDS)
    with pytest.raises(NnbenchError, match=r"test\.npz"):
        run(tmp_path / "data", train_for="1 epoch")


CANDIDATES = [{"lr": 1e-4}, {"lr": 1e30}, {"lr": 0.1}, {"lr": 1e-3}]


@pytest.fixture
def searched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Record, list[Any]]:
    """A record of the tuned track, and what every training in it was given and took."""
    seen: list[Any] = []

    def spied(data: Any, model: Any, settings: Settings, *, seeds: Any, **more: Any) -> Any:
        trained = train(data, model, settings, seeds=seeds, **more)
        lowest = np.array(trained.curves.validation_loss).min(axis=0)
        seen.append((settings, tuple(seeds), trained, lowest))
        return trained

    monkeypatch.setattr(training_fit, "train", spied)
    search = {"candidates": CANDIDATES, "seeds": [1_000_000, 1_000_001]}
    return run(folder, optimizer="sgd", train_for="1 epoch", search=search), seen


def test_the_search_chooses_the_lowest_mean_validation_loss(searched) -> None:
    record, seen = searched
    search = record.search
    assert list(search.candidates) == CANDIDATES
    assert search.chosen == int(np.argmin(search.scores)) == 2
    for index in (0, 2, 3):
        capped = np.minimum(seen[index][3], np.log(10))  # no worse than an untrained predictor
        assert search.scores[index] == pytest.approx(capped.mean(), rel=1e-6)
    assert record.settings_used["lr"] == 0.1
    assert Record.model_validate_json(json.dumps(plain(record), allow_nan=False)) == record


def test_every_candidate_gets_the_same_budget_and_the_judged_seeds_are_fresh(searched) -> None:
    _, seen = searched
    tuned, judged = seen[:-1], seen[-1]
    assert [s.lr for s, *_ in tuned] == [c["lr"] for c in CANDIDATES]
    budgets = {(s.train_for, seeds) for s, seeds, *_ in tuned}
    assert budgets == {("1 epoch", (1_000_000, 1_000_001))}
    others = {s.model_copy(update={"lr": 1.0}).model_dump_json() for s, *_ in seen}
    assert len(others) == 1  # candidates and the judged run differ in what is tuned alone
    assert judged[1] == SEEDS


def test_a_diverged_candidate_scores_as_an_untrained_predictor(searched) -> None:
    record, seen = searched
    assert all(seen[1][2].diverged)
    assert record.search.scores[1] == pytest.approx(math.log(10), rel=1e-6)


def test_diverged_runs_are_results_without_nan(folder: Path) -> None:
    record = run(folder, optimizer="sgd", lr=1e30, checkpoint="last")
    assert {outcome.status for outcome in record.runs.values()} == {"diverged"}
    assert record.runs["0"].metrics["test_loss"] is None
    assert record.curves.validation_loss[-1] == (None,) * len(SEEDS)
    json.dumps(plain(record), allow_nan=False)


def test_runs_that_miss_the_target_are_capped_at_the_budget(folder: Path) -> None:
    record = run(folder, train_for="1 epoch", target={"value": 1.01}, stop_at_target=True)
    for outcome in record.runs.values():
        assert outcome.status == "capped"
        assert outcome.metrics["epochs_to_target"] == 1.0
        assert outcome.metrics["steps_to_target"] == record.steps
