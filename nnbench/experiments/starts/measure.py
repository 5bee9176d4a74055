"""Where trainings of one network from many starts end: how many are trapped, and what lies between two of them.

All starts of a block see the same samples. Trapped is a start whose training loss stays well above the best one's
although its gradient has vanished: in a local minimum, at a saddle point or on a plateau, which differ in curvature.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from nnbench.datasets.base import Dataset
from nnbench.engine.data import TrainingData, training_data
from nnbench.engine.normaliser import Normaliser
from nnbench.engine.objectives import Objective, objective
from nnbench.engine.probes import gradient_norms
from nnbench.engine.scores import evaluate, uninformed
from nnbench.engine.seeding import derived_seed
from nnbench.engine.stacking import Replicates
from nnbench.engine.train import build_replicates, train
from nnbench.experiments.measured import JsonObject, Measured, Run, finite
from nnbench.experiments.mlp import FOLLOWED_BY_ALL, REPLACED_BY_ALL, check_settings
from nnbench.experiments.run import Request
from nnbench.experiments.starts.declared import Started, Starts
from nnbench.registry import DATASETS, load
from nnbench.settings import Settings

ABOVE = 0.05  # of an untrained network's loss: so far above the best start's is well above
VANISHED = 1e-2  # of the gradient's usual norm at the start
POINTS = 11  # on the straight line between two solutions, both ends included
FOLLOWED = FOLLOWED_BY_ALL | {"loss"}
REPLACED = REPLACED_BY_ALL | {"hidden", "activation", "optimizer", "lr", "momentum", "batch_size"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Where the starts of all blocks ended, (S, starts) each, in float64 on the CPU."""

    loss: Tensor  # on the training samples
    gradient: Tensor  # norm of that loss's gradient, over the usual one at the start
    untrained: Tensor  # the loss of a network that has learnt nothing
    barrier: Tensor  # in nats, from each start to the other one of its pair

    def trapped(self) -> Tensor:
        """Share (S,) of the starts that are; one that diverged is not, and its loss is never the best."""
        best = self.loss.nan_to_num(nan=torch.inf).amin(dim=1, keepdim=True)
        above = self.loss > best + ABOVE * self.untrained
        return (above & (self.gradient < VANISHED)).double().mean(dim=1)

    def metrics(self, name: str, row: int) -> Iterator[tuple[str, float | None]]:
        """What one block measured of the network of this name."""
        yield f"trapped@{name}", self.trapped()[row].item()
        yield f"barrier@{name}", finite(self.barrier[row].nanmean().item())


def measure(request: Request) -> Measured:
    """Train every network from all starts; NnbenchError for settings that nothing here reads."""
    options: Starts = request.options
    check_settings(request.settings, followed=FOLLOWED, replaced=REPLACED)
    started = time.perf_counter()
    data, found = _samples(request), {}
    for name, network in options.networks.items():
        trained = partial(_ends, request, data, network, name)
        found[name] = Ends(**request.checkpoint.once(name, trained))
    runs = [
        {key: value for name, ends in found.items() for key, value in ends.metrics(name, row)}
        for row in range(len(request.seeds))
    ]
    return Measured(
        runs={
            str(seed): Run(status="ok", metrics=metrics)
            for seed, metrics in zip(request.seeds, runs, strict=True)
        },
        facts={name: _facts(options.networks[name], ends) for name, ends in found.items()},
        seconds={"measure": time.perf_counter() - started},
    )


def _samples(request: Request) -> TrainingData:
    """Each block's samples, for all of its starts."""
    dataset: Dataset = load("dataset", request.dataset, DATASETS)
    data = training_data(
        *(dataset, request.settings),
        folder=request.folder,
        seeds=request.seeds,
        device=request.device,
    )
    return for_starts(data, request.options.starts)


def for_starts(data: TrainingData, starts: int) -> TrainingData:
    """The data of S replicates for S times as many ``starts``: those of a replicate follow each other."""

    def each(own: Tensor) -> Tensor:
        return own.repeat_interleave(starts, dim=0)

    bank, how = data.bank, data.bank.normaliser
    labels = each(bank.labels) if bank.labels.ndim == 2 else bank.labels
    normaliser = Normaliser(shift=each(how.shift), factor=each(how.factor))
    bank = replace(bank, labels=labels, normaliser=normaliser)
    return replace(data, bank=bank, train=each(data.train), validation=each(data.validation))


def start_seeds(seeds: Sequence[int], starts: int) -> list[int]:
    """A seed for each start of each block, one block after the other."""
    return [derived_seed(seed, "start") + start for seed in seeds for start in range(starts)]


def _ends(request: Request, data: TrainingData, network: Started, name: str) -> dict[str, Tensor]:
    """Train one network from all starts, and read where they ended: the values of ``Ends``."""
    options: Starts = request.options
    settings = settings_of(network, options, request.settings)
    seeds = start_seeds(request.seeds, options.starts)
    shape = tuple(data.bank.inputs.shape[1:])
    model = build_replicates(
        settings, input_shape=shape, classes=data.outputs, seeds=seeds, device=request.device
    )
    minimised = objective(settings.loss, data.task)
    usual = gradient_norms(model, data, minimised).view(-1, options.starts)
    train(data, model, settings, seeds=seeds, checkpoint=request.checkpoint, stage=name)
    request.checkpoint.forget_state()
    norms = gradient_norms(model, data, minimised).view(-1, options.starts)
    losses = {
        "loss": evaluate(model, data.bank, data.train, minimised).loss,
        "untrained": uninformed(data.bank, data.train, minimised, data.outputs).loss,
        "barrier": barriers(model, data, minimised),
    }
    by_block = {key: values.view(-1, options.starts) for key, values in losses.items()}
    return {**by_block, "gradient": norms / usual.median(dim=1, keepdim=True).values}


def settings_of(network: Started, options: Starts, settings: Settings) -> Settings:
    """The settings of a training of one network, which ends with its last weights."""
    own = {
        **dict(network),
        **options.model_dump(include={"optimizer", "lr", "momentum", "batch_size"}),
    }
    length = {"train_for": f"{options.steps} steps", "evaluations": 1, "checkpoint": "last"}
    return settings.model_copy(update={**own, **length})


@torch.no_grad()
def barriers(model: Replicates, data: TrainingData, objective: Objective) -> Tensor:
    """How far the loss (S,) rises on the straight line between each two networks above that between their losses, in nats.

    Networks 0 and 1 are a pair, 2 and 3, and so on. The greatest difference over points of the line, at least 0 at
    its ends (Frankle et al. 2020, "Linear mode connectivity"). Networks are compared as they are: units are not
    permuted to match. NaN where a loss is. The weights are left as they were.
    """
    assert model.stacked, "dense networks and elementwise optimisers are stacked"
    here = [tensor.clone() for tensor, _ in model.state()]
    there = [tensor[torch.arange(model.count) ^ 1] for tensor in here]
    shares = torch.linspace(0.0, 1.0, POINTS).tolist()
    losses = []
    for share in shares:
        model.set_state([torch.lerp(a, b, share) for a, b in zip(here, there, strict=True)])
        losses.append(evaluate(model, data.bank, data.train, objective).loss)
    model.set_state(here)
    straight = [torch.lerp(losses[0], losses[-1], share) for share in shares]
    return (torch.stack(losses) - torch.stack(straight)).amax(dim=0).clamp_min(0.0)


def _facts(network: Started, ends: Ends) -> JsonObject:
    """The network, and the lowest, median and highest final loss of each block's starts."""
    at = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    quantiles = ends.loss.nanquantile(at, dim=1).T.tolist()
    return {
        **network.model_dump(mode="json"),
        "final_losses": [[finite(loss, digits=4) for loss in block] for block in quantiles],
        "diverged": int(ends.loss.isnan().sum()),
    }
