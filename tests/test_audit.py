"""Finished cells are measured again, for real, and held against what their records say."""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from made_up_plan import FILE, claim, made_up_record, plan_in, planned, store
from waiting import PATIENCE_SECONDS, wait_for

from nnbench.audit.audit import NOTHING, Found, audit, finished
from nnbench.audit.report import reported
from nnbench.audit.rerun import measure_again
from nnbench.audit.text import audit_text
from nnbench.cells.cell import CELL_SCHEMA, hashed
from nnbench.claims.config import Config, parse_config
from nnbench.cli.main import main
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan
from nnbench.records.store import dataset_folder, read_record, record_path, write_record
from nnbench.verdicts.judge import judge_all
from nnbench.verdicts.measurements import aggregate

TESTS = Path(__file__).parent
Json = dict[str, Any]
SMALL = claim(settings={"train_for": "1 epochs", "hidden": [8]})


def quiet(_: str) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Three cells that were really trained, two seconds each, with the records that they left."""
    plan = planned(tmp_path_factory.mktemp("measured"), SMALL, seeds=5)
    cells = list(plan.cells.values())
    for cell, rerun in zip(
        cells, measure_again(cells, plan.config, device="cpu", cores=2, say=quiet), strict=True
    ):
        assert rerun.record is not None, rerun.output
        write_record(record_path(Path(plan.config.results), cell.id), rerun.record)
    return plan


class Project:
    """A copy of the measured project, whose records can be changed."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        shutil.copytree(plan.config.results, folder / "results")
        shutil.copy(plan.config.documents[0], folder)
        places = {name: str(folder / name) for name in ("results", "reports")}
        documents = [str(folder / FILE)]
        content = {**plan.config.model_dump(mode="json"), **places, "documents": documents}
        self.config: Config = parse_config(content)
        self.folder, self.results = folder, folder / "results"
        self.ids = sorted(plan.cells)

    def record(self, at: int) -> Json:
        return read_record(record_path(self.results, self.ids[at]))

    def write(self, at: int, record: Json) -> None:
        write_record(record_path(self.results, self.ids[at]), record)

    def keep(self, *at: int) -> None:
        """Remove the other records."""
        for index, cell_id in enumerate(self.ids):
            if index not in at:
                shutil.rmtree(record_path(self.results, cell_id).parent, ignore_errors=True)

    def write_old(self, content: Json, record: Json, **more: Any) -> Path:
        """A record as another code or plan would have left it, under the id of its own content."""
        own = {key: value for key, value in content.items() if key != "id"}
        cell = {"id": hashed(own), **own}
        path = record_path(self.results, cell["id"])
        write_record(path, {**record, "cell": cell, **more})
        return path

    def audit(self, found: Found | None = None, **options: Any) -> Json:
        """As a program gets it: through JSON."""
        there = found or finished(self.config, everything=options.pop("everything", False))
        given = {"cells": 10, "seed": 0, "device": "cpu", "cores": 2, "say": quiet, **options}
        content: Json = json.loads(json.dumps(audit(there, self.config, **given), allow_nan=False))
        assert audit_text(content)
        return content


@pytest.fixture
def project(measured: Plan, tmp_path: Path) -> Project:
    return Project(measured, tmp_path)


def scaled(record: Json, factor: Callable[[int], float]) -> Json:
    """A record whose losses are multiplied, by the place of their seed."""
    other = copy.deepcopy(record)
    for row, run in enumerate(other["runs"].values()):
        for name, value in run["metrics"].items():
            if "loss" in name and value is not None:
                run["metrics"][name] = value * factor(row)
    return other


# --- what came of a cell


def test_a_cell_is_identical_or_within_noise_or_drifted(project: Project) -> None:
    """Three cells are trained again; one record says another PyTorch, one wobbles, one is wrong."""
    shutil.rmtree(project.results / "data")  # it is prepared again
    first, second, third = (project.record(at) for at in range(3))
    project.write(0, {**first, "versions": {**first["versions"], "torch": "1.0"}})
    project.write(1, scaled(second, lambda row: 1 + 1e-4 * (-1) ** row))
    project.write(2, scaled(third, lambda row: 3.0 + 0.01 * row))
    content = project.audit()
    entries = {entry["cell"]: entry for entry in content["cells"]}
    same, noise, drifted = (entries[cell_id] for cell_id in project.ids)

    assert [e["outcome"] for e in (same, noise, drifted)] == [
        "identical",
        "within noise",
        "drifted",
    ]
    assert same["differs"] == [
        {"what": "torch", "a": "1.0", "b": first["versions"]["torch"]},
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
    shown = audit_text(content)
    assert "3 of 3 cells measured again (--seed 0): " in shown
    assert "1 identical to the bit, 1 within seed noise, 1 drifted." in shown


def test_records_of_other_code_are_measured_with_todays_and_told_apart(project: Project) -> None:
    """Two old records of one cell: a single training answers for both."""
    project.keep(0)
    record = project.record(0)
    content = {**record["cell"], "code": "0123456789abcdef"}
    settings = dict(content["settings"])
    del settings["mixed_precision"]  # an older nnbench did not know it
    same = project.write_old(content, record)
    moved = project.write_old(
        {**content, "settings": settings}, scaled(record, lambda row: 2 + 0.1 * row)
    )
    ghost = project.write_old({**content, "settings": {**settings, "gone": 1}}, record)
    older = project.write_old({**content, "schema": CELL_SCHEMA - 1}, record)
    foreign = project.write_old({**content, "dataset": "gone.yaml"}, record)
    without = project.audit()
    assert len(without["cells"]) == 1

    found = project.audit(everything=True)
    entries = {entry["source"]: entry for entry in found["cells"]}
    assert len(entries) == 3
    assert entries[str(same)]["outcome"] == "identical"
    drifted = entries[str(moved)]
    assert drifted["outcome"] == "drifted"
    assert f"training code 01234567 -> {record['cell']['code'][:8]}" in drifted["reasons"]
    assert "setting mixed_precision (not told) -> False" in drifted["reasons"]
    refused = {entry["source"]: entry["why"] for entry in found["cannot_be_run_again"]}
    assert set(refused) == {str(ghost), str(older), str(foreign)}
    assert "unknown key" in refused[str(ghost)]
    assert f"cell schema {CELL_SCHEMA - 1}" in refused[str(older)]
    assert "gone.yaml" in refused[str(foreign)]
    assert "cannot be run again" in audit_text(found)


def test_a_record_that_cannot_be_read_is_reported(project: Project) -> None:
    project.keep(0, 1)
    for at, content in ((0, b"{"), (1, None)):
        path = record_path(project.results, project.ids[at])
        if content is None:
            record = project.record(at)
            write_record(path, {**record, "runs": [1]})  # its checksum is right
        else:
            path.write_bytes(content)
    content = project.audit()
    assert (content["cells"], content["differs"]) == ([], True)
    reasons = [entry["why"] for entry in content["unreadable"]]
    assert reasons[0] == "damaged head"
    assert "runs" in reasons[1]
    assert "2 records unreadable" in audit_text(content)


def test_a_process_that_fails_is_a_failed_cell_with_its_last_words(project: Project) -> None:
    project.keep(0)
    folder = dataset_folder(project.results, "digits")
    damaged = bytearray((folder / "trainval.npz").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (folder / "trainval.npz").write_bytes(damaged)
    content = project.audit()
    [entry] = content["cells"]
    assert (entry["outcome"], content["differs"]) == ("failed", True)
    assert "trainval.npz" in entry["output"]
    assert "trainval.npz" in audit_text(content)


def test_data_that_cannot_be_prepared_fail_their_cells(project: Project) -> None:
    project.keep(0)
    shutil.rmtree(project.results / "data")
    (project.results / "data").write_text("in the way")
    [entry] = project.audit()["cells"]
    assert entry["outcome"] == "failed"
    assert "cannot" in entry["output"]


def test_where_no_cell_can_be_measured_again_is_an_error(project: Project) -> None:
    """For a program that goes by the exit status, nothing measured must not read as all is well."""
    project.keep(0)
    record = project.record(0)
    project.keep()
    project.write_old({**record["cell"], "schema": CELL_SCHEMA - 1}, record)
    with pytest.raises(NnbenchError, match="no cell can be measured again"):
        project.audit(everything=True)


def test_an_empty_results_folder_is_an_error(project: Project) -> None:
    project.keep()
    with pytest.raises(NnbenchError, match="no finished cell to audit") as error:
        project.audit()
    assert "--report" in str(error.value)


# --- times


def test_times_are_never_identical_and_of_other_hardware_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))  # where the job finds the user's own experiment
    clock = claim(
        kind="best", metric="seconds", claimed=None, better=["sum"], than=["sort"],
        settings={"experiment": "own_clock:CLOCK"},
        levels={"sort": {"at": "sort"}, "sum": {"at": "sum"}},
    )  # fmt: skip
    plan = planned(tmp_path, clock, seeds=5)
    [cell] = plan.cells.values()
    path = record_path(Path(plan.config.results), cell.id)
    [rerun] = measure_again([cell], plan.config, device="cpu", cores=2, say=quiet)
    assert rerun.record is not None, rerun.output
    given: Json = {"cells": 1, "seed": 0, "device": "cpu", "cores": 2, "say": quiet}

    write_record(path, rerun.record)
    [here] = audit(finished(plan.config, everything=False), plan.config, **given)["cells"]
    assert here["outcome"] in ("within noise", "drifted")  # it depends on what else runs
    assert set(here["metrics"]) == {"seconds@sort", "seconds@sum"}

    machine = {**rerun.record["machine"], "device_name": "another processor"}
    write_record(path, {**rerun.record, "machine": machine})
    content = audit(finished(plan.config, everything=False), plan.config, **given)
    [there] = content["cells"]
    assert (there["outcome"], content["differs"]) == ("not comparable", False)
    assert "times of other hardware: another processor" in there["reasons"][0]


# --- a published report


def test_a_report_is_audited_without_its_records(project: Project) -> None:
    plan = plan_in(project.folder, seeds=5)
    aggregate(plan, project.results)
    file = project.folder / "reports/results.json"
    judge_all(plan, project.results, file)
    project.keep()
    found = reported(file, project.config)
    assert {subject.cell.id for subject in found.subjects} == set(project.ids)

    content = project.audit(Found(subjects=found.subjects[:1]))
    assert [entry["outcome"] for entry in content["cells"]] == ["identical"]
    assert content["cells"][0]["source"] == str(file)

    published = json.loads(file.read_bytes())
    published["provenance"]["versions"][0]["torch"] = "1.0"
    for level in published["claims"][0]["results"][0]["levels"]:
        level["values"] = {seed: 3 * value for seed, value in level["values"].items()}
        level["cells"] = ["0123456789abcdef"]
    published["claims"][0]["results"][0]["levels"][1]["level"] = "unheard of"
    file.write_text(json.dumps(published))
    found = reported(file.parent, project.config)
    assert [where for where, _ in found.refused] == ["paper/c0, digits: unheard of"]
    [entry] = project.audit(Found(subjects=found.subjects[:1]))["cells"]
    assert entry["outcome"] == "drifted"
    assert entry["reasons"][:2] == [
        "test_loss moved",
        "cell 0123456789abcdef then: other settings or training code",
    ]
    assert any(reason.startswith("torch 1.0 -> ") for reason in entry["reasons"])


def test_a_report_without_its_config_is_refused(project: Project) -> None:
    file = project.folder / "results.json"
    file.write_text(json.dumps({"schema_version": 1, "claims": [], "provenance": {}}))
    with pytest.raises(NnbenchError, match="does not say its config"):
        reported(file, project.config)


# --- the command line


def test_the_exit_status_says_whether_all_is_well(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.keep(0)
    config = json.dumps(project.config.model_dump(mode="json"))
    options = ("audit", "--config", config, "--device", "cpu", "--cores", "1")
    assert main([*options, "--seed", "7"]) == 0
    output = capsys.readouterr()
    assert "1 of 1 cell measured again (--seed 7): 1 identical to the bit." in output.out
    assert "measured again in" in output.err
    record_path(project.results, project.ids[0]).write_bytes(b"x")
    assert main([*options, "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert (content["differs"], content["seed"] >= 0) == (True, True)
    project.keep()
    assert main(options) == 2


AFTER_CTRL_C = """
import sys, tempfile
from pathlib import Path
import psutil
from nnbench.cli.main import main
print("exit status", main(sys.argv[1:]))
print("processes", len(psutil.Process().children(recursive=True)))
print("files", len(list(Path(tempfile.gettempdir()).iterdir())))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_no_process_and_no_file_behind(tmp_path: Path) -> None:
    endless = claim(settings={"train_for": "1000000 epochs", "hidden": [8]})
    plan = planned(tmp_path, endless, seeds=5)
    for cell in plan.cells.values():
        store(plan, cell, made_up_record(cell, {"test_loss": [0.1] * 5}))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    config = json.dumps(plan.config.model_dump(mode="json"))
    options = ("--config", config, "--device", "cpu", "--cores", "2", "--cells", "3")
    with subprocess.Popen(
        [sys.executable, "-c", AFTER_CTRL_C, "audit", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    ) as process:
        try:
            wait_for_two_trainings(process)
            process.send_signal(signal.SIGINT)
            output, error = process.communicate(timeout=PATIENCE_SECONDS)
        except BaseException:
            process.kill()  # else the test would wait for it for ever
            raise
    assert output == "exit status 130\nprocesses 0\nfiles 0\n"
    assert "Traceback" not in error
    assert "interrupted" in error


def wait_for_two_trainings(process: subprocess.Popen[str]) -> None:
    """Until an audit has two trainings that have loaded torch."""

    def two_loaded() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        children = psutil.Process(process.pid).children(recursive=True)
        running = [child for child in children if "run" in child.cmdline()[3:4]]
        return len(running) == 2 and all(map(loaded, running))

    wait_for(two_loaded, "two trainings")


def loaded(child: psutil.Process) -> bool:
    return child.memory_info().rss > 200e6
