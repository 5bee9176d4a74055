"""Whether settings can be met by a dataset at all: what planning can refuse without its samples."""

from __future__ import annotations

from collections.abc import Sequence

from nnbench.datasets.base import Dataset
from nnbench.datasets.selection import classes_in_use, in_proportion, train_size
from nnbench.errors import NnbenchError
from nnbench.settings import Augment, Settings

LOSSES_OF_CLASSES = frozenset({"cross_entropy", "hinge", "smoothed"})
LOSSES_OF_NUMBERS = frozenset({"mae", "huber"})


def check_settings_fit(dataset: Dataset, settings: Settings, *, where: str) -> None:
    """Refuse settings that the dataset cannot meet.

    Args:
        dataset: Its description; no sample is read.
        settings: Of one cell.
        where: The place of the settings in the config, for the message.

    Raises:
        NnbenchError: With what does not fit, and what would.
    """
    check_labels_fit(dataset, settings, where=where)
    _check_images(dataset, settings, where=where)
    _check_train_size(dataset, settings, where=where)
    _check_loss(dataset, settings, where=where)
    _check_pretraining(dataset, settings, where=where)
    _check_target(dataset, settings, where=where)


def check_labels_fit(dataset: Dataset, settings: Settings, *, where: str) -> None:
    """Refuse classes that there are not, and changes of labels of the other kind.

    Raises:
        NnbenchError: With what does not fit, and what would.
    """
    if dataset.task == "regression":
        _refuse_class_settings(dataset, settings, where=where)
        return
    if settings.outliers:
        raise _needs(where, "outliers", "a regression dataset", dataset)
    _check_classes(dataset, settings.classes, where=f"{where}: classes")
    _check_rare_class(dataset, settings, where=where)


def _refuse_class_settings(dataset: Dataset, settings: Settings, *, where: str) -> None:
    asked = {
        "classes": settings.classes,
        "label_noise": settings.label_noise,
        "shuffled_labels": settings.shuffled_labels,
        "rare_class": settings.rare_class,
        "pretrain": settings.pretrain,
    }
    for name, value in asked.items():
        if value:
            raise _needs(where, name, "a dataset with classes", dataset)


def _check_classes(dataset: Dataset, classes: Sequence[int], *, where: str) -> None:
    count = len(dataset.class_names)
    if unknown := [label for label in classes if label >= count]:
        raise NnbenchError(
            f"{where}: dataset {dataset.name} has no such class",
            got=", ".join(map(str, unknown)),
            allowed=f"0 to {count - 1}",
        )


def _check_rare_class(dataset: Dataset, settings: Settings, *, where: str) -> None:
    rare, count = settings.rare_class, len(classes_in_use(dataset, settings))
    if rare is None:
        return
    if rare.label >= count:
        raise NnbenchError(
            f"{where}: rare_class is none of the classes in use",
            got=rare.label,
            allowed=f"0 to {count - 1} (the place in `classes`, if these are given)",
        )
    size = train_size(dataset, settings)
    if size < count:
        raise NnbenchError(
            f"{where}: rare_class needs a sample of each class",
            got=f"train_size {size}",
            allowed=f"{count} or more",
        )


def _check_images(dataset: Dataset, settings: Settings, *, where: str) -> None:
    if len(dataset.input_shape) == 3:
        return
    got = f"{dataset.name} with inputs of shape {dataset.input_shape}"
    if settings.augment != Augment():
        raise NnbenchError(f"{where}: augmentation needs images", got=got)
    if settings.shifts:
        raise NnbenchError(f"{where}: shifts need images", got=got)


def _check_train_size(dataset: Dataset, settings: Settings, *, where: str) -> None:
    """Against all that is there: how many the classes in use have is known when they are read."""
    if dataset.load is None or settings.train_size is None:
        return
    kept = in_proportion(dataset.validation_size, dataset, settings)
    room = dataset.train_size + dataset.validation_size - kept
    if settings.train_size > room:
        raise NnbenchError(
            f"{where}: train_size does not fit dataset {dataset.name}",
            got=settings.train_size,
            allowed=f"1 to {room} ({kept} more are kept for validation)",
        )


def _check_loss(dataset: Dataset, settings: Settings, *, where: str) -> None:
    if settings.loss in LOSSES_OF_CLASSES and dataset.task == "regression":
        raise _needs(where, f"loss {settings.loss}", "a dataset with classes", dataset)
    if settings.loss in LOSSES_OF_NUMBERS and dataset.task == "classification":
        raise _needs(where, f"loss {settings.loss}", "a regression dataset", dataset)


def _check_pretraining(dataset: Dataset, settings: Settings, *, where: str) -> None:
    if settings.rbm is not None and settings.inputs != "minmax":
        raise NnbenchError(
            f"{where}: rbm needs inputs in [0, 1], the probabilities of its visible units",
            got=f"inputs: {settings.inputs}",
            allowed="inputs: minmax",
        )
    if settings.pretrain is None:
        return
    if settings.rbm is not None:
        raise NnbenchError(
            f"{where}: rbm and pretrain do not go together",
            got="both",
            todo="remove one: the inputs of other classes need not lie in [0, 1]",
        )
    pretrain, used = settings.pretrain, classes_in_use(dataset, settings)
    _check_classes(dataset, pretrain.classes, where=f"{where}: pretrain.classes")
    if both := sorted(set(pretrain.classes) & set(used)):
        raise NnbenchError(
            f"{where}: pretrain.classes are classes of the judged training too",
            got=", ".join(map(str, both)),
            allowed="other classes than `classes`",
            todo=None
            if settings.classes
            else "name the classes of the judged training in `classes`",
        )
    layers = settings.model_copy(
        update={"classes": pretrain.classes, "train_size": pretrain.train_size}
    )
    _check_train_size(dataset, layers, where=f"{where}: pretrain")


def _check_target(dataset: Dataset, settings: Settings, *, where: str) -> None:
    target = settings.target
    if dataset.task == "regression" and target and target.metric == "validation_accuracy":
        raise NnbenchError(
            f"{where}: target.metric validation_accuracy needs a dataset with classes",
            got=f"{dataset.name} ({dataset.task})",
            allowed="metric: validation_loss",
        )


def _needs(where: str, what: str, needed: str, dataset: Dataset) -> NnbenchError:
    return NnbenchError(
        f"{where}: {what} needs {needed}",
        got=f"{dataset.name} ({dataset.task})",
        todo="choose another dataset, or remove the setting",
    )
