"""Leases of made-up GPUs by real processes: no slot is held twice, and each is freed however its job ends."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nnbench import gpus, lockfiles
from nnbench.errors import NnbenchError
from nnbench.gpus import visible_among, visible_gpus
from nnbench.lease import MOST_JOBS_PER_GPU, NAME, Lease, leased, slots

HOLDER = Path(__file__).with_name("lease_holder.py")
A = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
B = "GPU-8a44b1ee-0000-4106-c12f-20bd9faed9f6"
MIG = "MIG-1fb2a3c4-5d6e-5f70-8192-a3b4c5d6e7f8"
NOBODY = 65534
MANY = settings(max_examples=500, deadline=None, derandomize=True, database=None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two made-up GPUs, and a place for the locks that no other job of the machine uses."""
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NNBENCH_LEASES", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    nvidia_smi(tmp_path, f"echo '0, {A}'\necho '1, {B}'")
    return tmp_path


def nvidia_smi(folder: Path, script: str) -> None:
    """Put a program of that name first on the PATH."""
    program = folder / "bin/nvidia-smi"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def without_nvidia_smi(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    empty = folder / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))


class Job:
    """A process that takes a slot and holds it until it is told to leave."""

    def __init__(
        self, folder: Path, *, device: str = "cuda", jobs: int = 1, how: str = "one", **env: str
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, HOLDER, folder / "log", device, str(jobs), how],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env={**os.environ, **env},
        )  # fmt: skip
        self.said: list[str] = []

    def line(self) -> str:
        assert self.process.stdout is not None
        self.said.append(self.process.stdout.readline())
        return self.said[-1]

    def waits(self) -> bool:
        """What it says first is that it waits."""
        return self.line().startswith("nnbench: waiting for a free slot")

    def slot(self) -> str:
        """The slot that it got, once it has one."""
        line = self.line()
        return self.slot() if line.startswith("nnbench: waiting") else line.split(" ")[0]

    def let_go(self) -> None:
        """Tell it to leave, at once or as soon as it has been in."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def leave(self) -> None:
        """Let it go, and see that it ends well."""
        self.let_go()
        assert self.process.stdout is not None
        self.said += self.process.stdout.readlines()
        assert self.process.wait() == 0, self.said

    def end(self) -> None:
        """Kill it, if it is still there."""
        self.process.kill()
        with self.process, suppress(BrokenPipeError):  # which closes the pipes
            self.let_go()


@pytest.fixture
def start(folder: Path) -> Iterator[type[Job]]:
    """Start jobs that are ended with the test."""
    started: list[Job] = []

    def begin(**options: object) -> Job:
        started.append(Job(folder, **options))
        return started[-1]

    yield begin  # type: ignore[misc]
    for job in started:
        job.end()


def check_log(folder: Path) -> Counter[str]:
    """No GPU ever had more jobs than the most modest of them allows, no slot two; entries by slot."""
    held: dict[str, tuple[str, int]] = {}  # slot -> process, its limit
    entries: Counter[str] = Counter()
    for line in (folder / "log").read_text().splitlines():
        event, process, limit, slot = line.split(" ")
        if event == "leave":
            assert held.pop(slot)[0] == process
            continue
        assert slot not in held, f"{slot} was given to {process} while {held[slot]} held it"
        held[slot] = process, int(limit)
        entries[slot] += 1
        gpu = slot.partition("/")[0]
        limits = [most for other, (_, most) in held.items() if other.startswith(f"{gpu}/")]
        assert len(limits) <= min(limits), line
    return entries


# --- the pool


@pytest.mark.parametrize(
    ("named", "pool"),
    [
        ("", []),
        (" ", []),
        ("-1", []),
        ("NoDevFiles", []),  # SLURM's word for none
        ("0", [A]),
        ("1,0", [B, A]),
        (" 1 , 0 ", [B, A]),
        ("0,2,1", [A]),  # what follows an invalid entry is invisible
        ("0,-1,1", [A]),
        ("1,1", []),
        (A, [A]),
        ("GPU-8932", [A]),
        ("GPU-8a44,GPU-8932", [B, A]),
        ("GPU-8", []),  # of both
        ("GPU-8932,GPU-8932f", []),  # twice the same
        ("GPU-8932,1", [A]),  # the first entry says of which kind all are
        ("0,GPU-8a44", [A]),
        ("GPU-77,GPU-8932", []),
        (MIG, [MIG]),
        (f"{MIG},MIG-{A}/1/0", [MIG, f"MIG-{A}/1/0"]),
        (f"{MIG},0", [MIG]),
    ],
)
def test_the_pool_is_what_cuda_makes_visible(
    named: str, pool: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus() == tuple(pool)


UUIDS = ("GPU-aa", "GPU-ab", "GPU-b", "GPU-bc")
ENTRIES = st.sampled_from(
    [*UUIDS, "GPU-", "GPU-a", "GPU-aaa", "MIG-x", "MIG-y/1/0", "", " ", "x", "-1", "0", "1", " 2",
     "3 ", "4", "01", "+1", "1gpu2", "99999999999", "GPU-aa "]
)  # fmt: skip


@MANY
@given(st.lists(ENTRIES, max_size=5).map(",".join), st.integers(0, len(UUIDS)))
def test_the_pool_is_read_as_pytorch_reads_it(named: str, count: int) -> None:
    uuids = list(UUIDS[:count])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", named)
        parsed = torch.cuda._parse_visible_devices()
    listed = {str(index): uuid for index, uuid in enumerate(uuids)}
    assert visible_among(named, None) == tuple(map(str, parsed))
    if parsed and isinstance(parsed[0], str):
        if parsed[0].startswith("GPU-"):
            wanted = torch.cuda._transform_uuid_to_ordinals(parsed, uuids)
            assert visible_among(named, listed) == tuple(uuids[index] for index in wanted)
        else:
            assert visible_among(named, listed) == tuple(parsed)
        return
    seen = next((place for place, index in enumerate(parsed) if index >= count), len(parsed))
    assert visible_among(named, listed) == tuple(uuids[index] for index in parsed[:seen])


@MANY
@given(st.text(max_size=30), st.booleans())
def test_any_text_gives_a_pool_of_distinct_gpus(named: str, known: bool) -> None:
    pool = visible_among(named, {"0": A, "1": B} if known else None)
    assert len(set(pool)) == len(pool)
    assert all(pool)


def test_without_the_variable_the_pool_is_what_nvidia_smi_lists() -> None:
    assert visible_gpus() == (A, B)


def test_without_nvidia_smi_the_pool_is_what_the_variable_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_nvidia_smi(monkeypatch, folder)
    assert visible_gpus() == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert visible_gpus() == ("3", "1")


@pytest.mark.parametrize(
    "script",
    ["echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9",
     "echo 'No devices were found'", "exit 6", f"echo '0, {A}'; exit 1"],
)  # fmt: skip
def test_an_nvidia_smi_that_fails_names_no_gpu(folder: Path, script: str) -> None:
    nvidia_smi(folder, script)
    assert visible_gpus() == ()


def test_an_nvidia_smi_that_hangs_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(folder, "exec sleep 600")
    monkeypatch.setattr(gpus, "NVIDIA_SMI_SECONDS", 0.1)
    with pytest.raises(NnbenchError, match=r"nvidia-smi does not answer(.|\n)*device: cpu"):
        visible_gpus()


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


# --- one job


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


def test_windows_has_no_leases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with leased("cuda:1") as lease:
        assert lease == Lease(device="cuda:1", slot=None)
    with leased("auto") as lease:
        assert lease == Lease(device="auto", slot=None)
    assert not (folder / NAME).exists()


# --- many jobs


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


# --- allocations


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


# --- the lock files


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / NAME).iterdir() if not path.name.startswith("."))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_all_users_may_lock_whatever_the_umask_of_the_first(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        with leased("cuda:0"):
            pass
    finally:
        os.umask(before)
    assert mode(folder / NAME) == 0o1777
    assert len(files_of(folder)) == MOST_JOBS_PER_GPU + 1
    assert {mode(path) for path in files_of(folder)} == {0o666}
    assert not list((folder / NAME).glob(".new-*"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be someone else")
def test_another_users_locks_are_respected_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
import os
from nnbench.lease import leased
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
with leased("cuda", say=lambda text: print("waits") or os._exit(0)) as lease:
    print(lease.slot)
"""

    def nobodys() -> str:
        command = [sys.executable, "-u", "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")  # no nvidia-smi that nobody could run
    monkeypatch.setenv("PATH", "/nowhere")
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o1777)
        monkeypatch.setenv("NNBENCH_LEASES", shared)
        assert nobodys() == "5/0"
        owners = {path.stat().st_uid for path in Path(shared).rglob("*")}
        assert owners == {NOBODY}
        with leased("cuda") as lease:  # root uses nobody's files
            assert lease.slot == "5/0"
            assert nobodys() == "waits"
        assert nobodys() == "5/0"
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o1777)
        monkeypatch.setenv("NNBENCH_LEASES", shared)
        with leased("cuda"):
            assert nobodys() == "waits"
        assert nobodys() == "5/0"  # nobody uses root's files
        assert {path.stat().st_uid for path in Path(shared).rglob("*")} == {0}


def test_a_link_in_place_of_a_lock_file_is_not_followed(folder: Path) -> None:
    with leased("cuda:0"):
        pass
    victim = folder / "victim"
    victim.write_text("mine")
    before = victim.stat()
    for lock in files_of(folder):
        lock.unlink()
        lock.symlink_to(victim)
    with pytest.raises(NnbenchError, match="lock files cannot be used"), leased("cuda:0"):
        pass
    assert victim.stat() == before


def test_a_link_in_place_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / NAME).symlink_to(folder / "elsewhere")
    with pytest.raises(NnbenchError, match="NNBENCH_LEASES"), leased("cuda"):
        pass
    assert not list((folder / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["missing", "bin/nvidia-smi"])
def test_a_place_without_room_for_locks_is_an_error_that_names_it(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NNBENCH_LEASES", str(folder / name))
    words = rf"{re.escape(str(folder / name))}(.|\n)*set NNBENCH_LEASES"
    with pytest.raises(NnbenchError, match=words), leased("cuda"):
        pass


@pytest.mark.parametrize("name", ["MIG-GPU-1/2/3", "MIG-/../../x", "MIG-" + "x" * 5_000, "MIG-ü\n"])
def test_a_lock_file_lies_in_its_folder_whatever_its_gpu_is_called(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", name)
    before = set(folder.iterdir())
    with leased("cuda") as lease:
        assert lease.slot == f"{name}/0"
    assert set(folder.iterdir()) - before == {folder / NAME}
    assert len(files_of(folder)) == MOST_JOBS_PER_GPU + 1


def test_a_lock_file_that_was_removed_before_it_was_locked_is_no_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "lock"
    real = lockfiles.fcntl.flock
    removed: list[int] = []

    def late(file: int, how: int) -> None:
        if not removed:
            removed.append(file)
            path.unlink()
        real(file, how)

    monkeypatch.setattr(lockfiles.fcntl, "flock", late)
    with lockfiles.Locks() as mine, lockfiles.Locks() as others:
        assert mine.take(path)
        assert removed
        assert not others.take(path)
