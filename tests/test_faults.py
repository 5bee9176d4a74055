"""Faults of a whole run, injected for real; after each, the next one ends with an undisturbed run's numbers.

No finished cell is trained again, and nothing half written is taken for a result. Faults of a single job
are in ``test_job_faults.py``, of a cluster in ``test_slurm_faults.py``, damaged records in ``test_dag.py``.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from project import Project, leftovers, measuring
from waiting import PATIENCE_SECONDS, wait_for

from nnbench.experiments.measured import Run
from nnbench.records.store import check_record, read_record, write_record

pytestmark = pytest.mark.dag
MOMENTS = random.Random(20261125)  # noqa: S311 - of faults
FAKETIME = shutil.which("faketime")


def report_numbers(project: Project) -> list[Any]:
    """All that a report says that must not depend on what happened on the way."""
    found = []
    for claim in project.results()["claims"]:
        for result in claim["results"]:
            levels = [
                {key: level[key] for key in ("level", "mean", "low", "high", "values", "diverged")}
                for level in result["levels"]
            ]
            pairs = [(p["a"], p["b"], p["difference"], p["p"]) for p in result["pairs"]]
            found.append([claim["id"], claim["verdict"], levels, pairs])
    return found


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A run that nothing disturbed."""
    project = slow(Project(tmp_path_factory.mktemp("clean")))
    done = project.run()
    assert done.returncode == 0, done.stdout
    return project


def slow(project: Project) -> Project:
    """The smoke workflow with cells of some seconds, which can be caught in the act."""
    project.levels()["0.1"]["train_for"] = "200 epochs"
    project.levels()["0.0001"]["train_for"] = "150 epochs"
    project.save()
    return project


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    return slow(Project(tmp_path / "project"))


def agrees(project: Project, clean: Project) -> bool:
    same = project.metrics() == clean.metrics() and report_numbers(project) == report_numbers(clean)
    return same and leftovers(project.folder / "results/cells") == set()


def jobs_in(folder: Path) -> list[psutil.Process]:
    """Processes that measure a cell of this project."""
    found = []
    for process in psutil.process_iter():
        try:
            if "nnbench" in process.cmdline() and process.cwd() == str(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_a_snakemake_that_is_killed_leaves_no_orphan_and_the_next_one_goes_on(
    fresh: Project, clean: Project
) -> None:
    kept: dict[str, int] = {}
    kills = 0
    for round_ in range(4):
        process = fresh.start("--rerun-incomplete")
        # the first is killed while its jobs start, so that it is not done before, however fast the machine
        wait_for(lambda p=process: jobs_in(fresh.folder) or p.poll() is not None, "a job")
        time.sleep(MOMENTS.uniform(0.0, 6.0 if round_ else 0.5))
        kills += process.poll() is None
        process.kill()
        process.communicate(timeout=PATIENCE_SECONDS)
        wait_for(lambda: not jobs_in(fresh.folder), "the jobs to end with it")
        now = {cell: path.stat().st_ino for cell, path in fresh.records().items()}
        assert {cell: now[cell] for cell in kept} == kept, round_
        for path in fresh.records().values():
            check_record(path)
        kept = now
        assert fresh.run("--unlock").returncode == 0
    assert kills
    done = fresh.run("--rerun-incomplete")
    assert done.returncode == 0, done.stdout
    now = {cell: path.stat().st_ino for cell, path in fresh.records().items()}
    assert {cell: now[cell] for cell in kept} == kept
    assert agrees(fresh, clean)


def test_a_second_pipeline_in_one_folder_is_refused_and_the_first_finishes(
    fresh: Project, clean: Project
) -> None:
    first = fresh.start()
    wait_for(lambda: jobs_in(fresh.folder), "a job")
    first.send_signal(signal.SIGSTOP)  # so that it does not end before the second one looks
    second = fresh.run()
    first.send_signal(signal.SIGCONT)
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout
    output, _ = first.communicate(timeout=PATIENCE_SECONDS)
    assert first.returncode == 0, output
    assert agrees(fresh, clean)


def test_two_pipelines_on_one_results_folder_train_each_cell_once(
    clean: Project, tmp_path: Path
) -> None:
    pair = [slow(Project(tmp_path / name)) for name in ("one", "two")]
    for project in pair:
        project.config["results"] = str(tmp_path / "shared")
        project.save()
    running = [project.start() for project in pair]
    seen: set[tuple[str, int]] = set()
    while any(process.poll() is None for process in running):
        for path in (tmp_path / "shared").glob("cells/*/record-0-4.json"):
            seen.add((path.parent.name, path.stat().st_ino))
        time.sleep(0.02)
    for process in running:
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, output
    assert len(seen) == len({cell for cell, _ in seen}) == 5
    for project in pair:
        assert report_numbers(project) == report_numbers(clean)


def test_a_job_that_ends_badly_after_a_record_was_written_leaves_it(fresh: Project) -> None:
    """Snakemake removes only what it knows of such a job, and the next run measures what is missing."""
    fresh.config["seeds"] = 10
    fresh.only_rates(0.1, 0.2, train_for="200 epochs")
    run = fresh.start()
    wait_for(lambda: fresh.records() or run.poll() is not None, "the record of a first block")
    cell, first = next(iter(fresh.records().items()))
    second, mark = first.with_name("record-5-9.json"), first.with_name("seeds-10.done")
    measuring(fresh.folder)[cell].kill()
    run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode != 0
    assert (second.exists(), mark.exists()) == (False, False)
    content, stamp = first.read_bytes(), first.stat().st_mtime_ns
    done = fresh.run()
    assert done.returncode == 0, done.stdout
    assert (first.read_bytes(), first.stat().st_mtime_ns) == (content, stamp)
    assert (second.exists(), mark.exists()) == (True, True)
    assert leftovers(fresh.folder / "results/cells") == set()


def test_force_measures_again_what_is_finished(clean: Project, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    shutil.copytree(clean.folder / "results", project.folder / "results")
    shutil.copytree(clean.folder / "reports", project.folder / "reports")
    project.config, project.document = clean.config, clean.document
    project.save()
    cell = next(c for c, path in project.records().items() if "coin_flip" in path.read_text())
    target = f"results/cells/{cell}/seeds-5.done"
    before = project.stamps()
    assert project.run(target, "--force").returncode == 0
    after = project.stamps()
    assert {c for c in after if after[c] != before[c]} == {cell}


# libfaketime refuses Python's sleep (clock_nanosleep until a time) where it leaves the uptime alone
SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


def at_a_clock(project: Project, offset: str, command: list[str]) -> subprocess.Popen[str]:
    """Start a command in a project's folder whose clock is off; a machine's clock is one, its uptime another."""
    (project.folder / "sitecustomize.py").write_text(SLEEP)  # which Python imports at its start
    return subprocess.Popen(
        [str(FAKETIME), "-m", "-f", offset, *command],
        cwd=project.folder,
        env={**project.environment(), "DONT_FAKE_MONOTONIC": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def worse_run(run: Run) -> Run:
    return run.model_copy(update={"metrics": {**run.metrics, "test_loss": 9.0}})


@pytest.mark.skipif(FAKETIME is None, reason="needs the program faketime")
def test_a_clock_that_goes_back_between_two_runs_does_not_keep_old_tables(
    clean: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project")
    project.config, project.document = clean.config, clean.document
    project.save()
    assert project.run().returncode == 0
    path = next(p for p in project.records().values() if '"lr":0.1,' in p.read_text())
    record = read_record(path)
    worse = {seed: worse_run(run) for seed, run in record.runs.items()}
    write_record(path, record.model_copy(update={"runs": worse}))
    assert project.run().returncode == 0
    assert report_numbers(project) != report_numbers(clean)
    path.unlink()
    again = [sys.executable, "-m", "nnbench", "run", path.parent.name, "--device", "cpu"]
    at_a_clock(project, "-2d", again).communicate(timeout=PATIENCE_SECONDS)
    behind = time.time() - 2 * 86_400
    assert read_record(path).started < datetime.fromtimestamp(behind + 3600, UTC).isoformat()
    os.utime(path, (behind, behind))  # the kernel's stamp, which faketime leaves as it is
    assert path.stat().st_mtime < (project.folder / "reports/results.json").stat().st_mtime
    stamps = project.stamps()
    assert project.run().returncode == 0
    assert project.stamps() == stamps
    assert agrees(project, clean)
    assert "Nothing to be done" in project.run().stdout


@pytest.mark.skipif(FAKETIME is None, reason="needs the program faketime")
def test_a_clock_that_jumps_during_a_run_changes_no_number(clean: Project, tmp_path: Path) -> None:
    project = slow(Project(tmp_path / "project"))
    jumping = tmp_path / "time"
    jumping.write_text("+0d")
    project.variables |= {"FAKETIME_TIMESTAMP_FILE": str(jumping), "FAKETIME_NO_CACHE": "1"}
    process = at_a_clock(project, "+0d", project.command())
    for finished_cells, jump in enumerate(("+3d", "-3d", "+1h")):
        wait_for(lambda: jobs_in(project.folder), "a job")
        wait_for(lambda least=finished_cells: len(project.records()) >= least, "a record")
        following = jumping.with_name("following")
        following.write_text(jump)
        following.replace(jumping)  # at once: what faketime makes of half a file is no clock
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, output
    assert agrees(project, clean)
    stamps = project.stamps()
    assert project.run().returncode == 0
    assert project.stamps() == stamps
