"""One training inside a cell: its data, its network, any pretraining, and the training itself."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from nnbench.datasets.base import Dataset
from nnbench.engine.checkpoint import Checkpoint
from nnbench.engine.data import Normaliser, TrainingData, training_data
from nnbench.engine.device import synchronise
from nnbench.engine.objectives import Objective, objective
from nnbench.engine.pretraining import earlier_seeds, earlier_settings, pretrain_rbms
from nnbench.engine.scores import evaluate
from nnbench.engine.stacking import Replicates
from nnbench.engine.train import Trained, build_replicates, train
from nnbench.experiments.measured import JsonObject
from nnbench.settings import Settings


@dataclass(kw_only=True)
class Timer:
    """Seconds of a cell by purpose, and the number of samples trained on."""

    load: float = 0.0
    search: float = 0.0
    pretrain: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0
    samples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What all trainings of a cell share."""

    dataset: Dataset
    folder: Path
    device: torch.device
    timer: Timer
    checkpoint: Checkpoint = field(default_factory=Checkpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """One training, including any pretraining."""

    trained: Trained
    data: TrainingData  # what it was trained on
    objective: Objective
    pretrain: JsonObject | None  # results of the training on other classes
    reconstruction: Tensor | None  # error of the first RBM (S,)


def fit(job: Job, settings: Settings, seeds: Sequence[int], *, stage: str = "run") -> Fitted:
    """Draw the data, build the network, pretrain it if the settings say so, and train it.

    ``stage`` is the name of this training in the checkpoint.
    """
    started = time.perf_counter()
    data = training_data(job.dataset, settings, folder=job.folder, seeds=seeds, device=job.device)
    model = _built(job, settings, data, seeds)
    job.timer.load += time.perf_counter() - started
    facts, reconstruction = _brought_to_start(job, model, data, settings, seeds=seeds, stage=stage)
    trained = train(data, model, settings, seeds=seeds, checkpoint=job.checkpoint, stage=stage)
    job.checkpoint.forget_state()
    job.timer.train += trained.train_seconds
    job.timer.evaluate += trained.evaluate_seconds
    job.timer.samples += trained.samples
    return Fitted(
        trained=trained,
        data=data,
        objective=objective(settings.loss, data.task),
        pretrain=facts,
        reconstruction=reconstruction,
    )


Start = tuple[JsonObject | None, Tensor | None]


def _brought_to_start(
    job: Job,
    model: Replicates,
    data: TrainingData,
    settings: Settings,
    *,
    seeds: Sequence[int],
    stage: str,
) -> Start:
    """Pretraining of either kind: its facts, and the first RBM's reconstruction error.

    A resumed training restores its weights, so its pretraining is not repeated.
    """
    if settings.pretrain is None and settings.rbm is None:
        return None, None

    def prepared() -> Start:
        started = time.perf_counter()
        if settings.pretrain is None:
            found: Start = None, _first_layer(model, data, settings, seeds)
        else:
            found = _transfer(job, model, settings, data.bank.normaliser, seeds=seeds, stage=stage)
        synchronise(job.device)
        job.timer.pretrain += time.perf_counter() - started
        return found

    if job.checkpoint.saved(stage) is None:
        job.checkpoint.forget(f"{stage}: start")  # its weights were not saved
    start = job.checkpoint.once(f"{stage}: start", prepared)
    if settings.pretrain and settings.pretrain.freeze:
        model.freeze_body()
    return start


def _built(job: Job, settings: Settings, data: TrainingData, seeds: Sequence[int]) -> Replicates:
    return build_replicates(
        settings,
        input_shape=job.dataset.input_shape,
        classes=data.outputs,
        seeds=seeds,
        device=job.device,
    )


def _transfer(
    job: Job,
    model: Replicates,
    settings: Settings,
    normaliser: Normaliser,
    *,
    seeds: Sequence[int],
    stage: str,
) -> Start:
    """Train on the other classes, normalised like the judged ones; copy the body."""
    earlier, own = earlier_settings(settings), earlier_seeds(seeds)
    data = training_data(job.dataset, earlier, folder=job.folder, seeds=own, device=job.device)
    data = replace(data, bank=replace(data.bank, normaliser=normaliser))
    source = _built(job, earlier, data, own)
    reconstruction = _first_layer(source, data, earlier, own) if earlier.rbm else None
    trained = train(
        data, source, earlier, seeds=own, checkpoint=job.checkpoint, stage=f"{stage}: pretraining"
    )
    job.checkpoint.forget_state()
    model.copy_body_from(source)
    minimised = objective(earlier.loss, data.task)
    scores = evaluate(source, data.bank, data.validation, minimised)
    assert scores.accuracy is not None, "numbers have no other classes"
    return {
        "train_size": data.train.shape[1],
        "steps": trained.steps,
        "diverged": sum(trained.diverged),
        "validation_loss": [x if math.isfinite(x) else None for x in scores.loss.tolist()],
        "validation_accuracy": scores.accuracy.tolist(),
    }, reconstruction


def _first_layer(
    model: Replicates, data: TrainingData, settings: Settings, seeds: Sequence[int]
) -> Tensor:
    """Pretrain all layers; returns the reconstruction error of the first, the only one that sees data."""
    assert settings.rbm is not None, "no Boltzmann machines are asked for"
    return pretrain_rbms(model, data, settings.rbm, seeds=seeds).after[0]


def seconds_of(timer: Timer) -> dict[str, float]:
    """Seconds by purpose, including the search's."""
    seconds = {"load": timer.load, "train": timer.train, "evaluate": timer.evaluate}
    return {**seconds, "pretrain": timer.pretrain} if timer.pretrain else seconds
