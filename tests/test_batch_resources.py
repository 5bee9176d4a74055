"""What a batch asks for: cores, time, a node, and its place in the queue."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from made_up_batches import batches, workflow_in
from made_up_plan import TUNED, claim
from made_up_readings import frameworks

from nnbench.cells.cell import Cell
from nnbench.cells.cost import estimated_seconds
from nnbench.dag import Workflow
from nnbench.jobs.batches import SHORTEST_MINUTES, SLOWER


def cells(workflow: Workflow) -> list[Cell]:
    return list(workflow.plan.cells.values())


def test_the_longest_jobs_come_first(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path, claim(**TUNED))
    found = sorted(map(workflow.batch, batches(workflow)), key=lambda batch: batch.rank)
    assert [batch.seconds for batch in found] == sorted(batch.seconds for batch in found)
    assert [batch.rank for batch in found] == list(range(len(found)))
    longest = next(iter(found[-1].cells))
    assert workflow.plan.cells[longest].search is not None
    cost = {c.id: estimated_seconds(c, seeds=10) for c in cells(workflow)}
    for batch in found:
        own = [cost[cell] for cell in batch.cells]
        assert own == sorted(own, reverse=True)


def test_a_cell_takes_its_share_where_more_cores_are_offered_than_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    workflow = workflow_in(tmp_path)
    cell = next(iter(batches(workflow)))
    running = {cores: cores // workflow.threads(cell, cores) for cores in (1, 2, 3, 4, 8, 16)}
    assert running == {1: 1, 2: 2, 3: 3, 4: 2, 8: 2, 16: 2}
    assert workflow.threads(cell, None) == 1  # a cluster: the profile decides
    assert workflow.cores(cell, 16) == 2  # never more than there are


def test_a_cell_that_measures_time_takes_all_cores(tmp_path: Path) -> None:
    options = {"models": {"A": "alexnet", "B": "vgg16"}}
    timing = claim(
        metric="images_per_second",
        datasets={"random_inputs": {}},
        settings={"experiment": "inference_speed", "experiment_options": options},
        levels={"A": {"at": "A"}, "B": {"at": "B"}},
        claimed={"A": 2, "B": 1},
    )
    workflow = workflow_in(tmp_path, timing)
    (cell,) = batches(workflow)
    assert [workflow.threads(cell, cores) for cores in (1, 2, 8)] == [1, 2, 8]


def test_a_cluster_is_asked_for_more_time_where_a_cell_takes_longer(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path, claim(settings={"train_for": "2000 epochs"}), claim())
    minutes = {
        workflow.plan.cells[own[0]].settings.train_for: workflow.batch(name).runtime_minutes
        for name, own in batches(workflow).items()
    }
    longest = max(minutes, key=lambda budget: minutes[budget])
    assert longest == "2000 epochs"
    assert min(minutes.values()) > SHORTEST_MINUTES
    seconds = max(estimated_seconds(cell, seeds=10) for cell in cells(workflow))
    assert minutes[longest] * 60 >= SLOWER * seconds


def test_a_cell_that_measures_time_asks_a_cluster_for_a_node(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path, claim(), frameworks(datasets={"digits": {}}))
    own = workflow.plan.cells
    asked = {
        own[cell].settings.experiment: workflow.batch(name).slurm_extra
        for name, found in batches(workflow, cores=None).items()
        for cell in found
    }
    assert asked == {"training": None, "frameworks": "--exclusive"}
