"""Which cells share a job: of the same data, cut by their estimated time, and only what is still to be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_batches import Options, batches, workflow_in
from made_up_plan import claim
from test_dag_inputs import finished

from nnbench.cells.cost import START_SECONDS, estimated_seconds
from nnbench.dag import Workflow
from nnbench.errors import NnbenchError
from nnbench.jobs.batches import read_batch


def many(folder: Path, count: int, *, epochs: int = 5, **config: Any) -> Workflow:
    """A workflow of so many cells of digits and of coin flips each."""
    levels = {f"{n}": {"lr": 0.001 * (n + 1)} for n in range(count)}
    own = claim(
        kind="differs", margin=0.05, claimed=None, levels=levels, datasets={"digits": {}, "coin_flip": {}},
        settings={"train_for": f"{epochs} epochs"},
    )  # fmt: skip
    return workflow_in(folder, own, **config)


def seconds(workflow: Workflow, cells: list[str]) -> float:
    plan = workflow.plan
    return sum(START_SECONDS + estimated_seconds(plan.cells[i], seeds=plan.seeds[i]) for i in cells)


def test_every_cell_is_in_one_batch_with_cells_of_the_same_data(tmp_path: Path) -> None:
    workflow = many(tmp_path, 40)
    found = batches(workflow)
    assert sorted(cell for own in found.values() for cell in own) == sorted(workflow.plan.cells)
    assert len(found) < 20
    for own in found.values():
        assert len({workflow.plan.cells[cell].dataset for cell in own}) == 1


@pytest.mark.parametrize(("cores", "minutes"), [(2, 5.0), (None, 30.0)])
def test_batches_are_as_long_as_they_may_be_and_no_longer(
    cores: int | None, minutes: float, tmp_path: Path
) -> None:
    workflow = many(tmp_path, 100, epochs=8000)
    long = [seconds(workflow, own) for own in batches(workflow, cores=cores).values()]
    assert max(long) <= 60 * minutes
    assert sorted(long)[len(long) // 2] > 40 * minutes  # most of them are nearly as long
    shorter = many(tmp_path, 100, epochs=8000, batch_minutes=1)
    assert len(batches(shorter, cores=cores)) > len(long)


@pytest.mark.parametrize("count", [2, 5, 40])
@pytest.mark.parametrize("cores", [1, 2, 4])
def test_no_core_is_without_a_batch_where_there_are_cells_for_all(
    count: int, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnbench.jobs.rounds.cores_there", lambda: 8)
    workflow = many(tmp_path, count)
    assert len(batches(workflow, cores=cores)) >= min(cores, 2 * count)


def test_a_cell_that_is_measured_is_in_no_batch(tmp_path: Path) -> None:
    workflow = many(tmp_path, 3)
    first, *_ = finished(workflow)
    assert workflow.repair_records() == []
    assert batches(workflow) == {}
    first.unlink()
    again = many(tmp_path, 3)
    again.repair_records()
    assert list(batches(again).values()) == [[first.parent.name]]
    forced = many(tmp_path, 3)
    assert sum(map(len, batches(forced, Options("cell")).values())) == 6


def test_a_cell_that_is_asked_for_by_its_mark_is_measured_without_others(tmp_path: Path) -> None:
    workflow = many(tmp_path, 3)
    cell = next(iter(workflow.plan.cells))
    workflow.check_asked([f"results/cells/{cell}/seeds-10.done"])
    (mark,) = workflow.batch_of(cell, Options(), 2)
    assert list(workflow.batch(Path(mark).stem).cells) == [cell]


def test_a_mark_of_an_earlier_batch_of_the_same_cells_hides_nothing(tmp_path: Path) -> None:
    (mark, *_) = many(tmp_path, 2).batches(Options(), 2)
    Path(mark).parent.mkdir(parents=True)
    Path(mark).touch()
    assert mark in many(tmp_path, 2).batches(Options(), 2)
    assert not Path(mark).exists()


def test_a_batch_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match=r"gone.json: missing or damaged"):
        read_batch(tmp_path / "gone.json")
