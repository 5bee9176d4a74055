"""One training inside a cell, with any pretraining; and trainings in groups that fit in memory."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from nnbench.datasets.base import Dataset
from nnbench.datasets.selection import inputs_in_use
from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.data import TrainingData, normalised_by_own, training_data
from nnbench.engine.device import is_out_of_memory, release_memory, synchronise
from nnbench.engine.drift import samples_after, samples_before
from nnbench.engine.objectives import Objective, objective
from nnbench.engine.pretraining import (
    earlier_seeds,
    earlier_settings,
    pretrain_rbms,
    settings_until_drift,
)
from nnbench.engine.pseudo_labels import joined, pseudo_labels
from nnbench.engine.scores import evaluate
from nnbench.engine.second_task import minimised
from nnbench.engine.stacking import Replicates
from nnbench.engine.train import Trained, build_replicates, train
from nnbench.experiments.measured import JsonObject, finite
from nnbench.experiments.training.earlier import trained_before, trained_first
from nnbench.settings import Settings

Found = TypeVar("Found")
Seeds = Sequence[int]
Start = tuple[JsonObject | None, Tensor | None]
WITHOUT_EFFECT_ON_SAMPLES = {  # among others: what searches vary
    "model", "hidden", "activation", "init", "dropout", "model_options", "optimizer", "optimizer_options",
    "lr", "momentum", "schedule", "batch_size", "l1", "l2", "train_for",
}  # fmt: skip


@dataclass(kw_only=True)
class Timer:
    """Seconds of a cell by purpose, and the number of samples trained on."""

    load: float = 0.0
    search: float = 0.0
    pretrain: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0
    samples: int = 0

    def seconds(self) -> dict[str, float]:
        """By purpose; those of loading, training and evaluation include the search's."""
        seconds = {"load": self.load, "train": self.train, "evaluate": self.evaluate}
        return {**seconds, "pretrain": self.pretrain} if self.pretrain else seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What all trainings of a cell share."""

    dataset: Dataset
    folder: Path
    device: torch.device
    timer: Timer
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    samples: dict[object, TrainingData] = field(default_factory=dict)
    """The last training's: those of the next one, if it is another candidate of a search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One training, including any pretraining."""

    trained: Trained
    data: TrainingData  # what it was trained on
    objective: Objective
    pretrain: JsonObject | None  # results of the training on other classes
    reconstruction: Tensor | None  # error of the first RBM (S,)


def fit(job: Job, settings: Settings, seeds: Seeds, *, stage: str = "run") -> Fitted:
    """Draw the data, build the network, pretrain it if asked for, and train it; ``stage`` is for the checkpoint."""
    started = time.perf_counter()
    data, model = drawn(job, settings, seeds)
    job.timer.load += time.perf_counter() - started
    if settings.pseudo_labels:
        data = joined(data, *_by_teacher(job, data, settings, seeds, stage))
    facts, reconstruction = _brought_to_start(job, model, data, settings, seeds, stage)
    if settings.drift:
        data, settings = _after_drift(job, model, data, settings, seeds, stage)
    trained = train(data, model, settings, seeds=seeds, checkpoint=job.checkpoint, stage=stage)
    job.checkpoint.forget_state()
    job.timer.train += trained.train_seconds
    job.timer.evaluate += trained.evaluate_seconds
    job.timer.samples += trained.samples
    return Fitted(
        trained=trained,
        data=data,
        objective=minimised(settings, data.task, data.outputs),
        pretrain=facts,
        reconstruction=reconstruction,
    )


def _by_teacher(
    job: Job, data: TrainingData, settings: Settings, seeds: Seeds, stage: str
) -> tuple[Tensor, Tensor]:
    """Unlabelled rows (S, k) and their labels by networks that were trained on the labelled samples alone."""

    def labelled() -> tuple[Tensor, Tensor]:
        alone = settings.model_copy(update={"pseudo_labels": 0.0})
        teacher = fit(job, alone, seeds, stage=f"{stage}: teacher").trained.model
        return pseudo_labels(teacher, data, share=settings.pseudo_labels)

    return job.checkpoint.once(f"{stage}: pseudo-labels", labelled)


def drawn(job: Job, settings: Settings, seeds: Seeds) -> tuple[TrainingData, Replicates]:
    """What a training begins with: each replicate's samples and its initial network."""
    dataset, device = job.dataset, job.device
    wanted = (tuple(seeds), settings.model_dump_json(exclude=WITHOUT_EFFECT_ON_SAMPLES))
    if wanted not in job.samples:
        job.samples.clear()  # one training's at a time, for the memory's sake
        job.samples[wanted] = training_data(
            dataset, settings, folder=job.folder, seeds=seeds, device=device
        )
    data = job.samples[wanted]
    return data, initial(job, settings, seeds, outputs=data.outputs)


def initial(job: Job, settings: Settings, seeds: Seeds, *, outputs: int) -> Replicates:
    """The network that a training begins with, before any pretraining."""
    shape = inputs_in_use(job.dataset, settings)
    return build_replicates(
        settings, input_shape=shape, classes=outputs, seeds=seeds, device=job.device
    )


def _brought_to_start(
    job: Job, model: Replicates, data: TrainingData, settings: Settings, seeds: Seeds, stage: str
) -> Start:
    """Pretraining of either kind: its facts, and the first RBM's reconstruction error.

    A resumed training restores its weights, so its pretraining is not repeated.
    """
    if settings.pretrain is None and settings.rbm is None and not settings.before:
        return None, None

    def prepared() -> Start:
        started = time.perf_counter()
        if settings.pretrain is None:
            found: Start = None, _first_layer(model, data, settings, seeds)
        else:
            found = _transfer(job, model, data, settings, seeds, stage)
        trained_before(data, model, settings, seeds=seeds, checkpoint=job.checkpoint, stage=stage)
        synchronise(job.device)
        job.timer.pretrain += time.perf_counter() - started
        return found

    if job.checkpoint.saved(stage) is None:
        job.checkpoint.forget(f"{stage}: start")  # its weights were not saved
    start = job.checkpoint.once(f"{stage}: start", prepared)
    if settings.pretrain and settings.pretrain.freeze:
        model.freeze_body()
    return start


def _transfer(
    job: Job, model: Replicates, judged: TrainingData, settings: Settings, seeds: Seeds, stage: str
) -> Start:
    """Train on the other classes, normalised like the judged ones; copy the body."""
    earlier, own = earlier_settings(settings), earlier_seeds(seeds)
    data, source = drawn(job, earlier, own)
    data = replace(data, bank=replace(data.bank, normaliser=judged.bank.normaliser))
    reconstruction = _first_layer(source, data, earlier, own)
    trained = train(
        data, source, earlier, seeds=own, checkpoint=job.checkpoint, stage=f"{stage}: pretraining"
    )
    job.checkpoint.forget_state()
    model.copy_body_from(source)
    scores = evaluate(source, data.bank, data.validation, objective(earlier.loss, data.task))
    assert scores.accuracy is not None, "numbers have no other classes"
    return {
        "train_size": data.train.shape[1],
        "steps": trained.steps,
        "diverged": sum(trained.diverged),
        "validation_loss": list(map(finite, scores.loss.tolist())),
        "validation_accuracy": scores.accuracy.tolist(),
    }, reconstruction


def _after_drift(
    job: Job, model: Replicates, data: TrainingData, settings: Settings, seeds: Seeds, stage: str
) -> tuple[TrainingData, Settings]:
    """Train on the images as they were, unless it starts anew: what the training on changed ones takes.

    What was trained before goes on with its own normalisation, as a network in use does.
    """
    drift = settings.drift
    assert drift is not None, "nothing changes"
    changed = samples_after(data, drift, seeds=seeds)
    own = settings.model_copy(update={"drift": None, "train_for": drift.train_for})
    if drift.anew:
        return normalised_by_own(changed, job.dataset, settings), own
    started = time.perf_counter()
    old = normalised_by_own(samples_before(data, drift), job.dataset, settings)
    earlier, once = settings_until_drift(settings), earlier_seeds(seeds)
    name = f"{stage}: before the drift"
    trained_first(old, model, earlier, seeds=once, checkpoint=job.checkpoint, stage=name)
    synchronise(job.device)
    job.timer.pretrain += time.perf_counter() - started
    return replace(changed, bank=replace(changed.bank, normaliser=old.bank.normaliser)), own


def _first_layer(
    model: Replicates, data: TrainingData, settings: Settings, seeds: Seeds
) -> Tensor | None:
    """Pretrain RBMs, if asked for: the reconstruction error of the first, the only one that sees data."""
    return pretrain_rbms(model, data, settings.rbm, seeds=seeds).after[0] if settings.rbm else None


class Groups:
    """Replicates of large networks in groups; one that does not fit in memory is halved, down to one.

    ``checkpoint`` keeps the finished groups and what did not fit; ``at_once`` is the largest group to try.
    What did not fit makes all further groups smaller: a search and the judged runs have groups of their own,
    so that the judged runs do not depend on where the search was made.
    """

    def __init__(self, checkpoint: Checkpoint, *, at_once: int, device: torch.device) -> None:
        self.checkpoint, self.at_once, self.device = checkpoint, at_once, device
        self.too_many: tuple[int, ...] = ()
        """Sizes of groups that did not fit, in the order tried."""
        self._too_large: dict[str, int] = checkpoint.once("out of memory", dict)
        """The same by stage, so that a resumed cell has the groups of an uninterrupted one."""

    def each(self, seeds: Seeds, name: str, run: Callable[[Seeds, str], Found]) -> list[Found]:
        """The result of ``run(seeds of a group, name of its stage)`` for each group.

        Raises RuntimeError or MemoryError, out of memory included, if a single replicate does.
        """
        found: list[Found] = []
        done = 0
        while done < len(seeds):
            group = seeds[done : done + self.at_once]
            stage = f"{name}, seeds {group[0]} to {group[-1]} ({len(group)})"
            outcome = self._tried(group, stage, run)
            if outcome is not None:
                found.append(outcome)
                done += len(group)
        return found

    def _tried(self, group: Seeds, stage: str, run: Callable[[Seeds, str], Found]) -> Found | None:
        """The group's result; None if it did not fit, so that a smaller one is tried."""
        if stage not in self._too_large:
            try:
                return self.checkpoint.once(stage, lambda: run(group, stage))
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if len(group) == 1 or not is_out_of_memory(error):
                    raise
            # only here, where the error's traceback no longer holds tensors
            gc.collect()
            release_memory(self.device)
            self._too_large[stage] = len(group)
        self.too_many += (len(group),)
        self.at_once = (len(group) + 1) // 2
        return None

    def notes(self) -> tuple[str, ...]:
        """What a reader of the result needs to know."""
        sizes, at_once = ", ".join(map(str, self.too_many)), self.at_once
        note = (
            f"{sizes} replicates at once did not fit the memory: {at_once} were trained at a time"
        )
        return (note,) if self.too_many else ()
