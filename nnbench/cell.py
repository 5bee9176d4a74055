"""One cell from data to record: search (tuned track), train, test once, describe.

The only module that sees both training and test data, and it opens the test set after the last
weights are chosen.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nnbench.data import TrainingData, held_out, training_data
from nnbench.datasets.base import Dataset
from nnbench.device import choose_device, fix_numerics, peak_memory_mb
from nnbench.registry import DATASETS, load
from nnbench.settings import Settings
from nnbench.train import Curves, Scores, Trained, build_replicates, evaluate, train

TRAIN_SCORE_LIMIT = 10_000  # training samples of a replicate that its training score is read from


@dataclass(slots=True, kw_only=True)
class Timer:
    """Seconds of a cell by what they were spent on, and the samples that training saw."""

    load: float = 0.0
    search: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0
    samples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What stays the same for every training inside one cell."""

    dataset: Dataset
    folder: Path
    device: torch.device
    timer: Timer


def run_cell(cell: Mapping[str, Any], *, folder: Path, device: str) -> dict[str, Any]:
    """Measure one cell.

    Args:
        cell: The cell's document (``Cell.document()``).
        folder: Its prepared dataset.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Returns:
        ``runs`` (per seed: status and metrics), ``curves``, ``search``, ``seconds`` (the search
        included) and what describes them; plain data, no NaN. A cell that needs more memory than
        there is has no runs, and ``failure`` says so.

    Raises:
        NnbenchError: The device or the data are not there.
    """
    fix_numerics(cell["threads"])
    job = Job(
        dataset=load("dataset", cell["dataset"], DATASETS),
        folder=folder,
        device=choose_device(device),
        timer=Timer(),
    )
    try:
        return {**_measure(job, cell), **_costs(job), "failure": None}
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        return {"runs": {}, "curves": None, **_costs(job), "failure": f"out of memory: {error}"}


def _is_out_of_memory(error: Exception) -> bool:
    """PyTorch says it by type on a GPU, and by words of its allocator on a CPU."""
    by_type = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return by_type or "DefaultCPUAllocator" in str(error)


def _measure(job: Job, cell: Mapping[str, Any]) -> dict[str, Any]:
    """Search, if the cell is tuned, then the judged runs."""
    settings = _settings(cell["settings"])
    search = _search(job, settings, cell["search"]) if cell["search"] else None
    if search:
        settings = _with(settings, cell["search"]["candidates"][search["chosen"]])
    return {**_judged_runs(job, settings, cell["seeds"]), "search": search}


def _search(job: Job, settings: Settings, search: Mapping[str, Any]) -> dict[str, Any]:
    """Mean validation loss of each candidate over the tuning seeds; the lowest is chosen.

    A run that diverged, or ended worse than an untrained predictor, scores as one: ln C.
    """
    started = time.perf_counter()
    untrained = math.log(len(job.dataset.class_names))
    scores = []
    for candidate in search["candidates"]:
        trained, data = _train(job, _with(settings, candidate), search["seeds"])
        loss = evaluate(trained.model, data.bank, data.validation).loss
        loss[torch.tensor(trained.diverged)] = untrained
        scores.append(loss.clamp(max=untrained).mean().item())
    job.timer.search += time.perf_counter() - started
    return {**search, "scores": scores, "chosen": scores.index(min(scores))}


def _train(job: Job, settings: Settings, seeds: Sequence[int]) -> tuple[Trained, TrainingData]:
    started = time.perf_counter()
    data = training_data(job.dataset, settings, folder=job.folder, seeds=seeds, device=job.device)
    model = build_replicates(
        settings,
        input_shape=job.dataset.input_shape,
        classes=len(job.dataset.class_names),
        seeds=seeds,
        device=job.device,
    )
    job.timer.load += time.perf_counter() - started
    trained = train(data, model, settings, seeds=seeds)
    job.timer.train += trained.train_seconds
    job.timer.evaluate += trained.evaluate_seconds
    job.timer.samples += trained.samples
    return trained, data


def _judged_runs(job: Job, settings: Settings, seeds: Sequence[int]) -> dict[str, Any]:
    """Train the seeds that are judged and read the test set, once."""
    trained, data = _train(job, settings, seeds)
    started = time.perf_counter()
    scores = {
        "train": evaluate(trained.model, data.bank, data.train[:, :TRAIN_SCORE_LIMIT]),
        "validation": evaluate(trained.model, data.bank, data.validation),
    }
    normaliser = data.bank.normaliser
    del data
    test = held_out(job.dataset, normaliser, folder=job.folder, seeds=seeds, device=job.device)
    scores["test"] = evaluate(trained.model, test.bank, test.test)
    job.timer.evaluate += time.perf_counter() - started
    return {
        "runs": {str(seed): _run(trained, scores, settings, row) for row, seed in enumerate(seeds)},
        "curves": _curves(trained.curves),
        "classes": len(job.dataset.class_names),
        "test_samples": test.test.shape[1],
        "parameters": trained.model.parameters_each(),
        "stacked": trained.model.stacked,
        "steps": trained.steps,
        "settings_used": settings.model_dump(mode="json"),
    }


def _run(
    trained: Trained, scores: Mapping[str, Scores], settings: Settings, row: int
) -> dict[str, Any]:
    """One replicate: how it ended and what it scored (None where a value is not finite)."""
    metrics: dict[str, float | None] = {}
    for part, score in scores.items():
        metrics[f"{part}_loss"] = _finite(score.loss[row].item())
        metrics[f"{part}_accuracy"] = _finite(score.accuracy[row].item())
    metrics["parameters"] = float(trained.model.parameters_each())
    status = "diverged" if trained.diverged[row] else "ok"
    if settings.target is not None:
        first = _epochs_to_target(trained.curves, settings, row)
        metrics["epochs_to_target"] = trained.cap_epochs if first is None else first
        status = "ok" if first is not None else "diverged" if trained.diverged[row] else "capped"
    return {"status": status, "metrics": metrics}


def _epochs_to_target(curves: Curves, settings: Settings, row: int) -> float | None:
    """The first evaluation point at the target; None for a run that never got there."""
    assert settings.target is not None
    higher = settings.target.metric == "validation_accuracy"
    series = curves.validation_accuracy if higher else curves.validation_loss
    for epoch, values in zip(curves.epochs, series, strict=True):
        if values[row] >= settings.target.value if higher else values[row] <= settings.target.value:
            return epoch
    return None


def _curves(curves: Curves) -> dict[str, Any]:
    """Curves as plain lists (point x replicate), rounded to what a plot can show."""

    def rounded(rows: list[list[float]]) -> list[list[float | None]]:
        return [[_finite(float(f"{value:.5g}")) for value in row] for row in rows]

    return {
        "epochs": [round(epoch, 4) for epoch in curves.epochs],
        "train_loss": rounded(curves.train_loss),
        "validation_loss": rounded(curves.validation_loss),
        "validation_accuracy": rounded(curves.validation_accuracy),
    }


def _costs(job: Job) -> dict[str, Any]:
    timer = job.timer
    return {
        "seconds": {"load": timer.load, "train": timer.train, "evaluate": timer.evaluate},
        "search_seconds": timer.search,
        "samples_per_second": timer.samples / timer.train if timer.train > 0 else None,
        "device_peak_memory_mb": peak_memory_mb(job.device),
    }


def _settings(data: Mapping[str, Any]) -> Settings:
    return Settings.model_validate_json(json.dumps(data))


def _with(settings: Settings, candidate: Mapping[str, Any]) -> Settings:
    return _settings({**settings.model_dump(mode="json"), **candidate})


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
