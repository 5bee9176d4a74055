"""The rules by which an audit tells what came of a cell, on records that no training has to be repeated for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_plan import claim, made_up_record, planned

from nnbench.audit.audit import Subject, judged, sample
from nnbench.audit.remembered import remembered
from nnbench.audit.rerun import Rerun
from nnbench.plan.plan import Plan

Json = dict[str, Any]
SMALL = claim(settings={"train_for": "1 epochs", "hidden": [8]})


def outcome_of(plan: Plan, then: Json, now: Json) -> Json:
    cell = next(iter(plan.cells.values()))
    subject = Subject(source="s", name="n", cell=cell, then=remembered(then))
    [entry] = judged([subject], [Rerun(record=now, output="", seconds=1.0)])
    return entry


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return planned(tmp_path_factory.mktemp("plan"), SMALL, seeds=5)


def test_curves_and_searches_have_to_be_repeated_to_the_bit_too(plan: Plan) -> None:
    cell = next(iter(plan.cells.values()))
    record = made_up_record(cell, {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5]})
    assert outcome_of(plan, record, record)["outcome"] == "identical"
    for name in ("curves", "search", "missing"):
        entry = outcome_of(plan, record, {**record, name: {"x": "other"}})
        assert entry["outcome"] == "within noise"
        assert f"{name} differ" in entry["reasons"][0]


def test_a_cell_of_a_single_seed_is_identical_or_not_comparable(tmp_path: Path) -> None:
    plan = planned(tmp_path, SMALL, seeds=1)
    cell = next(iter(plan.cells.values()))
    record = made_up_record(cell, {"test_loss": [0.1]})
    assert outcome_of(plan, record, record)["outcome"] == "identical"
    other = made_up_record(cell, {"test_loss": [0.9]})
    assert outcome_of(plan, record, other)["outcome"] == "not comparable"


def test_runs_that_diverge_now_are_a_drift_by_their_number(plan: Plan) -> None:
    cell = next(iter(plan.cells.values()))

    def record(diverged: list[int], factor: float = 1.0) -> Json:
        values = {"test_loss": [factor * value for value in (0.1, 0.2, 0.3, 0.4, 0.5)]}
        return made_up_record(cell, values, diverged=diverged)

    everywhere = [0, 1, 2, 3, 4]
    assert outcome_of(plan, record([]), record(everywhere))["outcome"] == "drifted"
    assert outcome_of(plan, record([]), record([0]))["outcome"] == "within noise"
    # what a diverged run has for a loss says nothing
    assert outcome_of(plan, record(everywhere), record(everywhere, 1e9))["outcome"] != "drifted"


def test_runs_and_metrics_that_are_gone_now_are_a_drift(plan: Plan) -> None:
    cell = next(iter(plan.cells.values()))
    values = {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5], "test_accuracy": [0.5] * 5}
    then = made_up_record(cell, values)

    def now(change: Callable[[Json], Any], **more: Any) -> Json:
        record = json.loads(json.dumps({**then, **more}))
        for run in record["runs"].values():
            change(run["metrics"])
        return outcome_of(plan, then, record)

    assert now(lambda metrics: None)["outcome"] == "identical"
    gone = now(lambda metrics: metrics.pop("test_accuracy"), missing={"jax": "not installed"})
    assert gone["outcome"] == "drifted"
    assert gone["reasons"][:2] == ["test_accuracy not measured any more", "jax: not installed"]
    assert now(lambda metrics: metrics.clear())["outcome"] == "drifted"
    without = now(lambda metrics: metrics.update(test_loss=None))
    assert (without["outcome"], without["reasons"][0]) == ("drifted", "test_loss moved")
    assert outcome_of(plan, then, {**then, "runs": {}})["outcome"] == "drifted"
    few = {seed: then["runs"][seed] for seed in ("0",)}
    assert outcome_of(plan, then, {**then, "runs": few})["outcome"] == "within noise"
    # what is measured now beside it has no counterpart
    assert now(lambda metrics: metrics.update(test_error=0.1))["outcome"] != "drifted"


def test_a_cell_that_finds_no_memory_has_failed_and_one_that_found_none_is_not_compared(
    plan: Plan,
) -> None:
    cell = next(iter(plan.cells.values()))
    fine = made_up_record(cell, {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5]})
    full = {**fine, "runs": {}, "failure": "out of memory: 5 GB"}
    assert outcome_of(plan, fine, full)["outcome"] == "failed"
    assert "out of memory" in outcome_of(plan, fine, full)["reasons"][0]
    assert outcome_of(plan, full, fine)["outcome"] == "not comparable"


def test_what_may_be_the_reason_is_named_and_a_commit_of_the_same_code_is_not(plan: Plan) -> None:
    cell = next(iter(plan.cells.values()))
    then = made_up_record(cell, {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5]}, git_commit="a" * 40)
    now = made_up_record(
        cell, {"test_loss": [9.1, 9.2, 9.3, 9.4, 9.5]}, git_commit="b" * 40, git_dirty=True,
        data={"trainval/labels": "e" * 64},
        machine={**then["machine"], "device_name": "a GPU", "tf32": True, "hostname": "elsewhere"},
    )  # fmt: skip
    entry = outcome_of(plan, then, now)
    assert entry["reasons"] == [
        "test_loss moved",
        "device_name a processor -> a GPU",
        "tf32 False -> True",
        "data trainval/labels (not told) -> eeeeeeee",
    ]
    assert {"what": "commit", "a": "a" * 40, "b": f"{'b' * 40} with changes"} in entry["differs"]


# --- the draw


def test_the_same_seed_draws_the_same_cells_and_others_draw_others(plan: Plan) -> None:
    cell = next(iter(plan.cells.values()))
    then = remembered(made_up_record(cell, {}))
    subjects = [Subject(source=str(i), name="", cell=cell, then=then) for i in range(20)]

    def drawn(seed: int) -> list[str]:
        return [subject.source for subject in sample(subjects, 5, seed=seed)]

    assert drawn(3) == drawn(3)
    draws = [drawn(seed) for seed in range(400)]
    assert all(len(set(draw)) == 5 for draw in draws)
    counts = [sum(str(i) in draw for draw in draws) for i in range(20)]
    assert min(counts) > 60  # 100 are expected of each, with a deviation of 9
    assert max(counts) < 140
    assert len(sample(subjects, 99, seed=0)) == 20
