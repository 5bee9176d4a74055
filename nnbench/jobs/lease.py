"""Leases of GPUs: which of the visible ones a job computes on, so that no two jobs share a slot.

Snakemake counts GPUs and hands out none, so each job takes one itself, before it loads torch: it
locks a file of the machine for as long as it runs. The kernel lets go of the lock however the
process ends. A GPU has numbered slots. A job that allows k jobs on its GPU takes one slot below k for
itself and, together with others, keeps all slots from k on shut. So a GPU never runs more jobs than
the smallest ``jobs_per_gpu`` among them allows, whichever pipelines and users they belong to.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nnbench.errors import NnbenchError
from nnbench.jobs.gpus import VISIBLE, visible_gpus
from nnbench.jobs.locks import Locks, guarded

FOLDER = "NNBENCH_LEASES"  # the variable that names another place for the lock files than /tmp
NAME = "nnbench-leases"
MOST_JOBS_PER_GPU = 32
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a job got.

    Attributes:
        device: The device's name for ``nnbench.engine.device.choose_device`` in this process.
        slot: The GPU's own name and the number of its slot, ``GPU-8f…/1``; None without a lease.
    """

    device: str
    slot: str | None


def slots(device: str, *, jobs_per_gpu: int) -> int:
    """How many local jobs can hold a slot at once; 0: jobs of this device need none, or find no GPU."""
    _check(jobs_per_gpu)
    return jobs_per_gpu * len(_choice(device))


def _choice(device: str) -> tuple[str, ...]:
    """The devices that a job of a config's ``device`` can be given."""
    if device in ("cpu", "mps"):
        return () if device == "cpu" else (device,)
    pool = visible_gpus()
    kind, _, number = device.partition(":")
    return pool[int(number) :][:1] if kind == "cuda" and number else pool


def _check(jobs_per_gpu: int) -> None:
    if not 1 <= jobs_per_gpu <= MOST_JOBS_PER_GPU:
        raise NnbenchError(
            "jobs_per_gpu is out of range", got=jobs_per_gpu, allowed=f"1 to {MOST_JOBS_PER_GPU}"
        )


def _say(text: str) -> None:
    print(f"nnbench: {text}", file=sys.stderr, flush=True)


@contextmanager
def leased(
    device: str,
    *,
    jobs_per_gpu: int = 1,
    alone: bool = False,
    every: bool = False,
    say: Callable[[str], None] = _say,
) -> Iterator[Lease]:
    """Hold a slot of a GPU, waiting for a free one; CUDA sees this GPU alone until the block ends.

    To be entered before CUDA is: it reads its environment once.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` (the Nth of the visible GPUs) or ``mps``.
        jobs_per_gpu: How many jobs may run on the GPU at once, this one included.
        alone: Whether this one takes a whole GPU, because it measures time.
        every: Whether it takes all the visible GPUs whole, because its processes share them.
        say: Told once, if there is no free slot.

    Raises:
        NnbenchError: There is no such GPU, nvidia-smi does not answer, or lock files cannot be used.
    """
    _check(jobs_per_gpu)
    choice = _choice(device)
    if not choice and device.startswith("cuda"):
        raise _missing(device)
    if not choice or sys.platform == "win32":
        yield Lease(device=device if choice or device != "auto" else "cpu", slot=None)
        return
    with ExitStack() as held:
        limit = None if every else 1 if alone else jobs_per_gpu
        taken = _take(held, choice, limit=limit, say=say)
        if device != "mps":
            held.enter_context(_visible([gpu for gpu in choice if gpu in taken]))
        slot = ", ".join(f"{gpu}/{number}" for gpu, number in taken.items())
        # after `auto` a PyTorch without CUDA still finds the CPU
        yield Lease(device=device.partition(":")[0], slot=slot)


def _missing(device: str) -> NnbenchError:
    pool = visible_gpus()
    named = f"{VISIBLE}={os.environ[VISIBLE]}" if VISIBLE in os.environ else "nvidia-smi"
    return NnbenchError(
        f"device {device!r} does not exist on {platform.node()}",
        got=f"{len(pool)} visible GPUs (by {named})",
        allowed=", ".join(["auto", "cpu", *(f"cuda:{index}" for index in range(len(pool)))]),
        todo="set `device: auto` in the config, or run where there is a GPU; "
        f"where nvidia-smi is missing, name the GPUs in {VISIBLE}",
    )


@contextmanager
def _visible(gpus: Sequence[str]) -> Iterator[None]:
    """Show CUDA these GPUs alone; the environment is put back afterwards."""
    # the order is nvidia-smi's, by which an index was understood
    values = {VISIBLE: ",".join(gpus), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key, None)
            os.environ.update({} if value is None else {key: value})


def _take(
    held: ExitStack, gpus: Sequence[str], *, limit: int | None, say: Callable[[str], None]
) -> dict[str, int]:
    """Wait for a slot below ``limit``, or for all GPUs, and keep them in ``held``: GPU -> slot."""
    folder = _folder()
    waiting = f"waiting for a free slot on {len(gpus)} GPUs ({', '.join(gpus)})"
    try:
        held.enter_context(guarded(folder, kept=folder.name == NAME))
        with ExitStack() as lines:
            if limit is None:
                looks = _all_of(gpus, folder=folder, lines=lines, held=held)
            else:
                looks = _one_of(gpus, folder=folder, lines=lines, held=held, limit=limit)
            for tried, found in enumerate(looks):
                if found is not None:
                    return found
                if tried == 1:  # at first someone else may just have been looking
                    say(waiting)
                time.sleep(POLL_SECONDS)
    except OSError as error:
        raise NnbenchError(
            f"{folder}: its lock files cannot be used, so no GPU can be leased",
            got=error,
            todo=f"set that right, or set {FOLDER} to a folder that all users of these GPUs can write to",
        ) from error
    raise AssertionError("the search for a slot ends with one")


Looks = Iterator[dict[str, int] | None]  # what each look for a slot finds: GPU -> slot, or none yet


def _one_of(
    gpus: Sequence[str], *, folder: Path, lines: ExitStack, held: ExitStack, limit: int
) -> Looks:
    """Look for a slot of any GPU.

    Each GPU has a line, whose lock is held to look for a slot. Who finds none keeps the first that it
    got, so that a job which needs a whole GPU is not overtaken for ever by small ones.
    """
    kept: str | None = None
    while True:
        with ExitStack() as stack:
            free = {gpu: stack.enter_context(Locks()) for gpu in gpus}
            first = [g for g in gpus if g == kept or free[g].take(_file(folder, g, "line"))]
            found = _find(folder, first, limit=limit, held=held)
            if kept is None and first:
                kept = first[0]
                lines.push(free[kept].pop_all())
        yield found


def _all_of(gpus: Sequence[str], *, folder: Path, lines: ExitStack, held: ExitStack) -> Looks:
    """Take one GPU after the other, whole.

    All who want several go by the order of their names, and who wants one holds none while it
    waits: so no two wait for each other.
    """
    taken: dict[str, int] = {}
    line = lines.enter_context(Locks())
    for gpu in sorted(gpus):
        while not line.take(_file(folder, gpu, "line")):
            yield None
        while (found := _find(folder, [gpu], limit=1, held=held)) is None:
            yield None
        taken |= found
    yield taken


def _find(
    folder: Path, gpus: Sequence[str], *, limit: int, held: ExitStack
) -> dict[str, int] | None:
    """Keep a slot below ``limit`` of a GPU that is free above it: the one with the most room.

    The lines of these GPUs are held, so that nobody takes a slot in the meantime. GPU by GPU, since
    each has many files, and a process may open only so many.
    """
    room = {gpu: _free(folder, gpu, limit=limit) for gpu in gpus}
    gpu = max(gpus, key=lambda name: len(room[name]), default=None)
    if gpu is None or not room[gpu]:
        return None
    with Locks() as locks:
        number = room[gpu][0]
        if not (_shut(locks, folder, gpu, limit) and locks.take(_file(folder, gpu, str(number)))):
            return None
        held.push(locks.pop_all())
    return {gpu: number}


def _free(folder: Path, gpu: str, *, limit: int) -> list[int]:
    """The slots below ``limit`` that are free, on a GPU that is free above it."""
    with Locks() as locks:
        if not _shut(locks, folder, gpu, limit):
            return []
        return [n for n in range(limit) if locks.take(_file(folder, gpu, str(n)))]


def _shut(locks: Locks, folder: Path, gpu: str, limit: int) -> bool:
    """Keep all slots from ``limit`` on shut, together with others that do; False: one is in use."""
    above = range(limit, MOST_JOBS_PER_GPU)
    return all(locks.take(_file(folder, gpu, str(n)), shared=True) for n in above)


def _file(folder: Path, gpu: str, part: str) -> Path:
    """The lock file of a slot: its name is safe and short, whatever the GPU is called."""
    safe = re.sub(r"[^A-Za-z0-9-]", "_", gpu)[:48]
    return folder / f"{safe}.{hashlib.sha256(gpu.encode()).hexdigest()[:8]}.{part}"


def _folder() -> Path:
    """The folder of the lock files: one for the machine, or one for an allocation with GPUs of its own.

    Which job of a cluster has which GPU is SLURM's business, also where it hands out shares of one.
    """
    # not TMPDIR, which differs between users and jobs that must see each other's locks
    parent = Path(os.environ.get(FOLDER) or "/tmp")  # noqa: S108 - see lockfiles
    job = os.environ.get("SLURM_JOB_ID", "")
    return parent / (f"{NAME}-slurm-{job}" if job.isalnum() and VISIBLE in os.environ else NAME)
