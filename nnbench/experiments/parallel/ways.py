"""Training one network in one way: on one process, split by batch, split by layer, or both.

All ways start from the same weights and use the same batches, so their losses differ only by rounding.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from nnbench.engine.data import Bank, training_data
from nnbench.engine.device import synchronise
from nnbench.engine.optim import Optimizer
from nnbench.engine.seeding import generator
from nnbench.experiments.mlp import classified_dataset, initial_mlp
from nnbench.experiments.parallel.declared import SHAPES, ParallelOptions, Way
from nnbench.experiments.parallel.layers import cut, whole_weights
from nnbench.experiments.run import Request
from nnbench.registry import OPTIMIZERS, load

CHECKED_STEPS = 3  # the third step's loss depends on two updates and their moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is trained, and by how many processes."""

    request: Request
    count: int

    @property
    def options(self) -> ParallelOptions:
        """The experiment's options."""
        options: ParallelOptions = self.request.options
        return options

    @property
    def threads(self) -> int:
        """Threads of each process while all of them compute."""
        return max(1, self.request.cores // self.count)

    def threads_in(self, way: Way) -> int:
        """Threads of each process in this way; ``single`` uses all cores."""
        return self.request.cores if way == "single" else self.threads

    @property
    def ways(self) -> list[Way]:
        """The ways possible with this number of processes, in a fixed order."""
        asked = self.options.ways.values()
        return [way for way in SHAPES if way in asked and prod(SHAPES[way]) <= self.count]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """This process among the others."""

    job: Job  # what all of them do
    rank: int  # of this process
    device: torch.device
    backend: str  # ``gloo`` or ``nccl``, for gradients and activations
    meshes: Mapping[Way, DeviceMesh]  # the processes as a grid (data, tensor), if several

    def takes_part(self, way: Way) -> bool:
        """Whether this process trains in this way; in others it waits."""
        return self.rank < prod(SHAPES[way])


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One seed: its samples, the rows of every batch (steps, batch) and its order of the ways."""

    seed: int
    bank: Bank
    rows: Tensor
    order: tuple[Way, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What this process did in one way; float64 on the CPU."""

    seconds: Tensor  # (parts,); zeros if it only waited
    losses: Tensor  # (steps,), the mean over its own samples, trained in 32 bits
    checked_losses: Tensor  # (checked steps,), the same in 64 bits
    weights: Tensor  # of the whole network after the checked steps, as one vector


def draw_block(job: Job, seed: int, device: torch.device) -> Block:
    """The samples on the device; batches run through one epoch after another."""
    options, request, ways = job.options, job.request, job.ways
    dataset, folder = classified_dataset(request), request.folder
    data = training_data(dataset, request.settings, folder=folder, seeds=[seed], device=device)
    draw = generator(seed, "order")
    order = tuple(ways[index] for index in torch.randperm(len(ways), generator=draw).tolist())
    steps, size = options.warm_up + options.steps, data.train.shape[1]
    passes = -(-steps * options.batch_size // size)
    drawn = torch.cat([torch.randperm(size, generator=draw) for _ in range(passes)])
    rows = data.train[0, drawn[: steps * options.batch_size].to(device)]
    return Block(seed=seed, bank=data.bank, rows=rows.view(steps, options.batch_size), order=order)


def network(job: Job, seed: int) -> nn.Sequential:
    """The whole network with the seed's initial weights, the same in every process and way."""
    return initial_mlp(job.request, hidden=job.options.hidden, seed=seed)


def train_block(group: Group, block: Block, way: Way) -> Trained:
    """Train in one way; a process that does not take part waits for the others."""
    job, steps = group.job, len(block.rows)
    seconds, losses, checked_losses = (
        torch.zeros(count, dtype=torch.float64)
        for count in (job.options.parts, steps, min(CHECKED_STEPS, steps))
    )
    weights = start_weights(job, block.seed)
    if group.takes_part(way):
        torch.set_num_threads(job.threads_in(way))
        checked_losses, weights = _checked(group, block, way)
        seconds, losses = _timed(group, block, way)
        torch.set_num_threads(job.threads)
    else:
        for _ in range(job.options.parts):
            meet()  # as those do that are timed
    meet()
    return Trained(seconds=seconds, losses=losses, checked_losses=checked_losses, weights=weights)


def _checked(group: Group, block: Block, way: Way) -> tuple[Tensor, Tensor]:
    """Losses and final weights of the first steps in 64 bits.

    In 32 bits even correct ways diverge after some steps: a sum in another order flips a ReLU whose input is
    close to zero, and with it that sample's gradient.
    """
    exact = torch.float64 if group.device.type != "mps" else torch.float32  # MPS has no float64
    trainer = _Trainer(group, block, way, exact)
    steps = min(CHECKED_STEPS, len(block.rows))
    trainer.steps(0, steps)
    weights = whole_weights(trainer.network)
    return trainer.losses[:steps].cpu().double(), weights.cpu().double()


def _timed(group: Group, block: Block, way: Way) -> tuple[Tensor, Tensor]:
    """Seconds of every group of steps and losses of every step, in 32 bits."""
    options = group.job.options
    trainer = _Trainer(group, block, way, torch.float32)
    trainer.steps(0, options.warm_up)
    each, seconds = options.steps // options.parts, []
    for part in range(options.parts):
        meet()
        first = options.warm_up + part * each
        synchronise(group.device)
        started = time.perf_counter()
        trainer.steps(first, first + each)
        synchronise(group.device)
        seconds.append(time.perf_counter() - started)
    return torch.tensor(seconds, dtype=torch.float64), trainer.losses.cpu().double()


class _Trainer:
    """The optimiser steps of one way, on this process's share of the network and of every batch."""

    def __init__(self, group: Group, block: Block, way: Way, dtype: torch.dtype) -> None:
        options = group.job.options
        self.bank, self.lr, self.dtype, self.rows = block.bank, options.lr, dtype, block.rows
        self.network = network(group.job, block.seed).to(group.device, dtype)
        (data, tensor), mesh = SHAPES[way], group.meshes.get(way)
        if mesh and tensor > 1:
            self.network = cut(self.network, mesh.get_group("tensor"))
        self.model: nn.Module = self.network
        if mesh and data > 1:
            self.rows = self.rows.chunk(data, dim=1)[mesh.get_local_rank("data")]
            self.model = DistributedDataParallel(self.network, process_group=mesh.get_group("data"))
        made = load("optimizer", options.optimizer, OPTIMIZERS)
        self.optimizer: Optimizer = made(self.network.parameters(), group.job.request.settings)
        self.losses = torch.zeros(len(self.rows), device=self.rows.device, dtype=dtype)

    def steps(self, first: int, last: int) -> None:
        """Take the steps ``first`` to ``last`` - 1 and record their losses."""
        for step in range(first, last):
            inputs, labels = self.bank.gather(self.rows[step].unsqueeze(0))
            loss = functional.cross_entropy(self.model(inputs[0].to(self.dtype)), labels[0])
            loss.backward()
            self.optimizer.step(self.lr)
            self.losses[step] = loss.detach()


def start_weights(job: Job, seed: int) -> Tensor:
    """The seed's initial weights as one vector, float64."""
    return whole_weights(network(job, seed)).double()


def meet() -> None:
    """Wait until every process is here (synchronised on the CPU, whatever the device)."""
    dist.all_reduce(torch.zeros(1))
