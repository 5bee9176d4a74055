"""Finished cells are measured again, for real, and held against what their records say."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from made_up_audit import (
    BLOCK,
    SMALL,
    Json,
    Project,
    as_json,
    block_record,
    measure_all,
    scaled,
    store,
    write_plain,
)
from made_up_plan import claim, planned

from nnbench.audit.audit import NOTHING, audit, measure_again
from nnbench.audit.subjects import Task, finished
from nnbench.audit.text import audit_text
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan, make_plan
from nnbench.records.store import dataset_folder, record_path, write_record

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Three cells that were really trained."""
    plan = planned(tmp_path_factory.mktemp("measured"), SMALL, seeds=5)
    measure_all(plan)
    return plan


@pytest.fixture
def project(measured: Plan, tmp_path: Path) -> Project:
    return Project(measured, tmp_path)


# --- what came of a cell


def test_a_cell_is_identical_or_within_noise_or_drifted(project: Project) -> None:
    """Three cells are trained again; one record says another PyTorch, one wobbles, one is wrong."""
    shutil.rmtree(project.results / "data")  # it is prepared again
    first, second, third = (project.record(at) for at in range(3))
    project.write(0, first.model_copy(update={"versions": {**first.versions, "torch": "1.0"}}))
    project.write(1, scaled(second, lambda row: 1 + 1e-4 * (-1) ** row))
    project.write(2, scaled(third, lambda row: 3.0 + 0.01 * row))
    audited = project.audited()
    content = as_json(audited)
    entries = {entry["cell"]: entry for entry in content["cells"]}
    same, noise, drifted = (entries[cell_id] for cell_id in project.ids)

    assert [e["outcome"] for e in (same, noise, drifted)] == [
        "identical",
        "within noise",
        "drifted",
    ]
    assert same["differs"] == [
        {"what": "torch", "a": "1.0", "b": first.versions["torch"]},
        *(difference for difference in same["differs"] if difference["what"] == "commit"),
    ]
    assert same["largest"]["relative"] == 0
    assert noise["largest"]["relative"] == pytest.approx(1e-4, rel=0.01)
    assert noise["reasons"] == [NOTHING]
    assert "test_loss" in drifted["reasons"][0]
    assert drifted["reasons"][1:] == [NOTHING]  # the record was tampered with
    assert drifted["metrics"]["test_loss"]["outcome"] == "moved"
    assert drifted["metrics"]["test_accuracy"]["outcome"] == "identical"
    assert content["differs"] is True
    shown = audit_text(audited)
    assert "3 of 3 cells measured again (--seed 0): " in shown
    assert "1 identical to the bit, 1 within seed noise, 1 drifted." in shown


def test_records_of_other_code_are_measured_with_todays_and_told_apart(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two old records of one cell: a single training answers for both."""
    project.keep(0)
    record = project.record(0)
    cell = record.cell.model_dump(mode="json")
    content = {**cell, "code": "0123456789abcdef"}
    settings = dict(content["settings"])
    del settings["mixed_precision"]  # an older nnbench did not know it
    same = project.write_old(content, record)
    moved = project.write_old(
        {**content, "settings": settings}, scaled(record, lambda row: 2 + 0.1 * row)
    )
    ghost = project.write_old({**content, "settings": {**settings, "gone": 1}}, record)
    older = project.write_old({**content, "schema_version": 2}, record)
    foreign = project.write_old({**content, "dataset": "gone.yaml"}, record)
    without = project.audit()
    assert len(without["cells"]) == 1

    said: list[str] = []
    monkeypatch.setattr("nnbench.audit.audit.to_log", said.append)
    audited = project.audited(everything=True)
    found = as_json(audited)
    entries = {entry["source"]: entry for entry in found["cells"]}
    assert len(entries) == 3
    assert len(said) == 1  # it is today's cell as well
    assert entries[str(same.parent)]["outcome"] == "identical"
    drifted = entries[str(moved.parent)]
    assert drifted["outcome"] == "drifted"
    assert f"training code 01234567 -> {cell['code'][:8]}" in drifted["reasons"]
    assert "setting mixed_precision (not told) -> False" in drifted["reasons"]
    refused = {entry["source"]: entry["why"] for entry in found["cannot_be_run_again"]}
    assert set(refused) == {str(ghost), str(older), str(foreign)}
    assert "unknown key" in refused[str(ghost)]
    assert "schema_version" in refused[str(older)]
    assert "gone.yaml" in refused[str(foreign)]
    assert "cannot be run again" in audit_text(audited)


def test_a_record_that_cannot_be_read_is_reported(project: Project) -> None:
    project.keep(0, 1)
    project.path(0).write_bytes(b"{")
    content = project.record(1).model_dump(mode="json")
    write_plain(project.path(1), {**content, "runs": [1]})  # its checksum is right
    audited = project.audited()
    assert (audited.cells, audited.differs) == ((), True)
    reasons = [entry.why for entry in audited.unreadable]
    assert reasons[0] == "damaged head"
    assert "runs" in reasons[1]
    assert "2 records unreadable" in audit_text(audited)


def test_an_old_record_that_was_tampered_with_is_reported(project: Project) -> None:
    """Its id is the hash of its content: neither can be changed alone."""
    project.keep()
    cell = next(iter(make_plan(project.config).cells.values()))
    record = block_record(cell, {"test_loss": [0.1] * 5}).model_dump(mode="json")
    paths = [record_path(project.results, name, BLOCK) for name in ("a" * 16, "b" * 16, "c" * 16)]
    write_plain(paths[0], {**record, "cell": {**record["cell"], "id": "a" * 16}})
    write_plain(paths[1], record)
    write_plain(paths[2], {**record, "cell": 1})
    found = finished(project.config, everything=True)
    assert found.subjects == ()
    assert [(entry.source, entry.why) for entry in found.unreadable] == [
        (str(paths[0]), "belongs to another cell"),
        (str(paths[1]), "belongs to another cell"),
        (str(paths[2]), "not of a record's shape"),
    ]


def test_a_process_that_fails_is_a_failed_cell_with_its_last_words(project: Project) -> None:
    project.keep(0)
    folder = dataset_folder(project.results, "digits")
    damaged = bytearray((folder / "trainval.npz").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "trainval.npz").write_bytes(damaged)
    audited = project.audited()
    [entry] = audited.cells
    assert (entry.outcome, audited.differs) == ("failed", True)
    assert "trainval.npz" in entry.output
    assert "trainval.npz" in audit_text(audited)


def test_data_that_cannot_be_prepared_fail_their_cells(project: Project) -> None:
    project.keep(0)
    shutil.rmtree(project.results / "data")
    (project.results / "data").write_text("in the way")
    [entry] = project.audit()["cells"]
    assert entry["outcome"] == "failed"
    assert "cannot" in entry["output"]


def test_where_no_cell_can_be_measured_again_is_an_error(project: Project) -> None:
    """For a program that goes by the exit status, nothing measured must not read as all is well."""
    record = project.record(0)
    project.keep()
    project.write_old({**record.cell.model_dump(mode="json"), "schema_version": 2}, record)
    with pytest.raises(NnbenchError, match="no cell can be measured again"):
        project.audit(everything=True)


def test_an_empty_results_folder_is_an_error(project: Project) -> None:
    project.keep()
    with pytest.raises(NnbenchError, match="no finished cell to audit") as error:
        project.audit()
    assert "--report" in str(error.value)


# --- blocks of seeds


def test_a_cell_is_audited_in_all_of_its_finished_blocks(tmp_path: Path) -> None:
    plan = planned(tmp_path, SMALL, seeds=12)
    first, second, third = plan.cells.values()
    losses = {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5]}
    for cell, blocks in ((first, [BLOCK, (5, 6, 7, 8, 9), (10, 11)]), (second, [(5, 6, 7, 8, 9)])):
        for block in blocks:
            store(plan, cell, block_record(cell, losses, seeds=block))
    # those of earlier plans: of eight seeds, of seven, and a longer one
    for block in ((5, 6, 7), (5, 6), (10, 11, 12, 13, 14)):
        store(plan, first, block_record(first, losses, seeds=block))
    aside = record_path(Path(plan.config.results), third.id, BLOCK)
    aside.parent.mkdir()
    aside.with_suffix(".rejected.json").write_text("{")

    found = finished(plan.config, everything=False)
    assert {subject.cell.id: subject.blocks for subject in found.subjects} == {
        first.id: ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9), (10, 11)),
        second.id: ((5, 6, 7, 8, 9),),
    }
    everything = finished(plan.config, everything=True).subjects
    assert [s.blocks for s in everything if s not in found.subjects] == [((10, 11, 12, 13, 14),)]
    assert (found.unreadable, found.refused) == ((), ())


def test_blocks_are_measured_again_as_they_were(tmp_path: Path) -> None:
    """Seeds 0–4 and 5–6, together or alone, give the same numbers."""
    plan = planned(tmp_path, SMALL, seeds=7)
    cell = next(iter(plan.cells.values()))
    tasks = [Task(cell=cell, blocks=blocks) for blocks in ((BLOCK, (5, 6)), ((5, 6),))]
    together, alone = measure_again(tasks, plan.config, device="cpu", cores=2)
    assert [record.seeds for record in together.records] == [BLOCK, (5, 6)]
    assert [record.seeds for record in alone.records] == [(5, 6)]
    assert alone.records[0].runs == together.records[1].runs
    for record in together.records:
        store(plan, cell, record)
    given: Json = {"cells": 5, "seed": 0, "device": "cpu", "cores": 2}
    [entry] = audit(finished(plan.config, everything=False), plan.config, **given).cells
    assert (entry.outcome, entry.reasons) == ("identical", ())


# --- times


def test_times_are_never_identical_and_of_other_hardware_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # where the job finds the user's own experiment
    monkeypatch.setenv("PYTHONPATH", str(TESTS), prepend=os.pathsep)
    clock = claim(
        kind="best", metric="seconds", claimed=None, better=["sum"], than=["sort"],
        settings={"experiment": "own_clock:CLOCK"},
        levels={"sort": {"at": "sort"}, "sum": {"at": "sum"}},
    )  # fmt: skip
    plan = planned(tmp_path, clock, seeds=5)
    [cell] = plan.cells.values()
    path = record_path(Path(plan.config.results), cell.id, BLOCK)
    task = Task(cell=cell, blocks=(BLOCK,))
    [rerun] = measure_again([task], plan.config, device="cpu", cores=2)
    [record] = rerun.records or pytest.fail(rerun.output)
    given: Json = {"cells": 1, "seed": 0, "device": "cpu", "cores": 2}

    write_record(path, record)
    [here] = audit(finished(plan.config, everything=False), plan.config, **given).cells
    assert here.outcome in ("within noise", "drifted")  # it depends on what else runs
    assert set(here.metrics) == {"seconds@sort", "seconds@sum"}

    machine = record.machine.model_copy(update={"device_name": "another processor"})
    write_record(path, record.model_copy(update={"machine": machine}))
    audited = audit(finished(plan.config, everything=False), plan.config, **given)
    [there] = audited.cells
    assert (there.outcome, audited.differs) == ("not comparable", False)
    assert "times of other hardware: another processor" in there.reasons[0]
