"""Which samples each replicate trains and validates on, drawn with its own seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nnbench.datasets.apart import apart, most_left_out
from nnbench.datasets.base import Arrays, Dataset, Rows, Stream, check_samples, joined, take
from nnbench.datasets.prepared.store import load_test, load_trainval
from nnbench.datasets.selection import (
    classes_in_use,
    first_of_each,
    in_proportion,
    of_classes,
    samples_by_class,
    train_size,
)
from nnbench.engine.own_draws import seeded
from nnbench.engine.seeding import derived_seed, generators, shuffled
from nnbench.errors import NnbenchError
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Samples with the rows of training (S, n) and validation (S, m), on the CPU."""

    arrays: Arrays
    train: Tensor
    validation: Tensor
    blocks: bool  # whether they lie in blocks of equal length, one per replicate, as fresh ones do

    def in_blocks(self) -> "Drawn":
        """The same samples in blocks: copies of those that several replicates have."""
        size = self.train.shape[1]
        arrays, rows = in_blocks(self.arrays, torch.cat([self.train, self.validation], dim=1))
        return Drawn(arrays=arrays, train=rows[:, :size], validation=rows[:, size:], blocks=True)


def in_blocks(arrays: Arrays, rows: Tensor) -> tuple[Arrays, Tensor]:
    """Copies of the samples at rows (S, k), one replicate's after another's, and their rows (S, k)."""
    return take(arrays, rows.flatten().numpy()), torch.arange(rows.numel()).view(rows.shape)


def split_pool(
    dataset: Dataset, settings: Settings, *, folder: Path, seeds: Sequence[int]
) -> Drawn:
    """Each replicate's own split of the pool."""
    if settings.split == "each seed":
        arrays, pool, _ = redrawn_split(settings, folder=folder, seeds=seeds)
    else:
        arrays = of_classes(load_trainval(folder), settings.classes)
        pool = torch.arange(len(arrays)).expand(len(seeds), -1)
    rows = shuffled(pool, generators(seeds, "split"))
    # validation comes first in each order, so that it does not depend on train_size
    kept = in_proportion(dataset.validation_size, dataset, settings)
    validation, rest = _divided(rows, arrays.groups, kept)
    room = rest.shape[1]
    size = train_size(dataset, settings, room=room)
    if arrays.groups is not None:
        size = min(size, max(room, 1))
    if size > room or room < 1:
        where = f"dataset {dataset.name}: too few samples for train_size"
        raise NnbenchError(where, got=size, allowed=f"1 to {room}", todo="set a smaller train_size")
    counts = samples_by_class(size, dataset, settings)
    if counts is None:
        train = rest[:, :size]
    else:
        _check_classes(dataset, settings, size=size, labels=arrays.labels[rest.numpy()])
        columns = [first_of_each(arrays.labels[row], counts) for row in rest.numpy()]
        train = rest.gather(1, torch.from_numpy(np.array(columns)))
    return Drawn(arrays=arrays, train=train, validation=validation, blocks=False)


def redrawn_split(
    settings: Settings, *, folder: Path, seeds: Sequence[int]
) -> tuple[Arrays, Tensor, Tensor]:
    """All samples of the classes in use, with each replicate's own rows (S, n) of the pool and (S, k) of the test set."""
    pool, test = (of_classes(load(folder), settings.classes) for load in (load_trainval, load_test))
    arrays = joined(pool, test)
    order = torch.arange(len(arrays)).expand(len(seeds), -1)
    rows = shuffled(order, generators(seeds, "test split"))
    held_out, rest = _divided(rows, arrays.groups, len(test))
    return arrays, rest, held_out


def _divided(rows: Tensor, groups: Rows | None, kept: int) -> tuple[Tensor, Tensor]:
    """The rows (S, kept) that are held out, and those (S, k) that remain; without groups all others."""
    if groups is None:
        return rows[:, :kept], rows[:, kept:]
    room = max(rows.shape[1] - kept - most_left_out(groups, kept), 0)
    parts = [apart(order, groups, kept) for order in rows.numpy()]
    validation, rest = zip(*parts, strict=True)
    together = np.stack(validation), np.stack([own[:room] for own in rest])
    return torch.from_numpy(together[0]), torch.from_numpy(together[1])


def _check_classes(
    dataset: Dataset, settings: Settings, *, size: int, labels: npt.NDArray[np.generic]
) -> None:
    """Check that each class has its share of ``size`` among every replicate's labels (S, k)."""
    used = classes_in_use(dataset, settings)
    counts = np.array([np.bincount(row, minlength=len(used)) for row in labels]).min(axis=0)
    fewest = int(counts.argmin())
    most = int(counts[fewest]) * len(used)
    if counts[fewest] < size // len(used):
        name = dataset.class_names[used[fewest]]
        raise NnbenchError(
            f"dataset {dataset.name}: class {name!r} has too few samples for rare_class",
            got=f"{counts[fewest]} beside the validation samples of some replicate",
            allowed=f"{size // len(used)} or more (train_size {size} over {len(used)} classes)",
            todo=f"set train_size to {most} or less"
            if most
            else "leave that class out by `classes`",
        )


def draw_fresh(
    dataset: Dataset, settings: Settings, *, folder: Path, seeds: Sequence[int]
) -> Drawn:
    """Fresh samples for each seed, written straight into one array: [train, validation] per replicate."""
    del folder  # no files are read
    size = train_size(dataset, settings)
    counts = samples_by_class(size, dataset, settings)
    size = size if counts is None else sum(counts)
    kept = in_proportion(dataset.validation_size, dataset, settings)
    each = size + kept
    one = _draw(dataset, 1, seed=seeds[0], stream="train")  # uint8 or float32
    inputs = np.empty((len(seeds), each, *dataset.input_shape), dtype=one.inputs.dtype)
    labels = np.empty((len(seeds), each), dtype=one.labels.dtype)
    for row, seed in enumerate(seeds):
        train = sample(dataset, settings, counts or size, seed=seed, stream="train")
        validation = sample(dataset, settings, kept, seed=seed, stream="validation")
        inputs[row, :size], labels[row, :size] = train.inputs, train.labels
        inputs[row, size:], labels[row, size:] = validation.inputs, validation.labels
    rows = torch.arange(labels.size).view(len(seeds), each)
    arrays = Arrays(inputs=inputs.reshape(-1, *dataset.input_shape), labels=labels.ravel())
    return Drawn(arrays=arrays, train=rows[:, :size], validation=rows[:, size:], blocks=True)


def sample(
    dataset: Dataset,
    settings: Settings,
    wanted: int | tuple[int, ...],
    *,
    seed: int,
    stream: Stream,
) -> Arrays:
    """The first samples of a stream from the classes in use: ``wanted`` in all, or per class if a tuple.

    Every class occurs in every stream (checked when the dataset is prepared), so the loop ends.
    """
    total = wanted if isinstance(wanted, int) else sum(wanted)
    asked = total * len(dataset.class_names) // len(settings.classes) if settings.classes else total
    while True:
        arrays = of_classes(_draw(dataset, asked, seed=seed, stream=stream), settings.classes)
        if isinstance(wanted, tuple):
            rows = first_of_each(arrays.labels, wanted)
            if rows is not None:
                return Arrays(inputs=arrays.inputs[rows], labels=arrays.labels[rows])
        elif len(arrays) >= wanted:
            return Arrays(inputs=arrays.inputs[:wanted], labels=arrays.labels[:wanted])
        asked *= 2


def _draw(dataset: Dataset, count: int, *, seed: int, stream: Stream) -> Arrays:
    """Samples of a stream; a user's own data may draw them from the global generators."""
    assert dataset.draw is not None
    with seeded(derived_seed(seed, stream)):
        drawn = dataset.draw(count, seed=seed, stream=stream)
    check_samples(dataset, drawn, name=f"{stream} samples of seed {seed}")
    if len(drawn) != count:
        where = (
            f"dataset {dataset.name!r}, {stream} samples of seed {seed}: another number than asked"
        )
        raise NnbenchError(where, got=len(drawn), allowed=count, todo="correct its draw(n, …)")
    return drawn
