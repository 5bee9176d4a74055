"""Training of one network in one way: alone, on shares of the batch, on shares of the layers, or both.

All ways start from the same weights and take the same batches, so their losses differ by rounding.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils import parameters_to_vector

from nnbench.datasets.base import Dataset
from nnbench.engine.data import Bank, training_data
from nnbench.engine.device import synchronise
from nnbench.engine.optim import Optimizer
from nnbench.engine.seeding import derived_seed, generator
from nnbench.experiments.parallel.declared import SHAPES, ParallelOptions, Way
from nnbench.experiments.parallel.layers import Share, cut, whole_weights
from nnbench.models.base import ModelSpec
from nnbench.models.mlp import build
from nnbench.registry import ACTIVATIONS, OPTIMIZERS, load
from nnbench.settings import Settings

CHECKED_STEPS = 3  # the third reads weights that two steps and their moments made


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """This process among the others.

    Attributes:
        rank, count: Its number and how many there are.
        device: Where it computes.
        threads: Of this process while all of them compute.
        backend: ``gloo`` or ``nccl``, which carries gradients and activations.
        cores: All that there are: the threads of single-process training.
        meshes: The processes as a grid (data, tensor), for each way that has several.
    """

    rank: int
    count: int
    device: torch.device
    backend: str
    threads: int
    cores: int
    meshes: Mapping[Way, DeviceMesh]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is trained.

    Attributes:
        options, settings, dataset: As in the request.
        folder: The prepared dataset.
    """

    options: ParallelOptions
    settings: Settings
    dataset: Dataset
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One seed: its samples, the rows of every batch (steps, batch) and its order of the ways."""

    seed: int
    bank: Bank
    rows: Tensor
    order: tuple[Way, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What this process did in one way.

    Attributes:
        seconds: (parts,) float64; zeros if it only waited.
        losses: (steps,) float64, the mean over its own samples, trained in 32 bits.
        checked_losses: (checked steps,) float64, the same, trained in 64 bits.
        weights: All weights of the network after the checked steps, as one vector, float64, CPU.
    """

    seconds: Tensor
    losses: Tensor
    checked_losses: Tensor
    weights: Tensor


def possible_ways(options: ParallelOptions, count: int) -> list[Way]:
    """The ways that this number of processes can go, in a fixed order."""
    return [way for way in SHAPES if way in options.ways.values() and processes_of(way) <= count]


def processes_of(way: Way) -> int:
    """How many processes a way needs."""
    data, tensor = SHAPES[way]
    return data * tensor


def draw_block(problem: Problem, group: Group, seed: int) -> Block:
    """The samples on the device; batches follow one another through pass after pass of the data."""
    options = problem.options
    data = training_data(
        problem.dataset, problem.settings, folder=problem.folder, seeds=[seed], device=group.device
    )
    draw = generator(seed, "order")
    ways = possible_ways(options, group.count)
    order = tuple(ways[index] for index in torch.randperm(len(ways), generator=draw).tolist())
    steps, size = options.warm_up + options.steps, data.train.shape[1]
    passes = -(-steps * options.batch_size // size)
    drawn = torch.cat([torch.randperm(size, generator=draw) for _ in range(passes)])
    rows = data.train[0, drawn[: steps * options.batch_size].to(group.device)]
    return Block(seed=seed, bank=data.bank, rows=rows.view(steps, options.batch_size), order=order)


def network(problem: Problem, seed: int) -> nn.Sequential:
    """The whole network with the seed's weights, the same in every process and way."""
    spec = ModelSpec(
        input_shape=problem.dataset.input_shape,
        classes=len(problem.settings.classes or problem.dataset.class_names),
        hidden=problem.options.hidden,
        activation=load("activation", problem.settings.activation, ACTIVATIONS),
        dropout=0.0,
        init=problem.settings.init,
    )
    # PyTorch's layers draw from the global state when they are built: on a private copy of it
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "init"))
        model = build(spec, generator(seed, "init"))
    assert isinstance(model, nn.Sequential)
    return model


def train_block(problem: Problem, group: Group, block: Block, way: Way) -> Trained:
    """Train in one way; a process that has no part in it waits for the others."""
    if processes_of(way) <= group.rank:
        rows = len(block.rows)
        found = Trained(
            seconds=torch.zeros(problem.options.parts, dtype=torch.float64),
            losses=torch.zeros(rows, dtype=torch.float64),
            checked_losses=torch.zeros(min(CHECKED_STEPS, rows), dtype=torch.float64),
            weights=start_weights(problem, block.seed),
        )
    else:
        torch.set_num_threads(group.cores if way == "single" else group.threads)
        checked_losses, weights = _checked(problem, group, block, way)
        seconds, losses = _timed(problem, group, block, way)
        found = Trained(
            seconds=seconds, losses=losses, checked_losses=checked_losses, weights=weights
        )
        torch.set_num_threads(group.threads)
    meet()
    return found


def _checked(problem: Problem, group: Group, block: Block, way: Way) -> tuple[Tensor, Tensor]:
    """Losses and last weights of the first steps in 64 bits.

    In 32 bits the ways part after some steps though all of them are right: a sum in another order
    flips a ReLU whose input is next to zero, and with it that sample's gradient.
    """
    exact = torch.float64 if group.device.type != "mps" else torch.float32  # Apple's has no other
    trainer = _trainer(problem, group, block, way, dtype=exact)
    steps = min(CHECKED_STEPS, len(block.rows))
    trainer.steps(0, steps)
    return trainer.losses[:steps].cpu().double(), vector(
        whole_weights(trainer.network)
    ).cpu().double()


def _timed(problem: Problem, group: Group, block: Block, way: Way) -> tuple[Tensor, Tensor]:
    """Seconds of every part and losses of every step, in 32 bits."""
    options = problem.options
    trainer = _trainer(problem, group, block, way, dtype=torch.float32)
    trainer.steps(0, options.warm_up)
    each, seconds = options.steps // options.parts, []
    for part in range(options.parts):
        if way != "single":
            meet()
        first = options.warm_up + part * each
        synchronise(group.device)
        started = time.perf_counter()
        trainer.steps(first, first + each)
        synchronise(group.device)
        seconds.append(time.perf_counter() - started)
    return torch.tensor(seconds, dtype=torch.float64), trainer.losses.cpu().double()


def _trainer(
    problem: Problem, group: Group, block: Block, way: Way, *, dtype: torch.dtype
) -> _Trainer:
    """The network with its first weights, shared out among the processes of this way."""
    own, rows = network(problem, block.seed).to(group.device, dtype), block.rows
    whole: nn.Module = own
    if way != "single":
        own, rows = _shared_out(own, rows, group.meshes[way])
        several = SHAPES[way][0] > 1
        replicas = group.meshes[way].get_group("data")
        whole = DistributedDataParallel(own, process_group=replicas) if several else own
    return _Trainer(problem, block.bank, own, whole=whole, rows=rows, dtype=dtype)


def _shared_out(
    model: nn.Sequential, rows: Tensor, mesh: DeviceMesh
) -> tuple[nn.Sequential, Tensor]:
    """This process's share of the network, and of the rows (steps, batch) of every batch."""
    data, tensor = mesh.size(0), mesh.size(1)
    if tensor > 1:
        share = Share(
            group=mesh.get_group("tensor"), rank=mesh.get_local_rank("tensor"), size=tensor
        )
        model = cut(model, share)
    return model, rows.chunk(data, dim=1)[mesh.get_local_rank("data")]


class _Trainer:
    """The optimiser steps of one way, the same for all of them."""

    def __init__(
        self,
        problem: Problem,
        bank: Bank,
        network: nn.Sequential,
        *,
        whole: nn.Module,
        rows: Tensor,
        dtype: torch.dtype,
    ) -> None:
        self.bank, self.network, self.model, self.rows = bank, network, whole, rows
        self.lr, self.dtype = problem.options.lr, dtype
        made = load("optimizer", problem.options.optimizer, OPTIMIZERS)
        self.optimizer: Optimizer = made(network.parameters(), problem.settings)
        self.losses = torch.zeros(len(rows), device=rows.device, dtype=dtype)

    def steps(self, first: int, last: int) -> None:
        """Take the steps ``first`` to ``last`` - 1 and note their losses."""
        for step in range(first, last):
            inputs, labels = self.bank.gather(self.rows[step].unsqueeze(0))
            loss = functional.cross_entropy(self.model(inputs[0].to(self.dtype)), labels[0])
            loss.backward()
            self.optimizer.step(self.lr)
            self.losses[step] = loss.detach()


def start_weights(problem: Problem, seed: int) -> Tensor:
    """The seed's first weights as one vector, float64."""
    return vector(list(network(problem, seed).parameters())).double()


def vector(tensors: list[Tensor]) -> Tensor:
    """All values behind one another, without gradients."""
    return parameters_to_vector([tensor.detach() for tensor in tensors])


def meet() -> None:
    """Wait until every process is here (over the CPU, whatever the device)."""
    dist.all_reduce(torch.zeros(1))
