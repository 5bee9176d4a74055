"""A cell that was interrupted and goes on ends as one that was not: to the last bit."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from one_cell import cell_of, folder, plain
from one_cell import measured as found_by
from tiny_training import CPU, one_thread

from nnbench.cells.cell import Cell
from nnbench.engine.checkpoint import Checkpoint, load
from nnbench.experiments.measured import Measured
from nnbench.experiments.training.fit import Groups

__all__ = ["folder"]  # a fixture

ROOT = Path(__file__).parent.parent
SEEDS = (0, 1, 2)
SEARCH = {"candidates": [{"lr": 0.001}, {"lr": 0.01}], "seeds": [1_000_000, 1_000_001]}
DIFFERENT: dict[str, dict[str, Any]] = {
    "adam": {},
    "sgd with momentum": {"optimizer": "sgd", "momentum": 0.9},
    "rmsprop": {"optimizer": "rmsprop", "lr": 0.01},
    "dropout and penalties": {"dropout": 0.3, "l1": 1e-4, "l2": 1e-4},
    "augmentation": {"augment": {"rotation_degrees": 10, "zoom_fraction": 0.1}},
    "last weights": {"checkpoint": "last", "schedule": "cosine"},
    "early stopping": {"patience": 1, "lr": 0.05},
    "gradient probes": {"probes": ["gradients", "dead_units"]},
    "one at a time": {"model": "tiny_training:skip", "dropout": 0.2},
    "adamw": {"optimizer": "torch.optim:AdamW", "optimizer_options": {"amsgrad": True}},
    "own optimiser": {"optimizer": "tiny_training:sign_descent"},
    "batch normalisation": {"model_options": {"norm": "batch"}},
    "cnn": {"model": "cnn", "hidden": [16]},
    "other classes first": {
        "classes": [0, 1, 2], "pretrain": {"classes": [3, 4, 5], "train_for": "2 epochs", "freeze": True},
    },
    "boltzmann machines first": {
        "activation": "sigmoid", "inputs": "minmax", "rbm": {"train_for": "1 epochs"},
    },
    "two tasks": {"second_task": {}},
    "pseudo-labels": {"pseudo_labels": 0.1},
    "trained before": {
        "dropout": 0.2, "before": [{"lr": 0.01, "train_for": "1 epochs"}, {"train_for": "2 epochs"}]},
    "drift": {"dropout": 0.2, "drift": {"to": {"noise": 0.3}, "train_size": 60, "train_for": "2 epochs"}},
    "diverged": {"optimizer": "sgd", "lr": 1e30},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread_and_one_step_at_a_time(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("nnbench.engine.native.steps.CHUNK", 1)
    with one_thread():
        yield


def cell_with(**settings: Any) -> Cell:
    base = {"train_for": "3 epochs", "train_size": 200, "hidden": [16]}
    return cell_of(**{**base, **settings})


def measured(cell: Cell, folder: Path, checkpoint: Checkpoint | None = None) -> Measured:
    return found_by(cell, folder=folder, seeds=SEEDS, checkpoint=checkpoint)


class AfterSteps(Checkpoint):
    """Asks for the end after so many optimiser steps, as a signal would; each step is looked at."""

    def __init__(self, path: Path, steps: int) -> None:
        super().__init__(path)
        self.left = steps

    def due(self) -> bool:
        self.left -= 1
        if self.left == 0:
            self.stop(143)
        return super().due()


def numbers(found: Measured) -> dict[str, Any]:
    """All that must not depend on interruptions."""
    left_out = ("seconds", "search_seconds", "samples_per_second")
    return {key: value for key, value in plain(found).items() if key not in left_out}


def interrupted(cell: Cell, folder: Path, path: Path, *, steps: int) -> Any:
    """Run a cell, ended again and again after so many steps; how often, its outcome, the last checkpoint."""
    for times in range(100):
        checkpoint = AfterSteps(path, steps)
        with contextlib.suppress(SystemExit):
            return times, measured(cell, folder, checkpoint), checkpoint
        assert path.is_file()
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_cell_that_goes_on_ends_with_the_same_bits(
    name: str, folder: Path, tmp_path: Path
) -> None:
    cell = cell_with(**DIFFERENT[name])
    times, resumed, checkpoint = interrupted(cell, folder, tmp_path / "checkpoint.pt", steps=5)
    assert times >= 1
    assert checkpoint.resumed
    assert numbers(resumed) == numbers(measured(cell, folder))


@pytest.mark.parametrize("steps", [1, 7, 8, 13])
def test_any_step_is_a_good_one_to_be_interrupted_at(
    steps: int, folder: Path, tmp_path: Path
) -> None:
    """7 steps are a pass over 200 samples: the end of a pass, the first step of the next, between."""
    cell = cell_with(train_for="2 epochs", dropout=0.1)
    _, resumed, _ = interrupted(cell, folder, tmp_path / "checkpoint.pt", steps=steps)
    assert numbers(resumed) == numbers(measured(cell, folder))


def test_candidates_that_were_tried_are_not_tried_again(folder: Path, tmp_path: Path) -> None:
    cell = cell_with(search=SEARCH, train_for="2 epochs")
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(SystemExit):
        measured(cell, folder, AfterSteps(path, 20))
    found = load(path)
    assert found is not None
    assert [part for part in found["done"] if part.startswith("candidate")] == [
        "candidate 0, seeds 1000000 to 1000001 (2)"
    ]
    assert found["state"][0] == "candidate 1, seeds 1000000 to 1000001 (2)"
    _, resumed, _ = interrupted(cell, folder, path, steps=9)
    assert numbers(resumed) == numbers(measured(cell, folder))


def test_time_before_an_interruption_counts(folder: Path, tmp_path: Path) -> None:
    cell, path = cell_with(train_for="6 epochs"), tmp_path / "checkpoint.pt"
    with pytest.raises(SystemExit):
        measured(cell, folder, AfterSteps(path, 40))
    found = load(path)
    assert found is not None
    before = found["state"][1]["seconds"]
    resumed = measured(cell, folder, Checkpoint(path))
    assert resumed.seconds["train"] + resumed.seconds["evaluate"] > before > 0


def test_a_request_to_stop_outside_a_training_ends_at_once(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(SystemExit) as end:
        checkpoint.stop(143)
    assert end.value.code == 143
    with checkpoint.training():
        checkpoint.stop(143)
        assert checkpoint.due()
    with pytest.raises(SystemExit):
        Checkpoint().stop(130)  # without a file nothing could be saved


def test_a_full_disk_costs_the_checkpoint_and_not_the_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = cell_with(train_for="2 epochs")
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", every_seconds=0.0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # the kernel ends longer writes
    try:
        found = measured(cell, folder, checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert numbers(found) == numbers(measured(cell, folder))
    assert "cannot be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# --- out of memory


def test_a_group_that_does_not_fit_is_halved_and_finished_groups_are_kept() -> None:
    tried: list[list[int]] = []

    def run(seeds: Any, _: str) -> list[int]:
        tried.append(list(seeds))
        if len(seeds) > 2:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return list(seeds)

    groups = Groups(Checkpoint(), at_once=1000, device=CPU)
    assert groups.each(range(5), "runs", run) == [[0, 1], [2, 3], [4]]
    assert tried == [[0, 1, 2, 3, 4], [0, 1, 2], [0, 1], [2, 3], [4]]
    assert groups.notes() == (
        "5, 3 replicates at once did not fit the memory: 2 were trained at a time",
    )


def test_after_an_interruption_the_groups_are_those_of_a_cell_without_one() -> None:
    """Those that were finished before the memory ran out keep their size."""
    checkpoint = Checkpoint()
    tried: list[list[int]] = []
    stops = [True]

    def run(seeds: Any, _: str) -> list[int]:
        tried.append(list(seeds))
        if seeds[0] >= 4 and len(seeds) > 2:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        if seeds[0] == 6 and stops:
            raise SystemExit(stops.pop())
        return list(seeds)

    with pytest.raises(SystemExit):
        Groups(checkpoint, at_once=4, device=CPU).each(range(8), "runs", run)
    assert tried == [[0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [6, 7]]
    tried.clear()
    groups = Groups(checkpoint, at_once=4, device=CPU)
    assert groups.each(range(8), "runs", run) == [[0, 1, 2, 3], [4, 5], [6, 7]]
    assert tried == [[6, 7]]
    assert groups.too_many == (4,)


def test_one_replicate_that_does_not_fit_and_other_errors_are_raised() -> None:
    for words, size in (("DefaultCPUAllocator: not enough memory", 1), ("shapes differ", 4)):

        def run(_: Any, __: str, words: str = words) -> None:
            raise RuntimeError(words)

        with pytest.raises(RuntimeError, match=words):
            Groups(Checkpoint(), at_once=9, device=CPU).each(range(size), "runs", run)


LIMITED = """
import resource, sys, torch
from pathlib import Path
from nnbench.cells.cell import read_cell
from one_cell import measured
torch.zeros(10).sum()
used = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[3]), resource.RLIM_INFINITY))
cell, folder = read_cell(sys.argv[1]), Path(sys.argv[2])
print(measured(cell, folder=folder, seeds=(0, 1, 2)).model_dump_json())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and RLIMIT_AS")
def test_a_real_lack_of_memory_halves_the_stack_and_is_recorded(folder: Path) -> None:
    """The kernel refuses the memory: 3 replicates of 4 million weights need 3 x 16 MB six times."""
    cell = cell_with(hidden=[2000, 2000], train_for="2 steps")
    command = [sys.executable, "-c", LIMITED, cell.to_json(), str(folder), str(210 * 2**20)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
        "PYTHONPATH": path,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    limited = Measured.model_validate_json(done.stdout)
    assert limited.failure is None
    assert limited.out_of_memory in ((3,), (3, 2))
    assert "did not fit the memory" in limited.notes[0]
    free = measured(cell, folder)
    assert free.out_of_memory == ()
    for seed, run in free.runs.items():  # stacked differently: equal up to rounding
        assert limited.runs[seed].metrics == pytest.approx(run.metrics, rel=1e-4)
