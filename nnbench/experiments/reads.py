"""Which metrics and entries a cell provides, so that a claim cannot ask for others."""

from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError, unknown_name
from nnbench.experiments.base import experiment_of
from nnbench.metrics import METRICS
from nnbench.schema import parse
from nnbench.settings import IMPORTANCES, Settings


def check_reads(
    settings: Settings, metric: str, dataset: Dataset, *, at: str | None, where: str
) -> None:
    """NnbenchError unless a level's cell measures what its claim compares, where the level reads it."""
    experiment = experiment_of(settings.experiment)
    options = parse(
        experiment.options, settings.experiment_options, where=f"{where}: experiment_options"
    )
    metrics = experiment.metrics or training_metrics(settings, dataset)
    own = experiment.entries(options)
    known = own if experiment.metrics else training_entries(settings, dataset)
    if metric in METRICS and METRICS[metric].source == "target" and settings.target is None:
        raise NnbenchError(
            f"{where}: metric {metric} needs a target", todo="add `target: {value: …}`"
        )
    if metric not in metrics:
        raise unknown_name(f"{where}: metric (as the cell measures it)", metric, metrics)
    if at is None and own:
        raise NnbenchError(
            f"{where}: {experiment.title} has several entries", todo=f"say which: at: {own[0]}"
        )
    if at is None and metric in METRICS and METRICS[metric].source == "streams":
        streams = tuple(settings.streams)
        raise NnbenchError(
            f"{where}: metric {metric} is that of one stream", todo=f"say which: at: {streams[0]}"
        )
    if at is not None and at not in known:
        raise unknown_name(f"{where}: at", at, known)
    if at is not None and not experiment.metrics:
        # a shifted test has a loss and an accuracy, a stream when it was noticed, too, a class only an accuracy
        changed = at in settings.shifts or at in settings.streams
        there = ("images_to_alarm",) * (at in settings.streams)
        there += ("test_loss",) * changed + ("test_accuracy",)
        there = ("importance",) if at in IMPORTANCES else there
        if metric not in there:
            raise unknown_name(f"{where}: metric (as it is measured at {at!r})", metric, there)


def training_metrics(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """What a training run measures with these settings on this dataset."""
    sources = {"training", "numbers" if dataset.task == "regression" else "classes"}
    sources.update(settings.probes)
    named = ("target", "rbm", "second_task", "streams")
    sources.update(name for name in named if getattr(settings, name))
    return tuple(name for name, metric in METRICS.items() if metric.source in sources)


def training_entries(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """What ``at`` can name in a training: its shifted tests, its streams, its classes and further importances."""
    names = dataset.class_names
    kept = [names[label] for label in settings.classes] if settings.classes else names
    importances = IMPORTANCES if "importance" in settings.probes else ()
    return (*settings.shifts, *settings.streams, *importances, *(f"class {name}" for name in kept))
