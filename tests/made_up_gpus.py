"""Made-up GPUs, and jobs that are real processes, for the tests of leases."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

HOLDER = Path(__file__).with_name("lease_holder.py")
A = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
B = "GPU-8a44b1ee-0000-4106-c12f-20bd9faed9f6"


def two_gpus(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Two made-up GPUs, and a place for the locks that no other job of the machine uses."""
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "SLURM_JOB_ID"):
        patch.delenv(name, raising=False)
    patch.setenv("NNBENCH_LEASES", str(folder))
    patch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    nvidia_smi(folder, f"echo '0, {A}'\necho '1, {B}'")


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


@contextmanager
def starting(folder: Path) -> Iterator[Callable[..., Job]]:
    """Start jobs that are ended with the block."""
    started: list[Job] = []

    def begin(**options: Any) -> Job:
        started.append(Job(folder, **options))
        return started[-1]

    try:
        yield begin
    finally:
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
