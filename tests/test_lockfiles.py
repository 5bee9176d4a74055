"""The lock files of leases: shared by all users of a machine, and safe in a folder that all can write to."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from made_up_gpus import two_gpus

from nnbench.errors import NnbenchError
from nnbench.jobs import locks as lockfiles
from nnbench.jobs.lease import MOST_JOBS_PER_GPU, NAME, leased

NOBODY = 65534


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    two_gpus(tmp_path, monkeypatch)
    return tmp_path


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


OPEN_TO_ALL = "/tmp"  # noqa: S108 - TMPDIR may lie where root alone can enter


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be someone else")
def test_another_users_locks_are_respected_and_used(monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"""
import os
from nnbench.jobs import lease
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
lease.to_log = lambda text: print("waits") or os._exit(0)
with lease.leased("cuda") as found:
    print(found.slot)
"""

    def nobodys() -> str:
        command = [sys.executable, "-u", "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")  # no nvidia-smi that nobody could run
    monkeypatch.setenv("PATH", "/nowhere")
    with tempfile.TemporaryDirectory(dir=OPEN_TO_ALL) as shared:
        Path(shared).chmod(0o1777)
        monkeypatch.setenv("NNBENCH_LEASES", shared)
        assert nobodys() == "5/0"
        owners = {path.stat().st_uid for path in Path(shared).rglob("*")}
        assert owners == {NOBODY}
        with leased("cuda") as lease:  # root uses nobody's files
            assert lease.slot == "5/0"
            assert nobodys() == "waits"
        assert nobodys() == "5/0"
    with tempfile.TemporaryDirectory(dir=OPEN_TO_ALL) as shared:
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
