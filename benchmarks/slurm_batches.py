"""What it gains on a cluster to let short cells share jobs: twelve of them, each alone and in one batch.

Run as root, where there are slurm-wlm and munge: python benchmarks/slurm_batches.py
It starts a SLURM of one node with two cores, and uses the profile of clusters as it is.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from one_node_slurm import Slurm, one_node_slurm, why_not
from project import TABLES, Project

CELLS = 12
OPTIONS = ("--workflow-profile", "profiles/slurm", "--slurm-status-command", "squeue")
ALONE = ("--config", "batch_minutes=0.001")


def short_cells(folder: Path) -> Project:
    """A project with cells of two epochs on scikit-learn's digits."""
    folder.mkdir()
    project = Project(folder)
    rates = (round(0.02 * step, 2) for step in range(1, CELLS + 1))
    project.only_rates(*rates, train_for="2 epochs")
    return project


def measure(slurm: Slurm, folder: Path, *options: str) -> tuple[float, int]:
    """Wall seconds of a run up to its tables, and the jobs that it took."""
    project = short_cells(folder).on_cluster(slurm.environment)
    before, started = len(slurm.jobs("all")), time.perf_counter()
    done = project.run(*OPTIONS, TABLES, *options, cores=None)
    assert done.returncode == 0, done.stdout
    return time.perf_counter() - started, len(slurm.jobs("all")) - before


def main() -> None:
    if reason := why_not(accounting=False):
        raise SystemExit(reason)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with one_node_slurm(folder / "slurm") as slurm:
            for title, options in (("alone", ALONE), ("in a batch", ())):
                seconds, jobs = measure(slurm, folder / title.replace(" ", "_"), *options)
                print(
                    f"{CELLS} cells, {title}: {jobs} jobs, {seconds:.0f} s, load {os.getloadavg()}"
                )


if __name__ == "__main__":
    main()
