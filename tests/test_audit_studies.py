"""Factor studies in an audit: their cells, and their analysis made again from the records or from a report's own runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_audit import block_record
from made_up_studies import measured, planned

import nnbench.audit.audit
from nnbench.audit.audit import Audit, Rerun, audit, judged
from nnbench.audit.restudied import AuditedStudy, audited_study
from nnbench.audit.subjects import Found, finished, reported
from nnbench.audit.text import audit_text
from nnbench.plan.plan import Plan
from nnbench.verdicts.judge import judge, write_results

Json = dict[str, Any]
FILE = "reports/results.json"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A study with records, and its report."""
    found = measured(tmp_path)
    write_results(judge(found), tmp_path / FILE)
    return found


def changed(folder: Path, change: Callable[[Json], None]) -> None:
    """Alter the report."""
    content = json.loads((folder / FILE).read_bytes())
    change(content)
    (folder / FILE).write_text(json.dumps(content))


def of(found: Found) -> AuditedStudy:
    (one,) = found.studies
    return audited_study(one)


def from_report(folder: Path, plan: Plan) -> AuditedStudy:
    return of(reported(folder / FILE, plan.config))


def from_records(plan: Plan) -> AuditedStudy:
    return of(finished(plan.config, everything=False))


def test_the_shares_of_a_report_follow_from_its_runs_and_from_the_records(
    tmp_path: Path, plan: Plan
) -> None:
    for one in (from_report(tmp_path, plan), from_records(plan)):
        assert (one.study, one.outcome, one.largest, one.reasons) == (
            "study/mine",
            "identical",
            0.0,
            (),
        )
        assert one.shares > 20


def test_the_points_of_a_study_are_measured_again_from_a_report(tmp_path: Path, plan: Plan) -> None:
    found = reported(tmp_path / FILE, plan.config)
    assert {subject.cell.id for subject in found.subjects} == set(plan.cells)
    assert not found.refused
    first = found.subjects[0]
    assert first.name == "study/mine, digits: point 1"
    assert first.blocks == ((0, 1, 2, 3, 4),)
    runs = first.then.runs["test_accuracy"].values()
    for factor, outcome in ((1.0, "identical"), (0.5, "drifted")):
        values = [factor * run.value for run in runs if run.value is not None]
        record = block_record(first.cell, {"test_accuracy": values}, seeds=first.blocks[0])
        (again,) = judged([first], [Rerun(records=(record,))])
        assert again.outcome == outcome


def share(content: Json) -> None:
    content["studies"][0]["datasets"][1]["factors"][0]["share"]["low"] -= 0.02


def run(content: Json) -> None:
    content["studies"][0]["datasets"][0]["points"][0]["runs"]["0"] = 0.123


def verdict(content: Json) -> None:
    content["claims"][0]["verdict"] = "contradicted"


def test_a_share_that_does_not_follow_is_found_with_its_place(tmp_path: Path, plan: Plan) -> None:
    changed(tmp_path, share)
    one = from_report(tmp_path, plan)
    assert (one.outcome, one.where) == ("drifted", "rate, wine")
    assert one.largest == pytest.approx(0.02, abs=1e-9)


def test_a_run_that_the_records_do_not_have_is_found(tmp_path: Path, plan: Plan) -> None:
    changed(tmp_path, run)
    assert from_report(tmp_path, plan).outcome == "drifted"
    one = from_records(plan)
    assert (one.outcome, one.reasons) == ("drifted", ("digits: other runs at 1 of 16 points",))


def test_a_verdict_that_does_not_follow_from_the_shares_is_found(
    tmp_path: Path, plan: Plan
) -> None:
    changed(tmp_path, verdict)
    told = "paper/rate: contradicted in the report, reproduced again"
    assert from_report(tmp_path, plan).reasons == (told,)


def test_what_cannot_be_analysed_again_is_told_with_the_reason(tmp_path: Path, plan: Plan) -> None:
    cell = plan.points[0].use.cells[0]
    (path,) = (tmp_path / "results/cells" / cell).glob("record-*.json")
    path.unlink()
    assert from_records(plan).reasons == ("1 of 32 points have no record",)
    other = planned(tmp_path, draw=2)
    assert from_report(tmp_path, other).reasons == ("today's plan has other points",)
    file = tmp_path / "studies.yaml"
    file.write_text(file.read_text().replace("mine:", "other:"))
    assert from_report(tmp_path, other).reasons == ("today's plan has no such study",)


def test_without_a_report_or_records_there_is_no_study_to_analyse(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    write_results(judge(plan), tmp_path / FILE)
    assert finished(plan.config, everything=False).studies == ()
    measured(tmp_path)
    (tmp_path / FILE).unlink()
    assert finished(plan.config, everything=False).studies == ()


def test_an_audit_differs_where_a_study_does(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def same(tasks: Any, *_: Any, **__: Any) -> list[Rerun]:
        return [Rerun(records=task.then.records) for task in tasks]

    monkeypatch.setattr(nnbench.audit.audit, "measure_again", same)

    def audited() -> Audit:
        found = finished(plan.config, everything=False)
        return audit(found, plan.config, cells=2, seed=1, device="cpu", cores=1)

    assert audited().differs is False
    changed(tmp_path, share)
    differs = audited()
    assert differs.differs is True
    assert "study/mine  drifted  2.0 points (rate, wine)" in audit_text(differs)
