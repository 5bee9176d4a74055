"""Which metrics and entries a cell provides, so that a claim cannot ask for others."""

from __future__ import annotations

from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError, unknown_name
from nnbench.experiments.base import experiment_of
from nnbench.schema import parse
from nnbench.settings import Settings

_CLASSES = ("train_accuracy", "validation_accuracy", "test_accuracy", "stuck")
_NUMBERS = ("test_mae", "test_rmse")
_ALWAYS = ("train_loss", "validation_loss", "test_loss", "loss_gap", "parameters")
_PROBES = {
    "dead_units": ("dead_units",),
    "gradients": ("gradient_ratio_start", "gradient_ratio"),
    "gradient_noise": ("gradient_noise",),
}


def check_reads(
    settings: Settings, metric: str, dataset: Dataset, *, at: str | None, where: str
) -> None:
    """Check that a level's cell measures what its claim compares.

    Raises NnbenchError if the experiment's options are wrong, or it has no such metric or entry.
    """
    experiment = experiment_of(settings.experiment)
    options = parse(
        experiment.options, settings.experiment_options, where=f"{where}: experiment_options"
    )
    metrics = experiment.metrics or training_metrics(settings, dataset)
    entries = (
        experiment.entries(options) if experiment.metrics else training_places(settings, dataset)
    )
    if metric == "epochs_to_target" and settings.target is None:
        raise NnbenchError(
            f"{where}: metric epochs_to_target needs a target", todo="add `target: {value: …}`"
        )
    if metric not in metrics:
        raise unknown_name(f"{where}: metric (as the cell measures it)", metric, metrics)
    if at is not None and at not in entries:
        raise unknown_name(f"{where}: at", at, entries)
    if at is not None and not experiment.metrics and metric not in _metrics_at(at, settings):
        there = _metrics_at(at, settings)
        raise unknown_name(f"{where}: metric (as it is measured at {at!r})", metric, there)
    if at is None and experiment.entries(options):
        raise NnbenchError(
            f"{where}: {experiment.title} has several entries",
            todo=f"say which: at: {experiment.entries(options)[0]}",
        )


def _metrics_at(at: str, settings: Settings) -> tuple[str, ...]:
    """A shifted test has a loss and an accuracy, a class only an accuracy."""
    return ("test_loss", "test_accuracy") if at in settings.shifts else ("test_accuracy",)


def training_metrics(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """The metrics of a training run with these settings on this dataset."""
    by_task = _NUMBERS if dataset.task == "regression" else _CLASSES
    by_probe = (name for probe in settings.probes for name in _PROBES[probe])
    target = ("epochs_to_target",) if settings.target else ()
    rbm = ("reconstruction_error",) if settings.rbm else ()
    return (*_ALWAYS, *by_task, *target, *rbm, *by_probe)


def training_places(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """The entries of a training run: its shifted tests and its classes."""
    names = dataset.class_names
    kept = [names[label] for label in settings.classes] if settings.classes else names
    return (*settings.shifts, *(f"class {name}" for name in kept))
