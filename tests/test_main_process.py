"""What Snakemake itself costs a run: CPU time of its main process beside that of its jobs, which load does not change."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_batches import Options
from project import ROOT, TABLES, Project

from nnbench.claims.config import read_config
from nnbench.dag import Workflow

CELLS = 8
spent: Callable[..., Any] = runpy.run_path(str(ROOT / "benchmarks/scratch.py"))["spent"]


@pytest.mark.dag
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_snakemake_takes_a_small_share_of_a_runs_processor_time(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.only_rates(*(0.01 * (n + 1) for n in range(CELLS)), train_for="2 epochs")
    command = project.command(TABLES, "--config", "batch_minutes=0.001")  # a job for each cell
    run, idle = (spent(command, tmp_path, environment=project.environment()) for _ in range(2))
    assert run.children > CELLS  # each job imports PyTorch
    assert run.own - idle.own < 0.05 * run.children
    assert run.own < 0.3 * run.children  # with Python's start, the plan and the graph of jobs


def test_the_default_tier_becomes_at_most_forty_jobs_of_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folders = {"results": str(tmp_path / "results"), "reports": str(tmp_path / "reports")}
    config = read_config("config/config.yaml").model_copy(update=folders)
    workflow = Workflow(config)
    marks = workflow.batches(Options(), None)
    found = [workflow.batch(Path(mark).stem) for mark in marks]
    assert sum(len(batch.cells) for batch in found) == len(workflow.plan.cells) > 200
    assert len(found) <= 40
