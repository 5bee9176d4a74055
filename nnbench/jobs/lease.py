"""Leases of GPUs: which of the visible ones a job computes on, so that no two jobs share a slot.

Snakemake counts GPUs and hands out none, so each job takes one itself, before it loads torch: it
locks a file of the machine for as long as it runs. The kernel lets go of the lock however the
process ends. A GPU has numbered slots. A job that allows k jobs on its GPU takes one slot below k for
itself and, together with others, keeps all slots from k on shut. So a GPU never runs more jobs than
the smallest ``jobs_per_gpu`` among them allows, whichever pipelines and users they belong to.
"""

import hashlib
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path

from nnbench.errors import NnbenchError
from nnbench.jobs.locks import Locks, guarded, to_log

VISIBLE = "CUDA_VISIBLE_DEVICES"
FOLDER = "NNBENCH_LEASES"  # the variable that names another place for the lock files than /tmp
NAME = "nnbench-leases"
MOST_JOBS_PER_GPU = 32
POLL_SECONDS = 0.1
NVIDIA_SMI_SECONDS = 30.0  # it takes seconds where the driver is not kept loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What a job got."""

    device: str  # its name for ``nnbench.engine.device.choose_device`` in this process
    slot: (
        str | None
    )  # the GPU's own name and its slot's number, ``GPU-8f…/1``; None without a lease


def slots(device: str, *, jobs_per_gpu: int) -> int:
    """How many local jobs can hold a slot at once; 0: jobs of this device need none, or find no GPU."""
    return jobs_per_gpu * len(_choice(device, jobs_per_gpu=jobs_per_gpu))


def _choice(device: str, *, jobs_per_gpu: int) -> tuple[str, ...]:
    """The devices that a job of a config's ``device`` can be given."""
    if not 1 <= jobs_per_gpu <= MOST_JOBS_PER_GPU:
        raise NnbenchError(
            "jobs_per_gpu is out of range",
            got=jobs_per_gpu,
            allowed=f"1 to {MOST_JOBS_PER_GPU}",
            todo="set jobs_per_gpu in the config",
        )
    if device in ("cpu", "mps"):
        return () if device == "cpu" else (device,)
    pool = visible_gpus()
    kind, _, number = device.partition(":")
    return pool[int(number) :][:1] if kind == "cuda" and number else pool


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use: by UUID, or as CUDA_VISIBLE_DEVICES calls them."""
    named = os.environ.get(VISIBLE)
    if named is not None and not named.strip():
        return ()
    listed = _listed()
    if named is None:
        return tuple((listed or {}).values())
    return visible_among(named, listed)


def visible_among(named: str, listed: Mapping[str, str] | None) -> tuple[str, ...]:
    """The GPUs that a value of CUDA_VISIBLE_DEVICES makes visible, as CUDA and PyTorch read it.

    The first entry decides whether indices, UUIDs (or beginnings of them) or MIG instances follow;
    the list ends at the first entry that is none, and a repeated one makes all of it void. ``listed``
    maps index -> UUID of the machine's GPUs; None: unknown, so that every name is taken as it is.
    """
    kind = next((kind for kind in ("GPU-", "MIG-") if named.startswith(kind)), None)
    entries = (_index(entry) if kind is None else entry for entry in named.split(","))
    names = tuple(takewhile(lambda entry: entry and entry.startswith(kind or ""), entries))
    if len(set(names)) < len(names):
        return ()
    if listed is None or kind == "MIG-":  # nvidia-smi's table lists no MIG instances
        return names
    found = tuple(takewhile(bool, (_uuid(name, listed) for name in names)))
    return found if len(set(found)) == len(found) else ()


def _index(entry: str) -> str:
    """The number that an entry begins with, as strtoul reads it; an empty text without one."""
    match = re.match(r"\s*\+?0*(\d+)", entry, re.ASCII)
    return match[1] if match else ""


def _uuid(name: str, listed: Mapping[str, str]) -> str:
    """The one GPU of an index or of the beginning of a UUID; an empty text if it is not one."""
    found = [uuid for uuid in listed.values() if name.startswith("GPU-") and uuid.startswith(name)]
    return listed.get(name, found[0] if len(found) == 1 else "")


def _listed() -> dict[str, str] | None:
    """Index -> UUID of every GPU that nvidia-smi sees; None where it is missing or broken."""
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(  # noqa: S603 - of the user's own PATH
            query, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NnbenchError(
            f"nvidia-smi does not answer within {NVIDIA_SMI_SECONDS:g} seconds",
            todo="see what is wrong with the GPUs, or set `device: cpu` in the config",
        ) from error
    except OSError:
        return None
    rows = (line.split(",") for line in done.stdout.splitlines() if line.count(",") == 1)
    return None if done.returncode else {index.strip(): uuid.strip() for index, uuid in rows}


@contextmanager
def leased(
    device: str, *, jobs_per_gpu: int = 1, alone: bool = False, every: bool = False
) -> Iterator[Lease]:
    """Hold a slot of a GPU, waiting for a free one; CUDA sees this GPU alone until the block ends.

    To be entered before CUDA is: it reads its environment once. NnbenchError if there is no such GPU,
    nvidia-smi does not answer, or lock files cannot be used.

    Args:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` (the Nth of the visible GPUs) or ``mps``.
        jobs_per_gpu: How many jobs may run on the GPU at once, this one included.
        alone: Whether this one takes a whole GPU, because it measures time.
        every: Whether it takes all the visible GPUs whole, because its processes share them.
    """
    choice = _choice(device, jobs_per_gpu=jobs_per_gpu)
    if not choice and device.startswith("cuda"):
        raise _missing(device)
    if not choice or sys.platform == "win32":
        yield Lease(device=device if choice or device != "auto" else "cpu", slot=None)
        return
    groups = [[gpu] for gpu in sorted(choice)] if every else [choice]
    limit = 1 if alone or every else jobs_per_gpu
    waiting = f"waiting for a free slot on {len(choice)} GPUs ({', '.join(choice)})"
    with ExitStack() as held:
        taken = _take(held, groups, limit=limit, pauses=pauses(waiting))
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
    before = {key: os.environ[key] for key in values if key in os.environ}
    os.environ.update(values)
    try:
        yield
    finally:
        for key in values:
            os.environ.pop(key, None)
        os.environ.update(before)


def pauses(waiting: str) -> Iterator[None]:
    """Each step waits a little; the second says so: at the first, someone else may just be looking."""
    for step in count():
        if step == 1:
            to_log(waiting)
        time.sleep(POLL_SECONDS)
        yield


def _take(
    held: ExitStack, groups: Sequence[Sequence[str]], *, limit: int, pauses: Iterator[None]
) -> dict[str, int]:
    """Take a slot of one GPU of each group and keep it in ``held``: GPU -> slot.

    Each GPU has a line, whose lock is held to look for a slot. All who want several GPUs go by the
    order of their names, and who wants one holds none while it waits: so no two wait for each other.
    """
    folder = lease_folder()
    try:
        held.enter_context(guarded(folder, kept=folder.name == NAME))
        with ExitStack() as lines:
            search = _Search(folder, limit, held=held, lines=lines)
            return dict(search.one_of(group, pauses) for group in groups)
    except OSError as error:
        raise NnbenchError(
            f"{folder}: its lock files cannot be used, so no GPU can be leased",
            got=error,
            todo=f"set that right, or set {FOLDER} to a folder that all users of these GPUs can write to",
        ) from error


@dataclass(frozen=True, slots=True)
class _Search:
    """A search for slots below ``limit``."""

    folder: Path
    limit: int
    held: ExitStack
    lines: ExitStack

    def one_of(self, gpus: Sequence[str], pauses: Iterator[None]) -> tuple[str, int]:
        """Wait for a slot of any of these GPUs.

        Who finds none keeps the first line that it got, so that a job which needs a whole GPU is not
        overtaken for ever by small ones.
        """
        kept: str | None = None
        while True:
            with ExitStack() as stack:
                free = {gpu: stack.enter_context(Locks()) for gpu in gpus}
                first = [g for g in gpus if g == kept or free[g].take(self.file(g, "line"))]
                found = self.find(first)
                if kept is None and first:
                    kept = first[0]
                    self.lines.push(free[kept].pop_all())
            if found:
                return found
            next(pauses)

    def find(self, gpus: Sequence[str]) -> tuple[str, int] | None:
        """Keep a slot of a GPU that is free above the limit: the one with the most room.

        The lines of these GPUs are held, so that nobody takes a slot in the meantime. GPU by GPU,
        since each has many files, and a process may open only so many.
        """
        room = {gpu: self.free(gpu) for gpu in gpus}
        gpu = max(gpus, key=lambda name: len(room[name]), default=None)
        if gpu is None or not room[gpu]:
            return None
        number = room[gpu][0]
        with Locks() as locks:
            if not (self.shut(gpu, locks) and locks.take(self.file(gpu, str(number)))):
                return None
            self.held.push(locks.pop_all())
        return gpu, number

    def free(self, gpu: str) -> list[int]:
        """The slots that are free, on a GPU that is free above the limit."""
        with Locks() as locks:
            below = range(self.limit) if self.shut(gpu, locks) else ()
            return [number for number in below if locks.take(self.file(gpu, str(number)))]

    def shut(self, gpu: str, locks: Locks) -> bool:
        """Keep all slots from the limit on shut, together with others that do; False: one is in use."""
        above = range(self.limit, MOST_JOBS_PER_GPU)
        return all(locks.take(self.file(gpu, str(number)), shared=True) for number in above)

    def file(self, gpu: str, part: str) -> Path:
        """A lock file: its name is safe and short, whatever the GPU is called."""
        safe = re.sub(r"[^A-Za-z0-9-]", "_", gpu)[:48]
        return self.folder / f"{safe}.{hashlib.sha256(gpu.encode()).hexdigest()[:8]}.{part}"


def lease_folder() -> Path:
    """The folder of the lock files: one for the machine, or one for an allocation with GPUs of its own.

    Which job of a cluster has which GPU is SLURM's business, also where it hands out shares of one.
    """
    job = os.environ.get("SLURM_JOB_ID", "")
    own = job.isalnum() and VISIBLE in os.environ
    return machine_folder().with_name(f"{NAME}-slurm-{job}" if own else NAME)


def machine_folder() -> Path:
    """The folder of the lock files that all processes of a machine see, whatever allocation they are in."""
    # not TMPDIR, which differs between users and jobs that must see each other's locks
    return Path(os.environ.get(FOLDER) or "/tmp") / NAME  # noqa: S108 - see lockfiles
