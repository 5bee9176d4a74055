"""The training loop: S replicates of one cell, from their initial weights to their best ones.

It is one explicit loop over optimiser steps. Data lie on the device and are shuffled by index; no step waits
for the device. Validation is read at fixed points and selects the weights to keep. The loop has no access to
test data: ``TrainingData`` contains none.
"""

import math
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nnbench.engine.balance import order_of_passes, training_losses
from nnbench.engine.checkpoint import Checkpoint, State
from nnbench.engine.data import Order, TrainingData
from nnbench.engine.images import augmented
from nnbench.engine.monitor import Curves, Monitor
from nnbench.engine.native.network import CompiledNetwork
from nnbench.engine.native.steps import CompiledSteps, compiled_steps
from nnbench.engine.optim import add_penalty_gradients, scheduled_lr
from nnbench.engine.own_draws import OwnDraws, drawing_nothing, may_draw, seeded
from nnbench.engine.second_task import add_number
from nnbench.engine.seeding import CPU, derived_seed, generators, set_states, states_of
from nnbench.engine.stacking import Replicates
from nnbench.engine.torch_optim import build_optimizer, is_elementwise
from nnbench.errors import NnbenchError
from nnbench.models.base import Builder, ModelSpec
from nnbench.registry import ACTIVATIONS, MODELS, load
from nnbench.sections import Augment
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The outcome of a training: the model with its chosen weights, and what was recorded on the way."""

    model: Replicates
    curves: Curves
    diverged: tuple[bool, ...]  # replicates whose loss became NaN or infinite
    stopped_epochs: tuple[float | None, ...]  # when patience ended each replicate; None: never
    gradient_ratios: tuple[Tensor, Tensor] | None  # if probed: initial and mean, (S,) each
    network: CompiledNetwork | None  # the model compiled for the bank that it was trained on
    steps: int
    samples: int  # seen by all replicates together
    cap_epochs: float  # the whole budget
    steps_per_epoch: int
    train_seconds: float  # optimiser steps alone
    evaluate_seconds: float  # evaluation points in between

    @property
    def compiler(self) -> str | None:
        """Of the code that took part; None: all was done by PyTorch."""
        return self.network.code.compiler if self.network else None


def build_replicates(
    settings: Settings,
    *,
    input_shape: tuple[int, ...],
    classes: int,
    seeds: Sequence[int],
    device: torch.device,
) -> Replicates:
    """Build one model per seed, each from its own generator, and stack them."""
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
    modules, starts = [], generators(seeds, "init")
    for seed, start in zip(seeds, starts, strict=True):
        with seeded(derived_seed(seed, "init")):  # a user's builder may draw from the global states
            modules.append(builder(spec, start).to(device))
    with drawing_nothing(modules[0]):
        _check_shapes(modules[0], settings.model, spec, device=device)
    for module, start in zip(modules, starts, strict=True) if settings.second_task else ():
        add_number(module, init=settings.init, generator=start)
    draws = generators(seeds, "dropout", device)
    stackable = is_elementwise(settings)
    own = OwnDraws(seeds) if may_draw(settings) else None
    return Replicates(
        modules, draws, input_shape=input_shape, stackable=stackable, own_draws=own
    ).to(device)


def parameters_each(settings: Settings, *, input_shape: tuple[int, ...], classes: int) -> int:
    """Trainable parameters of one replicate's network, which is built on the CPU and discarded."""
    model = build_replicates(
        settings, input_shape=input_shape, classes=classes, seeds=(0,), device=CPU
    )
    return model.parameters_each()


@torch.no_grad()
def _check_shapes(module: nn.Module, name: str, spec: ModelSpec, *, device: torch.device) -> None:
    """Run two samples of zeros, because a user's model may be made for other data."""
    took = f"model {name!r} does not accept samples of shape {spec.input_shape}"
    todo = "choose a model that is made for this dataset, or correct its builder"
    module.eval()
    try:
        out = module(torch.zeros(2, *spec.input_shape, device=device))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        got = str(error) or type(error).__name__
        raise NnbenchError(took, got=got, todo=todo) from error
    module.train()
    shape = tuple(getattr(out, "shape", ()))
    if shape != (2, spec.classes):
        raise NnbenchError(
            f"model {name!r} has an output of the wrong shape",
            got=f"{shape or type(out).__name__} for a batch of 2",
            allowed=f"(2, {spec.classes}): one row per sample, one value per class (or one number)",
            todo=todo,
        )


class Running:
    """A training in progress: everything that its next step depends on, to be saved and resumed."""

    def __init__(
        self, data: TrainingData, model: Replicates, settings: Settings, *, seeds: Sequence[int]
    ) -> None:
        device = data.train.device
        self.data, self.model, self.settings = data, model, settings
        self.optimizer = build_optimizer(model, settings)
        self.monitor = Monitor(model, data, settings, seeds=seeds)
        self.losses = training_losses(self.monitor.objective, data, settings)
        draws, pass_of = generators(seeds, "order"), order_of_passes(data, settings)
        self.order = Order(data.train, settings.batch_size, draws=draws, pass_of=pass_of)
        asked = settings.augment != Augment()
        self.augment = generators(seeds, "augment", device) if asked else ()
        self.kernels = model.kernels() if settings.l1 or settings.l2 else []
        self.precision: AbstractContextManager[object] = nullcontext()
        if settings.mixed_precision:  # with float32's exponents, so the loss needs no scaling
            self.precision = torch.autocast(device.type, dtype=torch.bfloat16)
        self.loss_sum = torch.zeros(len(seeds), device=device)  # since the last evaluation point
        self.samples = 0  # per replicate, since the last evaluation point
        self.seen = 0  # per replicate, in all
        self.steps = 0  # optimiser steps done
        self.network = self.monitor.network
        self.compiled = self._compiled()

    def _compiled(self) -> CompiledSteps | None:
        """The steps in compiled code, for dense and recurrent networks on machines with a compiler."""
        if self.network is None:
            return None
        return compiled_steps(
            self.network, self.optimizer, self.data, self.settings, draws=self.augment
        )

    def chunks(self, *, total: int, ends: Container[int]) -> Iterator[list[Tensor]]:
        """The batches (S, B) of the remaining steps in lists that end at the steps in ``ends`` at the latest."""
        most = self.compiled.most if self.compiled else 1
        step, chunk = self.steps, list[Tensor]()
        for index in self.order.batches(total=total, start=self.steps):
            step += 1
            chunk.append(index)
            if step in ends or len(chunk) == most:
                yield chunk
                chunk = []

    def advance(self, batches: Iterable[Tensor], lrs: Iterable[float]) -> None:
        """One step by autograd per batch, for any network: what ``compiled`` does for dense ones."""
        bank, settings = self.data.bank, self.settings
        for index, lr in zip(batches, lrs, strict=True):
            inputs, labels = bank.gather_raw(index)
            if self.augment:
                inputs = augmented(inputs, settings.augment, self.augment)
            with self.precision:
                outputs = self.model(bank.normalise(inputs))
            losses = self.losses(outputs.float(), labels)
            losses.sum().backward()
            add_penalty_gradients(self.kernels, l1=settings.l1, l2=settings.l2)
            self.optimizer.step(lr)
            self.loss_sum += losses.detach() * labels.shape[1]

    def state(self, *, seconds: float) -> State:
        """Tensors and plain data for ``restore``; ``seconds`` is the time spent so far."""
        return {
            "seconds": seconds,
            "counts": (self.samples, self.seen, self.steps),
            "loss_sum": self.loss_sum,
            "weights": [tensor for tensor, _ in self.model.state()],
            "optimizer": self.optimizer.state_dict(),
            "monitor": self.monitor.state(),
            "order": self.order.state(self.steps),
            "draws": states_of((*self.augment, *self.model.draws)),
            "own draws": self.model.own_draws and self.model.own_draws.state(),
        }

    def restore(self, state: State) -> float:
        """Continue from a state; returns the seconds spent before it was saved."""
        self.samples, self.seen, self.steps = state["counts"]
        self.loss_sum.copy_(state["loss_sum"])
        self.model.set_state(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.monitor.restore_state(state["monitor"])
        set_states(self.order.draws, state["order"])
        set_states((*self.augment, *self.model.draws), state["draws"])
        # the optimiser's memory lies elsewhere now
        self.compiled = self._compiled()
        if self.model.own_draws:
            self.model.own_draws.restore(state["own draws"])
        return float(state["seconds"])


def train(
    data: TrainingData,
    model: Replicates,
    settings: Settings,
    *,
    seeds: Sequence[int],
    checkpoint: Checkpoint | None = None,
    stage: str = "training",
) -> Trained:
    """Train all replicates for the budget and leave the chosen weights in the model.

    The state is saved to ``checkpoint`` from time to time, under the name ``stage``, and resumed from it.
    """
    checkpoint = checkpoint or Checkpoint()
    size = data.train.shape[1]
    total, per_epoch = settings.total_steps(size), settings.steps_per_epoch(size)
    points = evaluation_steps(total, settings.evaluation_points())

    run = Running(data, model, settings, seeds=seeds)
    saved = checkpoint.saved(stage)
    started = time.perf_counter() - (run.restore(saved) if saved else 0.0)
    model.train()
    with checkpoint.training():
        for batches in run.chunks(total=total, ends=points):
            lrs = [
                scheduled_lr(settings, step=run.steps + i, total=total) for i in range(len(batches))
            ]
            if run.compiled:
                run.compiled.advance(batches, lrs, done=run.steps, loss_sum=run.loss_sum)
            else:
                run.advance(batches, lrs)

            samples = sum(index.shape[1] for index in batches)
            run.steps += len(batches)
            run.samples += samples
            run.seen += samples
            if run.steps in points:
                mean = run.loss_sum / run.samples
                finished = run.monitor.look(epoch=run.steps / per_epoch, train_loss=mean)
                if checkpoint.progress:
                    checkpoint.progress(stage, run.steps / per_epoch, total / per_epoch)
                run.loss_sum.zero_()
                run.samples = 0
                if finished:
                    break
            if checkpoint.due():
                pause = time.perf_counter()
                checkpoint.save(stage, run.state(seconds=pause - started))
                started += time.perf_counter() - pause
    seconds = time.perf_counter() - started
    return _trained(run, seconds=seconds, total=total, per_epoch=per_epoch)


def _trained(run: Running, *, seconds: float, total: int, per_epoch: int) -> Trained:
    monitor, ratios = run.monitor, run.monitor.gradients
    monitor.restore()
    return Trained(
        model=run.model,
        curves=monitor.curves,
        diverged=tuple(monitor.diverged.tolist()),
        stopped_epochs=tuple(None if math.isnan(e) else e for e in monitor.stopped.tolist()),
        gradient_ratios=None if ratios is None else (ratios.start, ratios.mean()),
        network=run.network,
        steps=run.steps,
        samples=run.seen * run.model.count,
        cap_epochs=total / per_epoch,
        steps_per_epoch=per_epoch,
        train_seconds=seconds - monitor.seconds,
        evaluate_seconds=monitor.seconds,
    )


def evaluation_steps(total: int, count: int) -> frozenset[int]:
    """The steps (counted from 1) after which validation is read: ``count`` of them, equally spaced."""
    count = min(count, total)
    return frozenset(round(total * (part + 1) / count) for part in range(count))
