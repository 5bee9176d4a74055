"""The training loop: S replicates of one cell, from their first weights to their best ones.

One visible loop over optimiser steps. Data lie on the device and are shuffled by index; nothing
inside a step waits for the device. Validation is read at fixed points and picks the weights that
are kept. Test data cannot be reached from here: ``TrainingData`` has none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nnbench.augment import DRAWS, augment
from nnbench.data import Bank, TrainingData
from nnbench.device import synchronise
from nnbench.models.base import Builder, ModelSpec
from nnbench.optim import FromTorch, Optimizer, add_penalty_gradients, scheduled_lr
from nnbench.registry import ACTIVATIONS, MODELS, OPTIMIZERS, load
from nnbench.seeding import derived_seed, generator, generators
from nnbench.settings import Augment, Settings
from nnbench.stacking import BestWeights, Replicates

EVALUATION_BATCH = 1024  # samples of one replicate in one forward pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Mean cross-entropy in nats and accuracy of each replicate, (S,) on the CPU in float64."""

    loss: Tensor
    accuracy: Tensor


@dataclass(slots=True, kw_only=True)
class Curves:
    """What was seen at each evaluation point; each inner list holds one value a replicate."""

    epochs: list[float] = field(default_factory=list)
    train_loss: list[list[float]] = field(default_factory=list)
    validation_loss: list[list[float]] = field(default_factory=list)
    validation_accuracy: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The outcome: the model with its chosen weights, and how it got there."""

    model: Replicates
    curves: Curves
    diverged: tuple[bool, ...]
    steps: int
    samples: int
    cap_epochs: float
    train_seconds: float
    evaluate_seconds: float


def build_replicates(
    settings: Settings,
    *,
    input_shape: tuple[int, ...],
    classes: int,
    seeds: Sequence[int],
    device: torch.device,
) -> Replicates:
    """Build one model a seed, each from its own generator, and stack them."""
    builder: Builder = load("model", settings.model, MODELS)
    spec = ModelSpec(
        input_shape=input_shape,
        classes=classes,
        hidden=settings.hidden,
        activation=load("activation", settings.activation, ACTIVATIONS),
        dropout=settings.dropout,
        init=settings.init,
        options=settings.model_options,
    )
    modules = []
    for seed in seeds:
        # A user's own builder may draw from the global state: give it a private copy of it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed, "init"))
            modules.append(builder(spec, generator(seed, "init")).to(device))
    return Replicates(modules, generators(seeds, "dropout", device)).to(device)


def build_optimizer(model: Replicates, settings: Settings) -> Optimizer:
    """The optimiser of the settings over all replicates' parameters."""
    made = load("optimizer", settings.optimizer, OPTIMIZERS)(model.parameters(), settings)
    return FromTorch(made) if isinstance(made, torch.optim.Optimizer) else made


def train(
    data: TrainingData, model: Replicates, settings: Settings, *, seeds: Sequence[int]
) -> Trained:
    """Train all replicates for the budget and leave the checkpoint's weights in the model."""
    device = data.train.device
    size = data.train.shape[1]
    total, per_epoch = settings.total_steps(size), settings.steps_per_epoch(size)
    points = evaluation_steps(total, settings.evaluation_points())
    optimizer = build_optimizer(model, settings)
    kernels = model.kernels() if settings.l1 or settings.l2 else []
    draws = generators(seeds, "augment", device) if settings.augment != Augment() else None

    monitor = Monitor(model, data, settings)
    loss_sum = torch.zeros(len(seeds), device=device)
    samples = seen = 0  # of one replicate: since the last evaluation, and in all
    started = time.perf_counter()
    model.train()
    for step, index in enumerate(
        batches(data.train, settings.batch_size, seeds=seeds, total=total)
    ):
        inputs, labels = data.bank.gather_raw(index)
        if draws is not None:
            inputs = augmented(inputs, settings.augment, draws)
        losses = replicate_losses(model(data.bank.normalise(inputs)), labels)
        losses.sum().backward()
        if kernels:
            add_penalty_gradients(kernels, l1=settings.l1, l2=settings.l2)
        optimizer.step(scheduled_lr(settings, step=step, total=total))

        loss_sum += losses.detach() * labels.shape[1]
        samples += labels.shape[1]
        seen += labels.shape[1]
        if step + 1 in points:
            finished = monitor.look(epoch=(step + 1) / per_epoch, train_loss=loss_sum / samples)
            loss_sum.zero_()
            samples = 0
            if finished:
                break
    seconds = time.perf_counter() - started
    cap = total / per_epoch
    return monitor.result(steps=step + 1, samples=seen, cap_epochs=cap, seconds=seconds)


class Monitor:
    """Reads validation at the evaluation points, keeps the best weights, and knows when to stop."""

    def __init__(self, model: Replicates, data: TrainingData, settings: Settings) -> None:
        self.model, self.data, self.settings = model, data, settings
        self.curves = Curves()
        self.seconds = 0.0
        self.best = BestWeights(model) if settings.checkpoint == "best" else None
        self.best_loss = torch.full((model.count,), torch.inf, dtype=torch.float64)
        self.diverged = torch.zeros(model.count, dtype=torch.bool)
        self.reached = torch.zeros(model.count, dtype=torch.bool)

    def look(self, *, epoch: float, train_loss: Tensor) -> bool:
        """Record one evaluation point; True when nothing is left to train for."""
        synchronise(self.data.train.device)
        started = time.perf_counter()
        scores = evaluate(self.model, self.data.bank, self.data.validation)
        seen = train_loss.detach().cpu().double()  # MPS has no float64
        self.curves.epochs.append(epoch)
        self.curves.train_loss.append(seen.tolist())
        self.curves.validation_loss.append(scores.loss.tolist())
        self.curves.validation_accuracy.append(scores.accuracy.tolist())
        self.diverged |= ~(seen.isfinite() & scores.loss.isfinite())
        if self.best is not None:
            improved = scores.loss < self.best_loss  # NaN never improves
            self.best_loss = torch.where(improved, scores.loss, self.best_loss)
            self.best.keep(improved.to(self.data.train.device))
        self.model.train()
        self.seconds += time.perf_counter() - started
        return bool((self.diverged | self._at_target(scores)).all())

    def _at_target(self, scores: Scores) -> Tensor:
        target = self.settings.target
        if target is not None:
            self.reached |= reached(scores, target.metric, target.value)
        return self.reached if self.settings.stop_at_target else torch.zeros_like(self.reached)

    def result(self, *, steps: int, samples: int, cap_epochs: float, seconds: float) -> Trained:
        """The outcome, with the checkpoint's weights in the model."""
        if self.best is not None:
            self.best.restore()
        return Trained(
            model=self.model,
            curves=self.curves,
            diverged=tuple(self.diverged.tolist()),
            steps=steps,
            samples=samples * self.model.count,
            cap_epochs=cap_epochs,
            train_seconds=seconds - self.seconds,
            evaluate_seconds=self.seconds,
        )


def reached(scores: Scores, metric: str, value: float) -> Tensor:
    """Which replicates (S,) are at the target or better."""
    if metric == "validation_accuracy":
        return scores.accuracy >= value
    return scores.loss <= value


def evaluation_steps(total: int, count: int) -> frozenset[int]:
    """The steps (counted from 1) after which validation is read: ``count`` equal parts of all."""
    count = min(count, total)
    return frozenset(round(total * (part + 1) / count) for part in range(count))


def batches(
    train: Tensor, batch_size: int, *, seeds: Sequence[int], total: int
) -> Iterator[Tensor]:
    """Rows (S, B) for each of ``total`` steps; every pass over the data in a fresh order.

    The last batch of a pass holds what is left (as in Keras).
    """
    orders = generators(seeds, "order")
    step = 0
    while step < total:
        shuffled = torch.stack([torch.randperm(train.shape[1], generator=g) for g in orders])
        rows = train.gather(1, shuffled.to(train.device))
        for index in rows.split(batch_size, dim=1):
            if step == total:
                return
            yield index
            step += 1


def augmented(inputs: Tensor, how: Augment, draws: Sequence[torch.Generator]) -> Tensor:
    """Transform (S, B, C, H, W), each sample by its own replicate's draws."""
    uniforms = torch.stack(
        [torch.rand(inputs.shape[1], DRAWS, generator=g, device=inputs.device) for g in draws]
    )
    return augment(inputs.flatten(0, 1), uniforms.flatten(0, 1), how).view(inputs.shape)


def replicate_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of each replicate: logits (S, B, C), labels (S, B) -> (S,)."""
    each = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    return each.view(labels.shape).mean(dim=1)


@torch.no_grad()
def evaluate(model: Replicates, bank: Bank, rows: Tensor) -> Scores:
    """Score every replicate on its own rows (S, m) of a bank."""
    model.eval()
    loss, right = [], []  # of each batch
    for index in rows.split(EVALUATION_BATCH, dim=1):
        inputs, labels = bank.gather(index)
        logits = model(inputs)
        loss.append(replicate_losses(logits, labels) * labels.shape[1])
        right.append((logits.argmax(dim=2) == labels).sum(dim=1))
    # summed in float64 on the CPU: MPS has none
    sums = [torch.stack(parts).cpu().double().sum(dim=0) for parts in (loss, right)]
    return Scores(loss=sums[0] / rows.shape[1], accuracy=sums[1] / rows.shape[1])
