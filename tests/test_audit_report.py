"""A published report is audited without its records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_audit import SMALL, Project, block_record, measure_all
from made_up_parts import claim, level, result
from made_up_plan import planned
from made_up_results import made_up_results

import nnbench
from nnbench.audit.audit import Rerun, judged
from nnbench.audit.subjects import Found, Subject, reported
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan, make_plan

Json = dict[str, Any]
LOSSES = {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5]}


def report_of(plan: Plan, *findings: Json) -> Json:
    """A report of the plan's first claim, with the plan's config."""
    content = made_up_results()
    content["provenance"]["config"] = plan.config.model_dump(mode="json")
    own = claim("loss/c0", "A claim", quote="q", results=findings)
    return {**content, "claims": [{**own, "id": "paper/c0", "document": "paper", "name": "c0"}]}


def finding(*levels: Json, metric: str = "test_loss", **more: Any) -> Json:
    return result("mnist1d", metric, levels, verdict=None, dataset_title="Digits", **more) | {
        "dataset": "digits"
    }


def level_of(cell_id: str, values: dict[str, float | None], *, name: str = "high") -> Json:
    seeds = {"values": values, "seed_status": dict.fromkeys(values, "ok")}
    return level(name, 0.1, 0.2, spread=0.01) | seeds | {"cell": cell_id, "cells": [cell_id]}


def by_seed(values: list[float], *, start: int = 0) -> dict[str, float | None]:
    return {str(start + row): value for row, value in enumerate(values)}


def cell_of(plan: Plan, name: str = "high") -> str:
    return next(use.cells[0] for use in plan.uses if use.level == name)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Plan, Json], Found]:
    def found(plan: Plan, content: Json) -> Found:
        path = tmp_path / "results.json"
        path.write_text(json.dumps(content))
        return reported(path, plan.config)

    return found


def outcome(subject: Subject, *values: dict[str, list[float]]) -> Any:
    """What comes of a subject whose blocks now measure these values."""
    records = [
        block_record(subject.cell, metrics, seeds=block)
        for block, metrics in zip(subject.blocks, values, strict=True)
    ]
    [found] = judged([subject], [Rerun(records=tuple(records), output="", seconds=1.0)])
    return found


def test_a_levels_values_tell_which_blocks_are_measured_again(
    tmp_path: Path, read: Callable[[Plan, Json], Found]
) -> None:
    plan = planned(tmp_path, SMALL, seeds=12)
    values = by_seed([0.1 + 0.01 * seed for seed in range(12)])
    for seeds, blocks in ((3, 1), (5, 1), (7, 2), (10, 2), (12, 3)):
        own = dict(list(values.items())[:seeds])
        content = report_of(plan, finding(level_of(cell_of(plan), own)))
        [subject] = read(plan, content).subjects
        assert subject.blocks == ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9), (10, 11))[:blocks]
    # whoever wrote the file decides nothing about this machine's memory
    content = report_of(plan, finding(level_of(cell_of(plan), {"9999999999999999999": 0.1})))
    assert read(plan, content).subjects == ()


def test_only_the_seeds_and_metrics_that_a_report_knows_are_compared(
    tmp_path: Path, read: Callable[[Plan, Json], Found]
) -> None:
    """Claims with five and with ten seeds share a cell, and judge it by different metrics."""
    plan = planned(tmp_path, SMALL, seeds=10)
    cell_id = cell_of(plan)
    content = report_of(
        plan,
        finding(level_of(cell_id, by_seed([0.1, 0.2, 0.3, 0.4, 0.5] * 2))),
    )
    five = finding(level_of(cell_id, by_seed([0.9] * 5)), metric="test_accuracy")
    content["claims"].append({**content["claims"][0], "id": "paper/c1", "results": [five]})
    assert [where.source for where in read(plan, content).refused] == ["paper/c1, digits: high"]

    both = planned(tmp_path, SMALL, {**SMALL, "metric": "test_accuracy", "seeds": 5}, seeds=10)
    [subject] = read(both, content).subjects
    again = {**LOSSES, "test_accuracy": [0.9] * 5, "test_error": [0.1] * 5}
    same = outcome(subject, again, again)
    assert (same.outcome, same.reasons) == ("identical", ())
    assert set(same.metrics) == {"test_loss", "test_accuracy"}
    lost = outcome(subject, again, {**again, "test_accuracy": [0.0] * 5})
    assert lost.outcome == "identical"  # the report knows nothing of seeds 5 to 9
    moved = outcome(subject, {**again, "test_accuracy": [0.1] * 5}, again)
    assert (moved.outcome, moved.reasons[0]) == ("drifted", "test_accuracy moved")


def test_levels_that_today_does_not_have_or_that_were_picked_are_left_out(
    tmp_path: Path, read: Callable[[Plan, Json], Found]
) -> None:
    plan = planned(tmp_path, SMALL, seeds=5)
    losses = by_seed(LOSSES["test_loss"])
    unknown = level_of("0" * 16, losses, name="unheard of")
    picked = level_of("0" * 16, losses, name="middle") | {"cells": ["0" * 16, "1" * 16]}
    absent = level_of("0" * 16, losses, name="low") | {"not_measured": "no JAX"}
    old = level_of("0123456789abcdef", losses)
    found = read(plan, report_of(plan, finding(old, unknown, picked, absent)))
    assert [(entry.source, entry.why) for entry in found.refused] == [
        ("paper/c0, digits: unheard of", "today's plan has no such level")
    ]
    [subject] = found.subjects
    assert subject.cell.id == cell_of(plan)
    moved = outcome(subject, {"test_loss": [9.1, 9.2, 9.3, 9.4, 9.5]})
    assert moved.outcome == "drifted"
    assert moved.reasons[:2] == (
        "test_loss moved",
        "cell 0123456789abcdef then: other settings or training code",
    )


@pytest.mark.parametrize("config", [None, {}])
def test_a_report_without_its_config_is_refused(
    config: Json | None, tmp_path: Path, read: Callable[[Plan, Json], Found]
) -> None:
    plan = planned(tmp_path, SMALL, seeds=5)
    content = report_of(plan)
    content["provenance"]["config"] = config
    with pytest.raises(NnbenchError, match="config"):
        read(plan, content)


def test_a_report_is_audited_without_its_records(tmp_path: Path) -> None:
    (tmp_path / "measured").mkdir()
    plan = planned(tmp_path / "measured", SMALL, seeds=5)
    measure_all(plan)
    project = Project(plan, tmp_path)
    plan = make_plan(project.config)
    file = project.folder / "results.json"
    file.write_bytes(nnbench.judge(plan).to_json())
    project.keep()
    found = reported(file, project.config)
    assert {subject.cell.id for subject in found.subjects} == set(project.ids)

    content = project.audit(Found(subjects=found.subjects[:1]))
    assert [entry["outcome"] for entry in content["cells"]] == ["identical"]
    assert content["cells"][0]["source"] == str(file)

    published = json.loads(file.read_bytes())
    published["provenance"]["versions"][0]["torch"] = "1.0"
    for entry in published["claims"][0]["results"][0]["levels"]:
        entry["values"] = {seed: 3 * value for seed, value in entry["values"].items()}
    file.write_text(json.dumps(published))
    found = reported(file.parent, project.config)
    [entry] = project.audit(Found(subjects=found.subjects[:1]))["cells"]
    assert (entry["outcome"], entry["reasons"][0]) == ("drifted", "test_loss moved")
    assert any(reason.startswith("torch 1.0 -> ") for reason in entry["reasons"])
