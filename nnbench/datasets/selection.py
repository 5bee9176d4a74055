"""Which classes and how many samples of a dataset are used; needs only numpy, for planning."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Labels, Rows, Targets, take
from nnbench.sections import Missing
from nnbench.settings import Settings


def classes_in_use(dataset: Dataset, settings: Settings) -> tuple[int, ...]:
    """The dataset's labels of the classes in use; their indices in the tuple are the new labels."""
    return settings.classes or tuple(range(len(dataset.class_names)))


def outputs_in_use(dataset: Dataset, settings: Settings) -> int:
    """Network outputs needed: one per class in use, or one for regression."""
    return len(settings.classes) or dataset.outputs


def changes_inputs(settings: Settings) -> bool:
    """Whether each replicate has inputs of its own, with decoys or without what is missing."""
    return bool(settings.decoys or settings.missing)


def inputs_in_use(dataset: Dataset, settings: Settings) -> tuple[int, ...]:
    """The shape of a network's input: a table's inputs with their decoys, and as many indicators if asked for."""
    if not changes_inputs(settings):
        return dataset.input_shape
    (count,) = dataset.input_shape
    indicators = settings.missing is not None and settings.missing.handled == "indicator"
    return (count * (1 + settings.decoys) * (1 + indicators),)


def lacking(samples: int, missing: Missing) -> int:
    """How many of so many samples lack values; one at least is whole."""
    return min(round(missing.share * samples), samples - 1)


def whole(samples: int, settings: Settings) -> int:
    """How many of so many samples take part, where those that lack values are dropped."""
    missing = settings.missing
    if missing is None or missing.handled != "drop":
        return samples
    return samples - lacking(samples, missing)


def in_proportion(size: int, dataset: Dataset, settings: Settings) -> int:
    """A default size, scaled by the share of the dataset's classes in use; at least 1."""
    if not settings.classes:
        return size
    return max(1, round(size * len(settings.classes) / len(dataset.class_names)))


def train_size(dataset: Dataset, settings: Settings, *, room: int | None = None) -> int:
    """Training samples per replicate, before a class is made rare.

    An explicit ``train_size`` is used unchanged. For a selection of classes, the default is in proportion and
    limited to ``room``, the samples available, since classes of fixed data may differ in size.
    """
    if settings.train_size is not None:
        return settings.train_size
    size = in_proportion(dataset.train_size, dataset, settings)
    return size if room is None or not settings.classes else min(size, room)


def unlabelled_size(dataset: Dataset, settings: Settings) -> int:
    """Training samples of which only the inputs are used, about: those that ``train_size`` leaves over."""
    if not settings.pseudo_labels:
        return 0
    return in_proportion(dataset.train_size, dataset, settings) - train_size(dataset, settings)


def pseudo_labelled_size(dataset: Dataset, settings: Settings) -> int:
    """How many of the unlabelled samples join the training, about."""
    return round(settings.pseudo_labels * unlabelled_size(dataset, settings))


def samples_by_class(size: int, dataset: Dataset, settings: Settings) -> tuple[int, ...] | None:
    """Training samples of each class in use: ``size // classes``, except for the rare one (at least one, but none at a share of 0).

    None without a rare class: classes then keep their frequencies in the data.
    """
    if settings.rare_class is None:
        return None
    classes = outputs_in_use(dataset, settings)
    counts = [size // classes] * classes
    rare = settings.rare_class
    kept = round(rare.share * counts[rare.label])
    counts[rare.label] = max(1, kept) if rare.share else 0
    return tuple(counts)


def of_classes(arrays: Arrays, classes: Sequence[int]) -> Arrays:
    """The samples of these classes, in their order, relabelled 0, 1, …; () keeps everything unchanged."""
    if not classes:
        return arrays
    new = np.full(max(*classes, int(arrays.labels.max())) + 1, -1, np.int64)
    new[list(classes)] = np.arange(len(classes))
    labels = new[arrays.labels]
    return take(replace(arrays, labels=labels), np.flatnonzero(labels >= 0))


def first_of_each(labels: Labels | Targets, counts: Sequence[int]) -> Rows | None:
    """Ascending indices of the first ``counts[c]`` samples of each class c; None if a class has too few."""
    rows = [np.flatnonzero(labels == label)[:count] for label, count in enumerate(counts)]
    if any(len(found) < count for found, count in zip(rows, counts, strict=True)):
        return None
    return np.sort(np.concatenate(rows))
