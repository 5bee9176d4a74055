"""What befalls jobs on a cluster, done to them on a real SLURM: the numbers must not depend on it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from one_node_slurm import Slurm, batch_in, one_node_slurm, why_not
from project import TABLES, Project, batch_of, measuring
from waiting import wait_for

pytest.importorskip("snakemake_executor_plugin_slurm")
pytestmark = [
    pytest.mark.dag,
    pytest.mark.slurm,
    pytest.mark.skipif(bool(why_not(accounting=False)), reason=str(why_not(accounting=False))),
]
PROFILE = (
    "--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue",
    "--slurm-init-seconds-before-status-checks", "3",
)  # fmt: skip
LENGTH = "4000 epochs"  # some seconds of compiled training, so that it is caught in the act


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def long_project(folder: Path, *rates: float) -> Project:
    """A project with one long cell for each learning rate, and a job for each."""
    project = Project(folder)
    project.config["batch_minutes"] = 0.001
    project.only_rates(*rates, train_for=LENGTH)
    return project


# --- jobs and the processes in them


def jobs(slurm: Slurm, *states: str) -> dict[str, str]:
    """Job -> batch."""
    wanted = f"--states={','.join(states) or 'all'}"
    rows = slurm.ask("squeue", "--noheader", "--format=%i|%k", wanted).split()
    pairs = (row.split("|") for row in rows)
    return {job: batch_in(comment) for job, comment in pairs}


def caught(project: Project, known: Iterable[str] = ()) -> tuple[str, psutil.Process]:
    """A cell that is not known yet, and its process, stopped in the middle of its training.

    However fast the machine, it is not done before something befalls it; what SLURM ends, it continues first.
    """
    found: dict[str, psutil.Process] = {}

    def look() -> bool:
        found.update({cell: p for cell, p in training(project).items() if cell not in known})
        return bool(found)

    wait_for(look, "a training")
    cell, process = next(iter(found.items()))
    process.suspend()
    return cell, process


def training(project: Project) -> dict[str, psutil.Process]:
    """Cell -> its process, of those that are in the middle of their training."""
    found = {}
    for cell, process in measuring(project.folder).items():
        with suppress(psutil.Error, FileNotFoundError):
            if _computes(process):
                found[cell] = process
    return found


# process -> its seconds of computing when it was first seen to listen
LISTENING: dict[int, float] = {}


def _computes(process: psutil.Process) -> bool:
    """Whether it has computed a while since it began to listen to SIGTERM, right before its training."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
    if caught is None or not int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
        return False
    now = process.cpu_times().user
    return now - LISTENING.setdefault(process.pid, now) > 1.0


# --- faults


def meet_the_time_limit(slurm: Slurm, job: str) -> None:
    # instead of minutes: SLURM looks at its limits twice a minute; it refuses a time in the past,
    # and "now" is past when the second turns on the way to it
    slurm.ask("scontrol", "update", f"JobId={job}", "EndTime=now+5seconds")


def be_requeued(slurm: Slurm, job: str) -> None:
    slurm.ask("scontrol", "requeue", job)
    # SLURM lets two minutes pass before it starts such a job again
    wait_for(lambda: job in jobs(slurm, "PENDING"), "the job in the queue")
    slurm.ask("scontrol", "update", f"JobId={job}", "StartTime=now")


def be_cancelled(slurm: Slurm, job: str) -> None:
    slurm.ask("scancel", job)


FAULTS = (meet_the_time_limit, be_requeued, be_cancelled)


@dataclass(frozen=True, kw_only=True)
class Faulty:
    """A run of one cell for each fault."""

    project: Project
    undisturbed: dict[str, Any]
    cells: dict[Callable[..., None], str]
    states: dict[str, list[str]]


@pytest.fixture(scope="module")
def faulty(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Faulty:
    """Every cell suffers its fault once, in the middle of its training."""
    rates = (0.1, 0.2, 0.3)
    undisturbed = long_project(tmp_path_factory.mktemp("here"), *rates)
    assert undisturbed.run(TABLES).returncode == 0
    project = long_project(tmp_path_factory.mktemp("there"), *rates).on_cluster(slurm.environment)
    run = project.start(*PROFILE, TABLES, cores=None)
    cells: dict[Callable[..., None], str] = {}
    for fault in FAULTS:
        cell, _ = caught(project, cells.values())
        batch = batch_of(project.folder, cell)
        fault(slurm, next(job for job, its in jobs(slurm, "RUNNING").items() if its == batch))
        cells[fault] = cell
    printed, _ = run.communicate(timeout=project.patience_seconds)
    assert run.returncode == 0, printed
    states: dict[str, list[str]] = {}
    for row in slurm.ask("squeue", "--noheader", "--states=all", "--format=%k|%T").split():
        comment, state = row.split("|")
        states.setdefault(batch_in(comment), []).append(state)
    return Faulty(project=project, undisturbed=undisturbed.metrics(), cells=cells, states=states)


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        (meet_the_time_limit, ["COMPLETED", "TIMEOUT"]),
        (be_requeued, ["COMPLETED"]),  # the same job, begun again
        (be_cancelled, ["CANCELLED", "COMPLETED"]),
    ],
)
def test_a_cell_goes_on_from_its_checkpoint_to_the_same_numbers(
    faulty: Faulty, fault: Callable[..., None], ends: list[str]
) -> None:
    cell = faulty.cells[fault]
    assert sorted(faulty.states[batch_of(faulty.project.folder, cell)]) == ends
    record = json.loads(faulty.project.records()[cell].read_bytes())["record"]
    assert record["resumed"] is True
    assert faulty.project.metrics()[cell] == faulty.undisturbed[cell]


def both_caught(project: Project) -> list[psutil.Process]:
    first, process = caught(project)
    return [process, caught(project, [first])[1]]


def test_two_jobs_at_once_have_a_gpu_each_and_end_with_an_interrupted_snakemake(
    slurm: Slurm, tmp_path: Path
) -> None:
    project = long_project(tmp_path, 0.1, 0.2).on_cluster(slurm.environment)
    run = project.start(*PROFILE, TABLES, "--set-resources", "cell:gres=gpu:1", cores=None)
    visible = [process.environ()["CUDA_VISIBLE_DEVICES"] for process in both_caught(project)]
    assert sorted(visible) == ["0", "1"]
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=project.patience_seconds)
    wait_for(lambda: not slurm.jobs(), "the end of the jobs")
    assert project.records() == {}
    assert len(list(tmp_path.glob("results/cells/*/checkpoint-0-4.pt"))) == 2


def test_jobs_that_outlive_a_killed_snakemake_are_neither_lost_nor_done_twice(
    slurm: Slurm, tmp_path: Path, faulty: Faulty
) -> None:
    project = long_project(tmp_path, 0.1, 0.2).on_cluster(slurm.environment)
    run = project.start(*PROFILE, TABLES, cores=None)
    processes = both_caught(project)
    run.kill()
    run.communicate(timeout=project.patience_seconds)
    assert len(slurm.jobs("RUNNING")) == 2

    assert "--unlock" in project.run(*PROFILE, TABLES, cores=None).stdout
    assert project.run(*PROFILE, "--unlock", cores=None).returncode == 0
    run = project.start(*PROFILE, TABLES, cores=None)
    wait_for(lambda: len(slurm.jobs()) == 4, "jobs for the same cells")
    for process in processes:
        process.resume()
    printed, _ = run.communicate(timeout=project.patience_seconds)
    assert run.returncode == 0, printed
    assert project.metrics() == {cell: faulty.undisturbed[cell] for cell in project.metrics()}
    logs = [path.read_text() for path in tmp_path.glob("results/cells/*/seeds-*.log")]
    assert [log.endswith("already measured\n") for log in logs] == [True, True]
