"""Batches of one sample, which batch normalisation cannot take (no torch)."""

from collections.abc import Mapping

from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError
from nnbench.models.facts import Shape
from nnbench.plan.effects import samples
from nnbench.settings import Settings

ONE_VALUE: Mapping[str, int] = {"resnet50": 32, "mobilenet_v2": 32, "inception_v3": 106}
"""The largest side of images of which the network's last feature maps are single values."""


def batch_sizes(settings: Settings, dataset: Dataset) -> tuple[int, ...]:
    """The sizes of the batches that a cell's trainings take: the usual one, and the last of an epoch."""
    size, drift = samples(settings, dataset), settings.drift
    if drift is None:
        return _sizes(settings, size)
    after = settings.model_copy(update={"train_for": drift.train_for})
    before = () if drift.anew else _sizes(settings, size - drift.train_size)
    return (*before, *_sizes(after, drift.train_size))


def _sizes(settings: Settings, size: int) -> tuple[int, ...]:
    usual = settings.batch_size
    last = size % usual
    reached = settings.total_steps(size) >= settings.steps_per_epoch(size)
    return (min(usual, size), *((last,) if last and size > usual and reached else ()))


def check_batches(settings: Settings, dataset: Dataset, *, where: str) -> None:
    """NnbenchError if a registered model would normalise a batch of one sample: it has no variance.

    PyTorch's own layers raise an error there, in an own model too.
    """
    if settings.experiment != "training" or 1 not in batch_sizes(settings, dataset):
        return
    if _takes_variance_of_samples(settings, dataset.input_shape):
        size, model = samples(settings, dataset), settings.model
        raise NnbenchError(
            f"{where}: model {model!r} normalises over a batch, and one sample has no variance",
            got=f"{size} training samples{_of_them(settings)} in batches of {settings.batch_size}: the last has one",
            todo="choose another batch_size or train_size",
        )


def _of_them(settings: Settings) -> str:
    return f", {settings.drift.train_size} of them after the drift," if settings.drift else ""


def _takes_variance_of_samples(settings: Settings, shape: Shape) -> bool:
    model, options = settings.model, settings.model_options
    if model == "mlp":
        return options.get("norm") == "batch" and bool(settings.hidden)
    return model in ONE_VALUE and int(options.get("resize") or max(shape[1:])) <= ONE_VALUE[model]
