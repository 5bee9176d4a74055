"""Pretraining on other classes, or layer by layer as restricted Boltzmann machines.

Of a training on other classes, all but the output layer is copied into the fresh network.

For the machines, see ``pretrain_rbms``. Each hidden layer in turn is the hidden side of a Bernoulli RBM whose visible side is the layer below (Hinton,
Osindero & Teh 2006), trained by one step of contrastive divergence (Hinton 2002). Following Hinton's
practical guide (2010), weights start as N(0, 0.01), hidden biases at zero and visible ones at the log odds of
the data (section 8); hidden units are sampled when driven by data, and everything else, statistics included,
uses probabilities (section 3). There is no weight decay and no sparsity target. Visible biases are dropped at
the end: the network has no use for them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nnbench.engine.data import Order, TrainingData
from nnbench.engine.seeding import derived_seed, generators
from nnbench.engine.stacked_layers import SeededDropout, StackedLinear
from nnbench.engine.stacking import Replicates
from nnbench.errors import NnbenchError
from nnbench.sections import Rbm
from nnbench.settings import Settings

FIRST_DEVIATION = 0.01  # of the weights (Hinton 2010, section 8)
READING_BATCH = 1024  # samples per replicate in a forward pass without training
ROUNDING = 1e-5  # how far a normalised input may lie outside [0, 1]


# Settings of the judged training only. The pretraining always has clean labels.
_JUDGED_ALONE = {
    "pretrain", "validation_size", "label_noise", "label_noise_to", "label_noise_of", "shuffled_labels",
    "rare_class", "validation_without", "balance", "outliers", "shifts", "streams",
    "target", "stop_at_target", "patience", "evaluations", "probes", "pseudo_labels", "before", "drift",
    "second_task",
}  # fmt: skip


def earlier_settings(settings: Settings) -> Settings:
    """The settings of the pretraining: another task and budget, the rest the same."""
    assert settings.pretrain is not None, "there is no earlier training"
    values = settings.model_dump(exclude=_JUDGED_ALONE)
    values |= settings.pretrain.model_dump(include={"classes", "train_size", "train_for"})
    return Settings.model_validate(values)


def earlier_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """One per replicate; weights, order and samples are drawn independently of the judged training."""
    return tuple(derived_seed(seed, "pretrain") for seed in seeds)


def settings_before(settings: Settings) -> Iterator[Settings]:
    """The settings of each training of the same network on the same samples that comes before the judged one.

    As with a network in Keras that is compiled and fitted again: the last weights stay, the optimiser is new.
    """
    plain: dict[str, object] = {"checkpoint": "last", "target": None, "stop_at_target": False, "momentum": 0.0,
             "optimizer_options": {}, "patience": None, "probes": (), "before": ()}  # fmt: skip
    for one in settings.before:
        yield settings.model_copy(update={**plain, **dict(one)})


def settings_until_drift(settings: Settings) -> Settings:
    """The settings of the training before a drift: the same, but that goals and probes belong to the one after it."""
    goals = {"target": None, "stop_at_target": False, "probes": ()}
    return settings.model_copy(update={"drift": None, **goals})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction:
    """Mean squared error per value of one Gibbs step on the training samples; float64 on the CPU."""

    before: tuple[Tensor, ...]  # by hidden layer (S,), with the initial weights
    after: tuple[Tensor, ...]  # the same after training


class Machine(NamedTuple):
    """S RBMs: weight (S, visible, hidden), biases (S, 1, visible) and (S, 1, hidden)."""

    weight: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor

    def hidden(self, visible: Tensor) -> Tensor:
        """Probabilities (S, B, hidden) of the hidden units."""
        return torch.baddbmm(self.hidden_bias, visible, self.weight).sigmoid_()

    def visible(self, hidden: Tensor) -> Tensor:
        """Probabilities (S, B, visible) of the visible units."""
        return torch.baddbmm(self.visible_bias, hidden, self.weight.mT).sigmoid_()


@torch.no_grad()
def pretrain_rbms(
    model: Replicates, data: TrainingData, rbm: Rbm, *, seeds: Sequence[int]
) -> Reconstruction:
    """Set the hidden layers of a sigmoid MLP to trained RBMs; the output layer is left as it is.

    Every replicate draws from its own generator, so it does not depend on the others. Raises NnbenchError if
    the model is not a sigmoid MLP, or its inputs are not within [0, 1].
    """
    layers = hidden_layers(model)
    _check_range(data)
    draws = generators(seeds, "rbm", data.train.device)
    before, after = [], []
    for depth, layer in enumerate(layers):
        samples = Samples(data, layers[:depth])
        machine = first_machine(layer, samples, draws)
        before.append(reconstruction_error(machine, samples, draws))
        contrastive_divergence(machine, samples, rbm, draws)
        after.append(reconstruction_error(machine, samples, draws))
    return Reconstruction(before=tuple(before), after=tuple(after))


def hidden_layers(model: Replicates) -> list[StackedLinear]:
    """The stacked hidden layers of a sigmoid MLP, in order; NnbenchError for any other model."""
    children = model.body.children() if model.stacked else ()
    chain = [module for module in children if not isinstance(module, SeededDropout)]
    inner = chain[1:-1]
    layers = [m for m in inner[::2] if isinstance(m, StackedLinear) and m.bias is not None]
    sigmoids = [m for m in inner[1::2] if isinstance(m, nn.Sigmoid)]
    ends = inner and isinstance(chain[0], nn.Flatten) and isinstance(chain[-1], StackedLinear)
    if not (ends and len(layers) == len(sigmoids) == len(inner) / 2):
        raise NnbenchError(
            "rbm: pretraining needs a sigmoid MLP with a hidden layer",
            got=", ".join(type(m).__name__ for m in chain) or "a model that is not stacked",
            allowed="model: mlp, activation: sigmoid, without norm and skip, elementwise optimizer",
            todo="set these, or remove rbm",
        )
    return layers


class Samples:
    """The training samples as the layer above ``below`` sees them: its visible probabilities."""

    def __init__(self, data: TrainingData, below: Sequence[StackedLinear]) -> None:
        self.data, self.below = data, below

    def at(self, index: Tensor) -> Tensor:
        """Rows (S, B) of the bank as (S, B, visible)."""
        visible = self.data.bank.gather(index)[0].flatten(2).clamp_(0.0, 1.0)
        for layer in self.below:
            visible = layer(visible).sigmoid_()
        return visible

    def once(self) -> Iterator[Tensor]:
        """All samples once, in large batches."""
        return map(self.at, self.data.train.split(READING_BATCH, dim=1))


def first_machine(
    layer: StackedLinear, samples: Samples, draws: Sequence[torch.Generator]
) -> Machine:
    """The RBM of a layer before training; it shares the layer's memory.

    A visible unit that is on in k of n samples starts at ln((k + 1) / (n - k + 1)): the guide's log odds,
    smoothed by Laplace's rule because those of a constant unit are infinite.
    """
    assert layer.bias is not None
    weight, hidden_bias = layer.weight.detach(), layer.bias.detach()
    for own, generator in zip(weight, draws, strict=True):
        own.normal_(0.0, FIRST_DEVIATION, generator=generator)
    on = torch.stack([visible.sum(dim=1) for visible in samples.once()]).sum(dim=0)
    count = samples.data.train.shape[1]
    odds = (on + 1.0) / (count - on + 1.0)
    return Machine(weight, odds.log().unsqueeze(1), hidden_bias.zero_())


def contrastive_divergence(
    machine: Machine, samples: Samples, rbm: Rbm, draws: Sequence[torch.Generator]
) -> None:
    """Train an RBM in place by CD-1 with momentum."""
    timing = Settings(train_for=rbm.train_for, batch_size=rbm.batch_size)
    total = timing.total_steps(samples.data.train.shape[1])
    velocities = [torch.zeros_like(tensor) for tensor in machine]
    order = Order(samples.data.train, rbm.batch_size, draws=draws)
    for visible in map(samples.at, order.batches(total=total)):
        hidden = machine.hidden(visible)
        gradients = contrast(machine, visible, hidden, sampled=sample(hidden, draws))
        for tensor, velocity, gradient in zip(machine, velocities, gradients, strict=True):
            tensor.add_(velocity.mul_(rbm.momentum).add_(gradient, alpha=rbm.lr))


def contrast(
    machine: Machine, visible: Tensor, hidden: Tensor, *, sampled: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The CD-1 ascent direction, averaged over the batch: <v h> of the data minus that of the reconstruction.

    Shapes: visible (S, B, V), hidden and sampled (S, B, H) -> as in ``Machine``.
    """
    again = machine.visible(sampled)
    hidden_again = machine.hidden(again)
    products = torch.bmm(visible.mT, hidden) - torch.bmm(again.mT, hidden_again)
    return (
        products / visible.shape[1],
        (visible - again).mean(dim=1, keepdim=True),
        (hidden - hidden_again).mean(dim=1, keepdim=True),
    )


def sample(probabilities: Tensor, draws: Sequence[torch.Generator]) -> Tensor:
    """Binary states of units; each replicate draws from its own generator."""
    uniforms = torch.empty_like(probabilities)
    for own, generator in zip(uniforms, draws, strict=True):
        own.uniform_(generator=generator)
    return (uniforms < probabilities).to(probabilities.dtype)


def reconstruction_error(
    machine: Machine, samples: Samples, draws: Sequence[torch.Generator]
) -> Tensor:
    """Each replicate's mean squared error (S,) of visible -> sampled hidden -> visible probabilities."""
    sums = []
    for visible in samples.once():
        again = machine.visible(sample(machine.hidden(visible), draws))
        sums.append((visible - again).square_().sum(dim=(1, 2)))
    values = math.prod(samples.data.train.shape[1:]) * machine.weight.shape[1]
    return torch.stack(sums).cpu().double().sum(dim=0) / values  # MPS has no float64


def _check_range(data: TrainingData) -> None:
    """Reject inputs that are not probabilities; deviations due to rounding are clipped later."""
    batches = (data.bank.gather(index)[0] for index in data.train.split(READING_BATCH, dim=1))
    lows, highs = zip(*((x.min().item(), x.max().item()) for x in batches), strict=True)
    low, high = min(lows), max(highs)
    if not (low >= -ROUNDING and high <= 1.0 + ROUNDING):
        raise NnbenchError(
            "rbm: Bernoulli units need inputs within [0, 1]",
            got=f"training inputs from {low:.4g} to {high:.4g}",
            todo="set `inputs: minmax`",
        )
