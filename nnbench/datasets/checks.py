"""Check settings against a dataset: what planning can reject without reading a sample."""

from collections.abc import Sequence

from nnbench.datasets.base import Dataset
from nnbench.datasets.kinds import input_kind
from nnbench.datasets.own.common import OwnDataset
from nnbench.datasets.selection import classes_in_use, in_proportion, train_size, unlabelled_size
from nnbench.errors import NnbenchError
from nnbench.sections import Augment
from nnbench.settings import Settings

LOSSES_OF_CLASSES = frozenset(
    {"cross_entropy", "hinge", "smoothed", "log_of_softmax", "log_of_clipped"}
)
LOSSES_OF_NUMBERS = frozenset({"mae", "huber"})
OF_CLASSES = (
    "classes", "label_noise", "label_noise_to", "label_noise_of", "shuffled_labels", "rare_class",
    "validation_without", "balance", "pretrain", "pseudo_labels", "second_task", "streams",
)  # fmt: skip
_DEFAULTS = Settings()


def check_settings(dataset: Dataset, settings: Settings, *, where: str) -> None:
    """Raise NnbenchError, with the alternatives, for settings that the dataset cannot satisfy.

    Reads no sample; ``where`` locates the settings in the config, for the message.
    """
    check_label_settings(dataset, settings, where=where)
    _check_images(dataset, settings, where=where)
    _check_tables(dataset, settings, where=where)
    _check_train_size(dataset, settings, where=where)
    _check_split(dataset, settings, where=where)
    _check_validation_size(dataset, settings, where=where)
    refused = LOSSES_OF_CLASSES if dataset.task == "regression" else LOSSES_OF_NUMBERS
    if settings.loss in refused:
        raise _needs_other_task(where, f"loss {settings.loss}", dataset)
    _check_pretraining(dataset, settings, where=where)
    _check_pseudo_labels(dataset, settings, where=where)
    _check_drift(dataset, settings, where=where)
    _check_streams(dataset, settings, where=where)
    target = settings.target
    if dataset.task == "regression" and target and target.metric == "validation_accuracy":
        what = f"{where}: target.metric validation_accuracy needs a dataset with classes"
        got, todo = f"{dataset.name} ({dataset.task})", "set metric: validation_loss"
        raise NnbenchError(what, got=got, todo=todo)


def check_label_settings(dataset: Dataset, settings: Settings, *, where: str) -> None:
    """Raise NnbenchError for classes that the dataset lacks, and label changes unsuited to its task."""
    if dataset.task == "regression":
        for name in OF_CLASSES:
            if getattr(settings, name) != getattr(_DEFAULTS, name):
                raise _needs_other_task(where, name, dataset)
        return
    for name in ("outliers", "target_factor"):
        if getattr(settings, name) != getattr(_DEFAULTS, name):
            raise _needs_other_task(where, name, dataset)
    _check_classes(dataset, settings.classes, where=f"{where}: classes")
    for name in ("label_noise_of", "validation_without"):
        _check_one_class(dataset, settings, getattr(settings, name), where=f"{where}: {name}")
    _check_rare_class(dataset, settings, where=where)


def _check_one_class(
    dataset: Dataset, settings: Settings, label: int | None, *, where: str
) -> None:
    """Raise NnbenchError for a label, counted within the classes in use, that none of them has."""
    count = len(classes_in_use(dataset, settings))
    if label is not None and label >= count:
        allowed = f"0 to {count - 1} (the position in `classes`, if these are given)"
        what = f"{where} is none of the classes in use"
        raise NnbenchError(what, got=label, allowed=allowed, todo="name one of these")
    if label is not None and not settings.classes:
        check_label(dataset, label, where=where)


def _check_classes(dataset: Dataset, classes: Sequence[int], *, where: str) -> None:
    count = len(dataset.class_names)
    if unknown := [label for label in classes if label >= count]:
        what, got = (
            f"{where}: dataset {dataset.name} has no such class",
            ", ".join(map(str, unknown)),
        )
        todo = "name classes by their labels, counted from 0"
        raise NnbenchError(what, got=got, allowed=f"0 to {count - 1}", todo=todo)
    for label in classes:
        check_label(dataset, label, where=where)


def check_label(dataset: Dataset, label: int, *, where: str) -> None:
    """Raise NnbenchError for a label that is also the name of another class: either may be meant."""
    names, name = dataset.class_names, str(label)
    if name not in names or names[label] == name:
        return
    raise NnbenchError(
        f"{where}: {label} may be the class with this label or the one with this name",
        got=f"label {label} is the class {names[label]!r}; {name!r} has the label {names.index(name)}",
        allowed="labels, counted from 0, that are no name of another class",
        todo=f"write at: class {names[label]}, or at: class {name}; for other keys, give the classes names "
        f"in words in the data file (of a table by rename: {{{name!r}: class {name}, …}})",
    )


def with_all_rows(dataset: Dataset, settings: Settings, *, where: str) -> Settings:
    """Settings that take all rows of the classes in use, where own data say how many each class has.

    Raises NnbenchError if the validation samples leave too few.
    """
    if not isinstance(dataset, OwnDataset) or not settings.classes or settings.rare_class:
        return settings
    rows = sum(dataset.pool_counts[label] for label in settings.classes)
    kept = in_proportion(dataset.validation_size, dataset, settings)
    least = settings.train_size or len(settings.classes)
    if rows - kept < least:
        most = (rows - least) * len(dataset.class_names) // len(settings.classes)
        raise NnbenchError(
            f"{where}: too few samples of classes {', '.join(map(str, settings.classes))}",
            got=f"{rows} outside the test set, of which {kept} are kept for validation",
            allowed=f"at least {least} for training",
            todo=f"set validation_size in the data file to {most} or less"
            if most > 0
            else "set a smaller train_size, or add samples",
        )
    return settings.model_copy(update={"train_size": settings.train_size or rows - kept})


def _check_rare_class(dataset: Dataset, settings: Settings, *, where: str) -> None:
    rare, count = settings.rare_class, len(classes_in_use(dataset, settings))
    if rare is None:
        return
    _check_one_class(dataset, settings, rare.label, where=f"{where}: rare_class")
    if (size := train_size(dataset, settings)) < count:
        what = f"{where}: rare_class needs a sample of each class"
        todo = "set a larger train_size, or fewer `classes`"
        raise NnbenchError(what, got=f"train_size {size}", allowed=f"{count} or more", todo=todo)


def _check_images(dataset: Dataset, settings: Settings, *, where: str) -> None:
    if len(dataset.input_shape) == 3:
        return
    got = f"{dataset.name} with inputs of shape {dataset.input_shape}"
    todo = "remove the setting, or choose a dataset of images"
    if settings.augment != Augment():
        raise NnbenchError(f"{where}: augmentation needs images", got=got, todo=todo)
    if settings.shifts:
        raise NnbenchError(f"{where}: shifts need images", got=got, todo=todo)
    if settings.drift:
        raise NnbenchError(f"{where}: a drift needs images", got=got, todo=todo)
    if settings.streams:
        raise NnbenchError(f"{where}: streams need images", got=got, todo=todo)


def _check_tables(dataset: Dataset, settings: Settings, *, where: str) -> None:
    probes = "importance" in settings.probes
    asked = {"decoys": settings.decoys, "missing": settings.missing, "probe importance": probes}
    for name in (name for name, wanted in asked.items() if wanted):
        if input_kind(dataset) != "table":
            got = f"{dataset.name} with inputs of shape {dataset.input_shape}"
            todo = "remove it, or choose a table"
            raise NnbenchError(f"{where}: {name} needs a table", got=got, todo=todo)
    if probes and not settings.decoys and not dataset.irrelevant:
        raise NnbenchError(
            f"{where}: probe importance needs inputs that tell nothing, to rank the others above",
            got=f"{dataset.name}, of whose inputs none is known to",
            todo="add some, as in decoys: 1",
        )


def _check_train_size(dataset: Dataset, settings: Settings, *, where: str) -> None:
    """Compare with the whole pool; sizes of single classes are only known once the data are read."""
    if dataset.load is None or settings.train_size is None:
        return
    kept = in_proportion(dataset.validation_size, dataset, settings)
    room = dataset.train_size + dataset.validation_size - kept
    if settings.train_size > room:
        what = f"{where}: train_size does not fit dataset {dataset.name}"
        allowed = f"1 to {room} ({kept} more are kept for validation)"
        todo = "set a smaller train_size, or leave it out"
        raise NnbenchError(what, got=settings.train_size, allowed=allowed, todo=todo)


def _check_split(dataset: Dataset, settings: Settings, *, where: str) -> None:
    if settings.split == "fixed" or dataset.one_set:
        return
    drawn = f"{dataset.name}, of which every seed draws its own samples anyway"
    raise NnbenchError(
        f"{where}: split: each seed needs data whose test set is a random part of one set",
        got=drawn if dataset.load is None else f"{dataset.name}, with a test set of its own",
        todo="remove the setting, or choose another dataset",
    )


def _check_validation_size(dataset: Dataset, settings: Settings, *, where: str) -> None:
    kept = in_proportion(dataset.validation_size, dataset, settings)
    if settings.validation_size is not None and settings.validation_size > kept:
        what = f"{where}: validation_size does not fit dataset {dataset.name}"
        todo = "set a smaller validation_size, or leave it out for all of them"
        raise NnbenchError(what, got=settings.validation_size, allowed=f"1 to {kept}", todo=todo)


def _check_pretraining(dataset: Dataset, settings: Settings, *, where: str) -> None:
    pretrain, used = settings.pretrain, classes_in_use(dataset, settings)
    if settings.rbm is not None and settings.inputs != "minmax":
        what = f"{where}: rbm needs inputs in [0, 1], the probabilities of its visible units"
        raise NnbenchError(what, got=f"inputs: {settings.inputs}", todo="set inputs: minmax")
    if pretrain is None:
        return
    if settings.rbm is not None:
        todo = "remove one: the inputs of other classes need not lie in [0, 1]"
        raise NnbenchError(f"{where}: rbm and pretrain do not go together", got="both", todo=todo)
    _check_classes(dataset, pretrain.classes, where=f"{where}: pretrain.classes")
    if both := sorted(set(pretrain.classes) & set(used)):
        todo = "name the classes of the judged training in `classes`"
        raise NnbenchError(
            f"{where}: pretrain.classes are classes of the judged training too",
            got=", ".join(map(str, both)),
            allowed="other classes than `classes`",
            todo="leave these out of one of the two" if settings.classes else todo,
        )
    sizes = {"classes": pretrain.classes, "train_size": pretrain.train_size}
    pretraining = settings.model_copy(update=sizes)
    _check_train_size(dataset, pretraining, where=f"{where}: pretrain")


def _check_pseudo_labels(dataset: Dataset, settings: Settings, *, where: str) -> None:
    others = unlabelled_size(dataset, settings)
    if settings.pseudo_labels and others < 1:
        raise NnbenchError(
            f"{where}: pseudo_labels needs training samples without labels",
            got=f"train_size: {settings.train_size}, which is all of {dataset.name}'s",
            todo="set a smaller train_size: the others are those without labels",
        )


def _check_drift(dataset: Dataset, settings: Settings, *, where: str) -> None:
    drift, size = settings.drift, train_size(dataset, settings)
    if drift is None or drift.train_size + (not drift.anew) <= size:
        return
    what = f"{where}: drift.train_size takes more training samples than there are"
    allowed = f"1 to {size - (not drift.anew)}, of {size} training samples"
    todo = "set a smaller drift.train_size, or a larger train_size"
    raise NnbenchError(what, got=drift.train_size, allowed=allowed, todo=todo)


def _check_streams(dataset: Dataset, settings: Settings, *, where: str) -> None:
    count = in_proportion(dataset.test_size, dataset, settings)
    for name, stream in settings.streams.items():
        if stream.window > count:
            what = f"{where}: streams.{name}: a window takes more images than the test set has"
            todo = "set a smaller window, or choose a dataset with more test samples"
            raise NnbenchError(what, got=stream.window, allowed=f"1 to {count}", todo=todo)


def _needs_other_task(where: str, what: str, dataset: Dataset) -> NnbenchError:
    regression = dataset.task == "regression"
    needed = "a dataset with classes" if regression else "a regression dataset"
    got, todo = f"{dataset.name} ({dataset.task})", "choose another dataset, or remove the setting"
    return NnbenchError(f"{where}: {what} needs {needed}", got=got, todo=todo)
