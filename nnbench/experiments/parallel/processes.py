"""A group of cooperating processes, by ``torch.multiprocessing``: all succeed, or all are killed.

Every process runs the same blocks and ways in the same order. Times are taken between barriers, and the
slowest process counts. The first process writes the answer.
"""

import datetime as dt
import os
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from multiprocessing import parent_process
from pathlib import Path
from types import ModuleType

import torch
import torch.distributed as dist
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from nnbench.engine.device import fix_numerics
from nnbench.errors import NnbenchError
from nnbench.experiments.parallel.declared import SHAPES, Way
from nnbench.experiments.parallel.ways import (
    Group,
    Job,
    draw_block,
    meet,
    start_weights,
    train_block,
)
from nnbench.processes import end_with_parent, last_lines, use_cores

ANSWER = "answer.json"  # in the folder that all processes see


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


class WayFound(_Answer):
    """One way in one block."""

    part_seconds: tuple[float, ...]  # of every group of steps, by the slowest process
    checked_losses: tuple[float, ...]  # of whole batches in 64 bits, for the checked steps
    losses: tuple[float, ...]  # of whole batches in 32 bits, for all steps
    weights_difference: float  # from the single process's, relative to how far training moved those

    @property
    def seconds(self) -> float:
        """For all steps, extrapolated from the median group."""
        return statistics.median(self.part_seconds) * len(self.part_seconds)


class BlockFound(_Answer):
    """The results of one seed in every way."""

    seed: int
    parameters: int
    ways: Mapping[Way, WayFound]


class Found(_Answer):
    """The results of all blocks; ``backend`` carried gradients and activations (``gloo`` or ``nccl``)."""

    backend: str
    blocks: tuple[BlockFound, ...]


def work(rank: int, job: Job, folder: Path, timeout_seconds: float) -> None:
    """Join the other processes, measure, and let the first one write the answer to ``folder``."""
    parent = parent_process()
    end_with_parent(parent.pid if parent else None, by=signal.SIGKILL)
    use_cores(job.request.cores)
    fix_numerics(job.threads)
    with met(rank, job, folder=folder, timeout_seconds=timeout_seconds) as group:
        blocks = tuple(_block_found(group, seed) for seed in job.request.seeds)
        if rank == 0:
            found = Found(backend=group.backend, blocks=blocks)
            (folder / ANSWER).write_text(found.model_dump_json(), encoding="utf-8")
        meet()


@contextmanager
def met(rank: int, job: Job, *, folder: Path, timeout_seconds: float) -> Iterator[Group]:
    """Join the other processes by a file in ``folder``, which all of them see; leave them at the end."""
    device = job.request.device
    if device.type == "cuda" and job.count > 1:
        device = torch.device("cuda", rank)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    timeout = dt.timedelta(seconds=timeout_seconds)
    store = dist.FileStore(str(folder / "store"), job.count)  # type: ignore[attr-defined]
    store.set_timeout(timeout)
    backend = "nccl" if device.type == "cuda" and job.count > 1 else "gloo"
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if backend == "nccl" else "gloo",
        store=store,
        rank=rank,
        world_size=job.count,
        timeout=timeout,
    )
    meshes: dict[Way, DeviceMesh] = {
        way: init_device_mesh(device.type, SHAPES[way], mesh_dim_names=("data", "tensor"))
        for way in job.ways
        if prod(SHAPES[way]) > 1
    }
    yield Group(job=job, rank=rank, device=device, backend=backend, meshes=meshes)
    dist.destroy_process_group()  # not after an error, as it would wait for processes that have ended


def _block_found(group: Group, seed: int) -> BlockFound:
    """Train one seed in every way and compare the outcomes."""
    block = draw_block(group.job, seed, group.device)
    trained = {way: train_block(group, block, way) for way in block.order}
    start = start_weights(group.job, seed)
    end = trained["single"].weights
    dist.broadcast(end, src=0)
    moved = (end - start).norm()
    ways = {
        way: WayFound(
            part_seconds=_most(found.seconds),
            checked_losses=_mean_losses(found.checked_losses, prod(SHAPES[way])),
            losses=_mean_losses(found.losses, prod(SHAPES[way])),
            weights_difference=_most(_distance(found.weights, end, group, way) / moved)[0],
        )
        for way, found in trained.items()
    }
    return BlockFound(seed=seed, parameters=len(start), ways=ways)


def _distance(weights: Tensor, end: Tensor, group: Group, way: Way) -> Tensor:
    """From the reference's weights, ``(1,)``; none of a process that only waited."""
    found: Tensor = (weights - end).norm().reshape(1) * group.takes_part(way)
    return found


def _mean_losses(losses: Tensor, processes: int) -> tuple[float, ...]:
    """The losses of whole batches: processes have equal shares, or the same samples."""
    dist.all_reduce(losses)
    return tuple(total / processes for total in losses.tolist())


def _most(values: Tensor) -> tuple[float, ...]:
    dist.all_reduce(values, dist.ReduceOp.MAX)
    return tuple(values.tolist())


def run_together(
    work: Callable[..., None],
    *arguments: object,
    count: int,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> None:
    """Call ``work(rank, *arguments)`` in ``count`` new processes, ranks 0 … count - 1, and wait for them.

    ``work`` must be importable and the arguments picklable; ``environment`` is added to this process's.
    Raises NnbenchError if a process failed or was killed, or the timeout passed; all have ended by then.
    """
    deadline = time.monotonic() + timeout_seconds
    with _seen_by_children(environment):
        group: ProcessContext = start_processes(
            work, arguments, count, join=False, daemon=True, start_method="spawn"
        )
    try:
        while not group.join(max(0.0, deadline - time.monotonic())):
            if time.monotonic() > deadline:
                running = [
                    str(n) for n, process in enumerate(group.processes) if process.is_alive()
                ]
                raise NnbenchError(
                    f"parallel training: {count} processes did not end within {timeout_seconds:.0f} s",
                    got=f"still running: process {', '.join(running)}",
                    todo="see what else the machine computes, or ask for fewer steps",
                )
    except (ProcessExitedException, ProcessRaisedException) as error:
        raise _failure(error, count=count) from None
    finally:
        for process, file in zip(group.processes, group.error_files, strict=True):
            process.kill()
            process.join()
            Path(file).unlink(missing_ok=True)


@contextmanager
def _seen_by_children(environment: Mapping[str, str]) -> Iterator[None]:
    """Set variables for children that start now, and hide the main module, which each would run again."""
    kept, main = dict(os.environ), sys.modules["__main__"]
    os.environ.update(environment)
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        os.environ.clear()
        os.environ.update(kept)


def _failure(error: ProcessExitedException | ProcessRaisedException, *, count: int) -> NnbenchError:
    who = f"parallel training: process {error.error_index} of {count}"
    if isinstance(error, ProcessRaisedException):
        return NnbenchError(
            f"{who} failed",
            got="\n".join(last_lines(error.msg)),
            todo="see the last of these lines",
        )
    if error.signal_name is None:
        return NnbenchError(
            f"{who} failed (exit status {error.exit_code})", todo="see the log above, and run again"
        )
    return NnbenchError(
        f"{who} was killed ({error.signal_name})",
        todo="free memory, the usual reason, and run again",
    )


def loopback_interface() -> str:
    """The loopback interface: ``lo`` on Linux, ``lo0`` on macOS; NnbenchError if there is none."""
    names = [name for _, name in socket.if_nameindex()]
    for name in ("lo", "lo0"):
        if name in names:
            return name
    raise NnbenchError(
        "parallel training: no loopback interface",
        got=", ".join(names) or "none",
        allowed="lo, lo0",
        todo="run where processes can talk to one another",
    )
