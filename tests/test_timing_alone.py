"""A time is measured while nothing else of nnbench computes, whatever is started beside it, or it is not recorded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from one_cell import SEEDS, cell_of
from project import TABLES, TIMED, Project

from nnbench.cells.cell import Cell
from nnbench.datasets.coin_flip import RANDOM_INPUTS
from nnbench.datasets.prepared import store
from nnbench.errors import NnbenchError
from nnbench.jobs import job as jobs
from nnbench.jobs.job import Job, run_job
from nnbench.jobs.lease import FOLDER


@pytest.fixture
def leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return tmp_path / "nnbench-leases"


@pytest.fixture
def timing(tmp_path: Path) -> tuple[Cell, Job]:
    """A cell that measures time, and its job."""
    folder = tmp_path / "data"
    store.prepare(RANDOM_INPUTS, folder, data_folder=None, download=False)
    cell = cell_of("random_inputs", **TIMED["settings"])
    return cell, Job(results=tmp_path / "results", data=folder, device="cpu", cores=1)


@pytest.mark.dag
@pytest.mark.usefixtures("leases")
def test_a_run_from_scratch_measures_times_alone_though_snakemake_starts_others_beside_them(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path / "project")
    settings = TIMED["settings"]
    for name, seconds in (("timed", 0.3), ("again", 0.31)):
        options = {**settings["experiment_options"], "seconds_each": seconds}
        own = {**TIMED, "settings": {**settings, "experiment_options": options}}
        project.document["claims"][name] = own
    project.save()
    # so Snakemake takes them for cells like any other
    done = project.run(TABLES, "--set-threads", "cell=1")
    assert done.returncode == 0, done.stdout
    measured = list(intervals(project))
    assert sum(timed for timed, *_ in measured) == 2
    for (timed, start, end), (other, after, until) in combinations(measured, 2):
        assert not (timed or other) or end <= after or until <= start


def intervals(project: Project) -> Iterator[tuple[bool, datetime, datetime]]:
    """For each block and each dataset: whether it measured time, from when, and until when."""
    for path in project.records().values():
        record: dict[str, Any] = json.loads(path.read_bytes())["record"]
        timed = record["cell"]["settings"]["experiment"] != "training"
        start, end = (datetime.fromisoformat(record[key]) for key in ("started", "ended"))
        yield timed, start, end
    for path in project.folder.glob("results/data/*/manifest.json"):
        # not the manifest's own time: Snakemake touches it some time after the job's end
        files = (path.parent / "source.json", *path.parent.glob("*.npz"))
        times = [datetime.fromtimestamp(f.stat().st_mtime).astimezone() for f in files]
        start, end = min(times), max(times)
        yield False, start, end


def test_a_time_beside_which_others_may_have_run_is_not_recorded(
    timing: tuple[Cell, Job], leases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, job = timing
    really = jobs._measured

    def cleared_meanwhile(*given: Any) -> Any:
        shutil.rmtree(leases)
        return really(*given)

    monkeypatch.setattr(jobs, "_measured", cleared_meanwhile)
    with pytest.raises(NnbenchError, match="nothing is recorded"):
        run_job(cell, [SEEDS], job)
    assert not list(job.results.glob("cells/*/record-*"))


class Busy:
    """A machine on which others compute."""

    def notes(self) -> Sequence[str]:
        return ["others compute"]


@pytest.mark.usefixtures("leases")
def test_the_load_of_other_programs_stands_in_the_record_of_a_time(
    timing: tuple[Cell, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "OtherLoad", Busy)
    cell, job = timing
    (record,) = run_job(cell, [SEEDS], job)
    assert record.notes[-1] == "others compute"
