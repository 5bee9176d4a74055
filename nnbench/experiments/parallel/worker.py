"""One of the processes that train a network together; started by ``nnbench.experiments.parallel.measure``.

Every process runs the same blocks and ways in the same order. Times are taken between barriers,
and of all processes the slowest counts. The first process prints the result as one line of JSON.
"""

from __future__ import annotations

import datetime as dt
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from nnbench.engine.device import fix_numerics
from nnbench.experiments.parallel.declared import SHAPES, ParallelOptions, Way
from nnbench.experiments.parallel.processes import LOOPBACK
from nnbench.experiments.parallel.ways import (
    Group,
    Problem,
    draw_block,
    meet,
    possible_ways,
    processes_of,
    start_weights,
    train_block,
)
from nnbench.processes import end_with_parent, use_cores
from nnbench.registry import DATASETS, load
from nnbench.schema import parse
from nnbench.settings import Settings


def main() -> None:
    """Read the document from the last argument, meet the others, measure, print."""
    document = json.loads(sys.argv[-1])
    end_with_parent(document["parent"], by=signal.SIGKILL)
    use_cores(document["cores"])
    fix_numerics(document["threads"])
    options = parse(ParallelOptions, document["options"], where="experiment_options")
    problem = Problem(
        options=options,
        settings=parse(Settings, document["settings"], where="settings"),
        dataset=load("dataset", document["dataset"], DATASETS),
        folder=Path(document["folder"]),
    )
    with _met(document, options) as group:
        blocks = [_block_result(problem, group, seed) for seed in document["seeds"]]
        if group.rank == 0:
            print(json.dumps({"blocks": blocks, "backend": group.backend}), flush=True)
        meet()


@contextmanager
def _met(document: Mapping[str, Any], options: ParallelOptions) -> Iterator[Group]:
    """Join the other processes at the parent's socket; leave them at the end."""
    rank, count = document["rank"], document["count"]
    device = torch.device(document["device"])
    if device.type == "cuda" and count > 1:
        device = torch.device("cuda", rank)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    timeout = dt.timedelta(seconds=document["timeout_seconds"])
    backend = "nccl" if device.type == "cuda" and count > 1 else "gloo"
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if backend == "nccl" else "gloo",
        store=_store(document, timeout),
        rank=rank,
        world_size=count,
        timeout=timeout,
    )
    meshes: dict[Way, DeviceMesh] = {
        way: init_device_mesh(device.type, SHAPES[way], mesh_dim_names=("data", "tensor"))
        for way in possible_ways(options, count)
        if way != "single"
    }
    yield Group(
        rank=rank,
        count=count,
        device=device,
        backend=backend,
        threads=document["threads"],
        cores=document["cores"],
        meshes=meshes,
    )
    dist.destroy_process_group()  # not after an error: it would wait for processes that are gone


def _store(document: Mapping[str, Any], timeout: dt.timedelta) -> Any:
    """Where the processes find each other: the socket that the parent opened."""
    first = document["rank"] == 0
    return dist.TCPStore(  # type: ignore[attr-defined]  # public, but missing in its stub
        LOOPBACK,
        document["port"],
        document["count"],
        first,
        timeout,
        use_libuv=False,  # in PyTorch 2.6 that server cannot take over a socket
        **({"master_listen_fd": document["listener"]} if first else {}),
    )


def _block_result(problem: Problem, group: Group, seed: int) -> dict[str, Any]:
    """Train one seed in every way and compare the outcomes."""
    block = draw_block(problem, group, seed)
    trained = {way: train_block(problem, group, block, way) for way in block.order}
    start = start_weights(problem, seed)
    end = trained["single"].weights
    dist.broadcast(end, src=0)
    return {
        "seed": seed,
        "order": block.order,
        "parameters": len(start),
        "ways": {
            way: {
                "part_seconds": _over_processes(found.seconds, dist.ReduceOp.MAX),
                "checked_losses": _mean_losses(found.checked_losses, processes_of(way)),
                "losses": _mean_losses(found.losses, processes_of(way)),
                "weights_difference": _distance(found.weights, start=start, end=end),
            }
            for way, found in trained.items()
        },
    }


def _mean_losses(losses: Tensor, processes: int) -> list[float]:
    """The loss of each whole batch: processes have equal shares, or the same samples."""
    return [total / processes for total in _over_processes(losses, dist.ReduceOp.SUM)]


def _over_processes(values: Tensor, how: dist.ReduceOp.RedOpType) -> list[float]:
    total = values.clone()
    dist.all_reduce(total, how)
    result: list[float] = total.tolist()
    return result


def _distance(weights: Tensor, *, start: Tensor, end: Tensor) -> float:
    """|weights - end| / |end - start|, the largest of all processes.

    It says how far from the single process's weights this way ended, as a share of the way that
    training went.
    """
    moved = (end - start).norm()
    away = ((weights - end).norm() / moved).reshape(1)
    return _over_processes(away, dist.ReduceOp.MAX)[0]


if __name__ == "__main__":
    main()
