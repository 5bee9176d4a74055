"""The smoke workflow on a real SLURM of one node, with and without accounting, by the cluster's profile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from one_node_slurm import ACCOUNT, Slurm, batch_in, one_node_slurm, why_not
from project import TABLES, TIMED, Project, batch_of

pytest.importorskip("snakemake_executor_plugin_slurm")
pytestmark = [
    pytest.mark.dag,
    pytest.mark.slurm,
    pytest.mark.skipif(bool(why_not(accounting=False)), reason=str(why_not(accounting=False))),
]
# the profile as it is, but for a shorter wait: the jobs take seconds
PROFILE = ("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "3")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("local"))
    done = project.run(TABLES)
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Slurm, Project, str]]:
    """A SLURM without accounting, and on it the whole smoke workflow: its project and what it printed."""
    with one_node_slurm(tmp_path_factory.mktemp("plain")) as slurm:
        project = Project(tmp_path_factory.mktemp("project")).on_cluster(slurm.environment)
        options = ("--slurm-status-command", "squeue", "--set-resources", "cell:gres=gpu:1")
        done = project.run(*PROFILE, *options, cores=None)
        assert done.returncode == 0, done.stdout
        yield slurm, project, done.stdout


@pytest.fixture(scope="module")
def accounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Slurm, Project]]:
    """A SLURM with accounting, and on it a few cells, one of which measures time."""
    if reason := why_not(accounting=True):
        pytest.skip(reason)
    with one_node_slurm(tmp_path_factory.mktemp("accounted"), accounting=True) as slurm:
        project = Project(tmp_path_factory.mktemp("project")).on_cluster(slurm.environment)
        del project.document["claims"]["rate"]
        project.document["claims"]["timed"] = TIMED
        project.save()
        options = ("--set-resources", "cell:gpu=1", f"cell:slurm_account={ACCOUNT}")
        done = project.run(*PROFILE, TABLES, *options, cores=None)
        assert done.returncode == 0, done.stdout
        yield slurm, project


def records(project: Project) -> dict[str, dict[str, Any]]:
    """Cell id -> what its record says."""
    return {
        cell: json.loads(path.read_bytes())["record"] for cell, path in project.records().items()
    }


def jobs(slurm: Slurm, *fields: str) -> dict[str, tuple[str, ...]]:
    """Batch -> fields of its job, after the accounting."""
    asked = ("sacct", "-X", "-n", "-P", "--format", ",".join(("comment", *fields)))
    rows = [row.split("|") for row in slurm.ask(*asked).splitlines()]
    return {batch_in(comment): tuple(rest) for comment, *rest in rows}


def test_the_smoke_workflow_ends_in_the_same_records_as_on_this_machine(
    plain: tuple[Slurm, Project, str], local: Project
) -> None:
    _, project, _ = plain
    assert len(local.metrics()) == 5
    assert project.metrics() == local.metrics()


def test_short_cells_of_the_same_data_share_a_job_and_the_light_rules_are_none(
    plain: tuple[Slurm, Project, str],
) -> None:
    slurm, project, _ = plain
    assert len(project.records()) == 5
    assert len(slurm.jobs("COMPLETED")) == len(slurm.jobs("all")) == 2
    assert (project.folder / "reports/index.html").stat().st_size > 0


def test_a_batch_asks_slurm_for_the_memory_and_time_of_its_plan(
    plain: tuple[Slurm, Project, str],
) -> None:
    slurm, project, _ = plain
    asked = slurm.ask("squeue", "--states=all", "--noheader", "--format=%C %m %l").splitlines()
    assert len(set(asked)) == 1
    cpus, memory, minutes = asked[0].split()
    assert cpus == "1"
    logs = (project.folder / ".snakemake/log").glob("*.log")
    written = "".join(log.read_text() for log in logs)
    assert f"mem_mb={memory.removesuffix('M')}," in written
    assert f"runtime={minutes.partition(':')[0]}," in written


@pytest.mark.parametrize("kind", ["gres", "gpu"])
def test_a_cell_that_asks_for_a_gpu_sees_one(kind: str, request: pytest.FixtureRequest) -> None:
    slurm: Slurm = request.getfixturevalue("plain" if kind == "gres" else "accounted")[0]
    seen = slurm.visible_gpus()
    assert set(slurm.jobs("all")) <= set(seen)
    assert set(seen.values()) <= {"0", "1"}


def test_without_accounting_no_question_goes_to_it(plain: tuple[Slurm, Project, str]) -> None:
    slurm, _, printed = plain
    assert not slurm.answers("sacct")
    assert "Falling back to 'sacct'" not in printed


def test_with_accounting_the_profile_needs_no_switch(
    accounted: tuple[Slurm, Project], local: Project
) -> None:
    slurm, project = accounted
    fields = jobs(slurm, "state", "account", "reqtres")
    assert len(fields) == 2  # the coins, and the one that measures time
    for state, account, asked in fields.values():
        assert (state, account) == ("COMPLETED", ACCOUNT)
        assert "gres/gpu=1" in asked
    same = {cell: found for cell, found in project.metrics().items() if cell in local.metrics()}
    assert len(same) == 2
    assert same == {cell: local.metrics()[cell] for cell in same}


def test_a_cell_that_measures_time_has_the_node_for_itself(
    accounted: tuple[Slurm, Project],
) -> None:
    slurm, project = accounted
    found = records(project)
    (timed,) = (
        cell for cell, r in found.items() if r["cell"]["settings"]["experiment"] != "training"
    )
    alone = batch_of(project.folder, timed)
    cpus = {batch: int(fields[0]) for batch, fields in jobs(slurm, "alloccpus").items()}
    assert cpus == {batch: 2 if batch == alone else 1 for batch in cpus}
    assert found[timed]["machine"]["cores"] == 2
    times = jobs(slurm, "start", "end")
    start, end = times.pop(alone)
    assert all(other[1] <= start or end <= other[0] for other in times.values())


def test_batches_are_as_long_as_the_config_says(accounted: tuple[Slurm, Project]) -> None:
    slurm, project = accounted
    before = len(slurm.jobs("all"))
    chosen = ("--config", "seeds=6", 'only=["tiny/coins"]', "batch_minutes=0.001")
    tables = "results/aggregate/parts/tiny-coins-6-seeds/measurements.csv"
    done = project.run(*PROFILE, tables, *chosen, cores=None)
    assert done.returncode == 0, done.stdout
    assert len(slurm.jobs("all")) == before + 2
    assert len([*project.folder.glob("results/cells/*/record-5-5.json")]) == 2
