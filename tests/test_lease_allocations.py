"""Leases inside a cluster's allocations: GPUs are shared among the allocation's own jobs only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_up_gpus import A, Job, check_log, nvidia_smi, starting, two_gpus

from nnbench.jobs.lease import NAME


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    two_gpus(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Job]]:
    with starting(folder) as begin:
        yield begin


def test_an_allocation_shares_its_gpus_among_its_own_jobs_only(folder: Path, start) -> None:
    seven = {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0"}
    first = start(**seven)
    assert first.slot() == f"{A}/0"
    second = start(**seven)
    assert second.waits()
    other = start(SLURM_JOB_ID="8", CUDA_VISIBLE_DEVICES="0")  # SLURM gave it a share of the same
    assert other.slot() == f"{A}/0"
    first.leave()
    assert second.slot() == f"{A}/0"
    second.leave()
    other.leave()
    assert [path.name for path in folder.glob(f"*{NAME}*")] == []  # and leaves nothing behind


def test_four_gpus_of_an_allocation_go_to_four_jobs(folder: Path, start) -> None:
    nvidia_smi(folder, "".join(f"echo '{index}, GPU-{index}'\n" for index in range(4)))
    jobs = [start(SLURM_JOB_ID="7", CUDA_VISIBLE_DEVICES="0,1,2,3") for _ in range(4)]
    assert sorted(job.slot() for job in jobs) == [f"GPU-{index}/0" for index in range(4)]
    for job in jobs:
        job.leave()


def test_an_allocation_to_which_slurm_gave_no_gpu_asks_the_whole_machine(
    folder: Path, start
) -> None:
    first = start(device="cuda:0", SLURM_JOB_ID="7")
    assert first.slot() == f"{A}/0"
    second = start(device="cuda:0", SLURM_JOB_ID="8")
    assert second.waits()
    assert (folder / NAME).is_dir()


def test_the_last_job_of_an_allocation_clears_up_and_never_below_another(
    folder: Path, start
) -> None:
    jobs = [start(SLURM_JOB_ID="9", CUDA_VISIBLE_DEVICES="0,1", jobs=2) for _ in range(16)]
    for job in jobs:
        job.let_go()
    for job in jobs:
        job.leave()
    assert check_log(folder).total() == 16
    assert list(folder.glob(f"*{NAME}*")) == []
