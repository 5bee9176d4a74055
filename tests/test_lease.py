"""Leases of made-up GPUs by real processes: no slot is held twice, and each is freed however its job ends."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from made_up_gpus import A, B, Job, check_log, nvidia_smi, starting, two_gpus

from nnbench.errors import NnbenchError
from nnbench.jobs.lease import MOST_JOBS_PER_GPU, NAME, Lease, leased, slots


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    two_gpus(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Job]]:
    with starting(folder) as begin:
        yield begin


@pytest.mark.parametrize(
    ("device", "count"),
    [("auto", 6), ("cuda", 6), ("cuda:1", 3), ("cuda:2", 0), ("mps", 3), ("cpu", 0)],
)
def test_slots_are_counted_for_snakemake(device: str, count: int) -> None:
    assert slots(device, jobs_per_gpu=3) == count


def test_a_cpu_asks_nothing_and_locks_nothing(folder: Path) -> None:
    nvidia_smi(folder, f"touch {folder}/asked")
    with leased("cpu") as lease:
        assert lease == Lease(device="cpu", slot=None)
    assert slots("cpu", jobs_per_gpu=1) == 0
    assert [path.name for path in folder.iterdir()] == ["bin"]


@pytest.mark.parametrize(
    ("device", "own", "gpu"),
    [("auto", "auto", A), ("cuda", "cuda", A), ("cuda:0", "cuda", A), ("cuda:1", "cuda", B)],
)
def test_a_leased_gpu_is_the_only_one_that_cuda_sees(device: str, own: str, gpu: str) -> None:
    with leased(device) as lease:
        assert lease == Lease(device=own, slot=f"{gpu}/0")
        assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu
        assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert "CUDA_DEVICE_ORDER" not in os.environ


def test_the_environment_is_put_back_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(ZeroDivisionError), leased("cuda"):
        print(1 / (os.environ["CUDA_VISIBLE_DEVICES"] != B))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_gpu_is_counted_among_the_visible_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    with leased("cuda:1") as lease:
        assert lease.slot == f"{A}/0"


def test_auto_without_a_gpu_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with leased("auto") as lease:
        assert lease == Lease(device="cpu", slot=None)


def test_apples_gpu_is_one_device(folder: Path) -> None:
    with leased("mps", jobs_per_gpu=2) as first, leased("mps", jobs_per_gpu=2) as second:
        assert first == Lease(device="mps", slot="mps/0")
        assert second == Lease(device="mps", slot="mps/1")
        assert "CUDA_VISIBLE_DEVICES" not in os.environ


@pytest.mark.parametrize(
    ("device", "named", "words"),
    [
        (
            "cuda:2",
            None,
            r"'cuda:2' does not exist(.|\n)*2 visible(.|\n)*auto, cpu, cuda:0, cuda:1",
        ),
        (
            "cuda:1",
            "1",
            r"'cuda:1' does not exist(.|\n)*1 visible GPUs \(by CUDA_VISIBLE_DEVICES=1",
        ),
        ("cuda", "-1", r"'cuda' does not exist(.|\n)*0 visible(.|\n)*auto, cpu\n"),
    ],
)
def test_a_gpu_that_is_not_there_is_an_error(
    device: str, named: str | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    with pytest.raises(NnbenchError, match=words), leased(device):
        pass


@pytest.mark.parametrize("jobs", [0, -1, MOST_JOBS_PER_GPU + 1])
def test_an_absurd_number_of_jobs_is_an_error(jobs: int) -> None:
    with pytest.raises(NnbenchError, match="jobs_per_gpu is out of range"):
        slots("cpu", jobs_per_gpu=jobs)
    with pytest.raises(NnbenchError, match="jobs_per_gpu"), leased("cpu", jobs_per_gpu=jobs):
        pass


def test_jobs_spread_over_the_gpus_before_they_share_one() -> None:
    with ExitStack() as held:
        jobs = [held.enter_context(leased("cuda", jobs_per_gpu=2))]
        os.environ.pop("CUDA_VISIBLE_DEVICES")  # as another process sees it
        jobs.append(held.enter_context(leased("cuda", jobs_per_gpu=2)))
        assert [job.slot for job in jobs] == [f"{A}/0", f"{B}/0"]


def test_the_next_job_goes_to_the_gpu_with_the_most_room() -> None:
    with ExitStack() as third:
        with ExitStack() as first, leased("cuda", jobs_per_gpu=2) as second:
            os.environ.pop("CUDA_VISIBLE_DEVICES")  # as another process sees it
            assert second.slot == f"{A}/0"
            first.enter_context(leased("cuda", jobs_per_gpu=2))
            os.environ.pop("CUDA_VISIBLE_DEVICES")
            assert third.enter_context(leased("cuda", jobs_per_gpu=2)).slot == f"{A}/1"
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        with leased("cuda", jobs_per_gpu=2) as fourth:
            assert fourth.slot == f"{B}/0"  # not A/0, beside the third


def test_a_lease_opens_the_files_of_one_gpu_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """56 MIG instances have more lock files than a process may open."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(f"MIG-{n}" for n in range(56)))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        with leased("cuda") as lease:
            assert lease.slot == "MIG-0/0"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_windows_has_no_leases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with leased("cuda:1") as lease:
        assert lease == Lease(device="cuda:1", slot=None)
    with leased("auto") as lease:
        assert lease == Lease(device="auto", slot=None)
    assert not (folder / NAME).exists()


# many jobs


def test_many_jobs_at_once_never_share_a_slot_and_all_get_one(folder: Path, start) -> None:
    jobs = [start(jobs=2) for _ in range(24)]
    for job in jobs:
        job.let_go()
    for job in jobs:
        job.leave()
    entries = check_log(folder)
    assert entries.total() == 24
    assert set(entries) <= {f"{gpu}/{number}" for gpu in (A, B) for number in (0, 1)}


def test_jobs_of_every_kind_at_once_respect_each_other_and_none_waits_for_ever(
    folder: Path, start
) -> None:
    kinds = [(1, "one"), (2, "one"), (4, "one"), (4, "alone"), (4, "every"), (4, "one")]
    jobs = [start(jobs=jobs, how=how) for jobs, how in kinds * 3]
    for job in jobs:
        job.let_go()
    for job in jobs:
        job.leave()
    assert check_log(folder).total() == 3 * (5 + 2)


def test_a_killed_job_frees_its_slot(folder: Path, start) -> None:
    holders = [start(jobs=2) for _ in range(4)]
    assert sorted(job.slot() for job in holders) == sorted(
        f"{gpu}/{number}" for gpu in (A, B) for number in (0, 1)
    )
    waiting = [start(jobs=2) for _ in range(4)]
    assert all(job.waits() for job in waiting)
    for job in holders[:3]:
        os.kill(job.process.pid, signal.SIGKILL)
    for job in waiting:
        job.let_go()
    for job in waiting:
        job.leave()
    killed = {str(job.process.pid) for job in holders[:3]}
    lines = (folder / "log").read_text().splitlines()
    (folder / "log").write_text("".join(f"{x}\n" for x in lines if x.split(" ")[1] not in killed))
    assert check_log(folder).total() == 1 + 4
    holders[3].leave()


def test_a_killed_job_frees_its_place_in_the_line(start) -> None:
    holder = start(device="cuda:0")
    assert holder.slot() == f"{A}/0"
    first = start(device="cuda:0")
    assert first.waits()
    second = start(device="cuda:0")
    assert second.waits()
    first.end()
    holder.leave()
    assert second.slot() == f"{A}/0"
    second.leave()


def test_a_job_that_waits_says_so_once_and_names_the_gpus(start) -> None:
    holder = start(device="cuda:1")
    assert holder.slot() == f"{B}/0"
    job = start(device="cuda:1")
    assert job.waits()
    holder.leave()
    job.leave()
    assert job.said == [f"nnbench: waiting for a free slot on 1 GPUs ({B})\n", f"{B}/0 {B}\n"]


@pytest.mark.parametrize("how", ["alone", "every"])
def test_a_timing_shares_its_gpu_with_no_one(how: str, start) -> None:
    timing = start(device="cuda:0", jobs=4, how=how)
    assert timing.slot() == f"{A}/0"
    small = start(device="cuda:0", jobs=4)
    assert small.waits()
    timing.leave()
    assert small.slot() == f"{A}/0"
    second = start(device="cuda:0", jobs=4, how=how)
    assert second.waits()
    small.leave()
    assert second.slot() == f"{A}/0"


def test_a_job_that_wants_all_gpus_sees_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    with leased("auto", jobs_per_gpu=4, every=True) as lease:
        assert lease.device == "auto"
        assert sorted(str(lease.slot).split(", ")) == [f"{A}/0", f"{B}/0"]
        assert os.environ["CUDA_VISIBLE_DEVICES"] == f"{B},{A}"


def test_small_jobs_do_not_overtake_one_that_waits_for_a_whole_gpu(folder: Path, start) -> None:
    first = start(device="cuda:0", jobs=2)
    assert first.slot() == f"{A}/0"
    timing = start(device="cuda:0", jobs=2, how="alone")
    assert timing.waits()
    late = start(device="cuda:0", jobs=2)
    assert late.waits()  # although a slot is free
    first.leave()
    assert timing.slot() == f"{A}/0"
    timing.leave()
    assert late.slot() == f"{A}/0"


@pytest.mark.parametrize(("modest", "other"), [(1, 4), (2, 4), (2, MOST_JOBS_PER_GPU)])
def test_the_smallest_jobs_per_gpu_among_the_jobs_of_a_gpu_holds(
    modest: int, other: int, start
) -> None:
    first = start(device="cuda:0", jobs=modest)
    first.slot()
    others = [start(device="cuda:0", jobs=other) for _ in range(modest - 1)]
    for job in others:
        job.slot()
    late = start(device="cuda:0", jobs=other)
    assert late.waits()
    first.leave()
    late.slot()
