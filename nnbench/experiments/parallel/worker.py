"""One of the processes that train a network together; started by ``nnbench.experiments.parallel.measure``.

Every process runs the same blocks and ways in the same order. Times are taken between barriers, and the
slowest process counts. The first process writes the answer.
"""

from __future__ import annotations

import datetime as dt
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import parent_process
from pathlib import Path

import torch
import torch.distributed as dist
from pydantic import BaseModel, ConfigDict
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from nnbench.engine.device import fix_numerics
from nnbench.experiments.parallel.declared import SHAPES, Way
from nnbench.experiments.parallel.ways import (
    Group,
    Job,
    draw_block,
    meet,
    processes_of,
    start_weights,
    train_block,
)
from nnbench.processes import end_with_parent, use_cores

ANSWER = "answer.json"  # in the folder that all processes see


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


class WayFound(_Answer):
    """One way in one block."""

    part_seconds: tuple[float, ...]  # of every group of steps, by the slowest process
    checked_losses: tuple[float, ...]  # of whole batches in 64 bits, for the checked steps
    losses: tuple[float, ...]  # of whole batches in 32 bits, for all steps
    weights_difference: float  # from the single process's, relative to how far training moved those


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
        if way != "single"
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
    ways = {
        way: WayFound(
            part_seconds=_over_processes(found.seconds, dist.ReduceOp.MAX),
            checked_losses=_mean_losses(found.checked_losses, processes_of(way)),
            losses=_mean_losses(found.losses, processes_of(way)),
            weights_difference=_distance(found.weights, start=start, end=end),
        )
        for way, found in trained.items()
    }
    return BlockFound(seed=seed, parameters=len(start), ways=ways)


def _mean_losses(losses: Tensor, processes: int) -> tuple[float, ...]:
    """The losses of whole batches: processes have equal shares, or the same samples."""
    return tuple(total / processes for total in _over_processes(losses, dist.ReduceOp.SUM))


def _over_processes(values: Tensor, how: dist.ReduceOp.RedOpType) -> tuple[float, ...]:
    total = values.clone()
    dist.all_reduce(total, how)
    return tuple(total.tolist())


def _distance(weights: Tensor, *, start: Tensor, end: Tensor) -> float:
    """|weights - end| / |end - start|, the maximum over all processes."""
    moved = (end - start).norm()
    away = ((weights - end).norm() / moved).reshape(1)
    return _over_processes(away, dist.ReduceOp.MAX)[0]
