"""``seeds: auto``, run by Snakemake for real: look after look in one run, and nothing in the next."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from one_node_slurm import one_node_slurm, why_not
from project import Project
from waiting import wait_for

pytestmark = pytest.mark.dag
ALL = "*"  # blocks


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("undisturbed")).looked_at()
    foretold = project.run("--dry-run")
    assert "DAG of jobs will be updated after completion" in foretold.stdout
    assert not project.records()

    done = project.run()
    assert done.returncode == 0, done.stdout
    assert "1 of 2 comparisons are settled, with 10 seeds next: 1" in done.stdout
    assert "2 of 2 comparisons are settled" in done.stdout
    return project


def test_a_run_goes_on_with_what_is_not_settled_and_the_next_one_has_nothing_to_do(
    undisturbed: Project,
) -> None:
    looks = undisturbed.looks()
    assert looks["tiny/coins"] == [5]
    assert looks["tiny/rate"][:2] == [5, 10]
    left = [undisturbed.folder.glob(f"results/{name}/*") for name in ("looks", "batches")]
    assert not [path for paths in left for path in paths]

    before = undisturbed.stamps()
    assert "Nothing to be done" in undisturbed.run().stdout
    assert undisturbed.stamps() == before

    # what was decided can be found again from the records, which are not measured again
    (undisturbed.folder / "results/aggregate/looks.json").unlink()
    again = undisturbed.run()
    assert again.returncode == 0, again.stdout
    assert undisturbed.stamps() == before
    assert undisturbed.looks() == looks


def test_a_run_killed_after_a_look_and_one_forced_anew_end_in_the_same_numbers(
    undisturbed: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path).looked_at()
    process = project.start()
    wait_for(lambda: list(tmp_path.glob("results/cells/*/record-5-9.json")), "the second look's")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert project.run("--unlock").returncode == 0
    for options in ((), ("--forceall",)):
        done = project.run(*options)
        assert done.returncode == 0, done.stdout
        assert project.looks() == undisturbed.looks()
        assert project.metrics(ALL) == undisturbed.metrics(ALL)


@pytest.mark.slurm
@pytest.mark.skipif(bool(why_not(accounting=False)), reason=str(why_not(accounting=False)))
def test_a_cluster_looks_as_this_machine_does(
    undisturbed: Project, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm")
    with one_node_slurm(tmp_path_factory.mktemp("slurm")) as slurm:
        project = Project(tmp_path).looked_at().on_cluster(slurm.environment)
        done = project.run(
            "--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue",
            "--slurm-init-seconds-before-status-checks", "3", cores=None,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert project.looks() == undisturbed.looks()
    assert project.metrics(ALL) == undisturbed.metrics(ALL)
