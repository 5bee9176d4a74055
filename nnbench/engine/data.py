"""Samples on the device: what training may see and, separately, the test set.

All replicates index the same bank of fixed data; generated data are drawn separately for each replicate and
stored one block after another. Either way, fetching a batch is one ``index_select``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nnbench.datasets.base import Arrays, Dataset, Rows, Task
from nnbench.datasets.checks import check_label_settings
from nnbench.datasets.prepared.store import load_test
from nnbench.datasets.selection import (
    changes_inputs,
    in_proportion,
    of_classes,
    outputs_in_use,
    train_size,
)
from nnbench.engine.labels import TargetScale, contaminated, contaminates, in_unit
from nnbench.engine.normaliser import Normaliser, normaliser_of
from nnbench.engine.sampling import Drawn, draw_fresh, in_blocks, redrawn_split, sample, split_pool
from nnbench.engine.seeding import shuffled, states_of
from nnbench.engine.tables import of_test, of_training
from nnbench.errors import NnbenchError
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Samples in memory; labels are (S, N) if replicates see different labels of the same samples."""

    inputs: Tensor  # (N, *shape) float32
    labels: Tensor  # (N,) or (S, N); int64 classes, or float32 targets, see ``TargetScale``
    normaliser: Normaliser

    def at(self, index: Tensor) -> tuple["Bank", Tensor]:
        """A bank with the samples at ``index`` (S, B), and their rows of it."""
        return self, index

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The normalised samples at ``index`` (S, B): inputs (S, B, *shape), labels (S, B)."""
        raw, labels = self.gather_raw(index)
        return self.normalise(raw), labels

    def gather_raw(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The same without normalisation, for augmentation, which comes first."""
        inputs = self.inputs.index_select(0, index.flatten()).unflatten(0, index.shape)
        return inputs, self.labels_at(index)

    def labels_at(self, index: Tensor) -> Tensor:
        """Labels or targets (S, B) alone."""
        if self.labels.ndim == 2:
            return self.labels.gather(1, index)
        return self.labels.index_select(0, index.flatten()).view(index.shape)

    def normalise(self, inputs: Tensor) -> Tensor:
        """Normalise (S, B, *shape) in place with each replicate's own training statistics."""
        return inputs.sub_(self.normaliser.shift).mul_(self.normaliser.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """Everything that training can access."""

    bank: Bank
    train: Tensor  # rows (S, n) of the bank
    validation: Tensor  # rows (S, m) of the bank
    outputs: int  # of the network: one per class in use, or 1 for regression
    task: Task = "classification"
    targets: TargetScale | None = None  # regression: how targets were standardised
    fills: Tensor | None = None  # (S, features) what stands in for missing values
    unlabelled: Tensor | None = None  # rows (S, u) of the bank whose labels training must not see


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The test samples of every replicate: rows (S, k) of a bank of their own."""

    bank: Bank
    test: Tensor
    groups: Rows | None = None  # of fixed samples: which belong together


class Order:
    """The order in which each replicate sees its rows (S, n) of the bank, new for every epoch.

    An epoch's last batch may be smaller (as in Keras).
    """

    def __init__(
        self,
        train: Tensor,
        batch_size: int,
        *,
        draws: Sequence[torch.Generator],
        pass_of: Callable[[Tensor, Sequence[torch.Generator]], Tensor] = shuffled,
    ) -> None:
        self.train, self.batch_size, self.draws, self.pass_of = train, batch_size, draws, pass_of
        self.per_pass = -(-train.shape[1] // batch_size)
        self.before_pass = states_of(self.draws)

    def state(self, steps: int) -> list[Tensor]:
        """The generators' states from which the next step's epoch is drawn."""
        return self.before_pass if steps % self.per_pass else states_of(self.draws)

    def batches(self, *, total: int, start: int = 0) -> Iterator[Tensor]:
        """Rows (S, B) for each of ``total`` steps, beginning with step ``start`` (counted from 0)."""
        step = start - start % self.per_pass
        while step < total:
            self.before_pass = states_of(self.draws)
            rows = self.pass_of(self.train, self.draws)
            for index in rows.split(self.batch_size, dim=1)[: total - step]:
                if step >= start:
                    yield index
                step += 1


def training_data(
    dataset: Dataset,
    settings: Settings,
    *,
    folder: Path,
    seeds: Sequence[int],
    device: torch.device,
) -> TrainingData:
    """Draw each replicate's training and validation samples and compute its normalisation.

    Raises NnbenchError if the settings do not fit the dataset's classes or task, or samples are too few.
    """
    check_label_settings(dataset, settings, where=f"dataset {dataset.name}")
    draw = split_pool if dataset.draw is None else draw_fresh
    wanted = settings.model_copy(update={"train_size": None} if settings.pseudo_labels else {})
    drawn, unlabelled = draw(dataset, wanted, folder=folder, seeds=seeds), None
    if settings.pseudo_labels:
        size = train_size(dataset, settings)
        unlabelled = drawn.train[:, size:].to(device)
        drawn = replace(drawn, train=drawn.train[:, :size])
    drawn = drawn.in_blocks() if changes_inputs(settings) else drawn
    labels, targets = _labels(drawn, dataset, settings, seeds=seeds)
    inputs, drawn, fills = of_training(_input_tensor(drawn.arrays), drawn, settings, seeds=seeds)
    dims = _dims(inputs, dataset)
    normaliser = normaliser_of(inputs, drawn.train, how=settings.inputs, dims=dims, device=device)
    return TrainingData(
        bank=Bank(inputs=inputs.to(device), labels=labels.to(device), normaliser=normaliser),
        train=drawn.train.to(device),
        # after the draw, so that training samples and labels do not depend on validation_size
        validation=_validation(drawn, settings)[:, : settings.validation_size].to(device),
        outputs=outputs_in_use(dataset, settings),
        task=dataset.task,
        targets=targets,
        fills=fills,
        unlabelled=unlabelled,
    )


def normalised_by_own(data: TrainingData, dataset: Dataset, settings: Settings) -> TrainingData:
    """The same samples, normalised by those that are trained on."""
    inputs, rows = data.bank.inputs.cpu(), data.train.cpu()
    dims = _dims(inputs, dataset)
    found = normaliser_of(inputs, rows, how=settings.inputs, dims=dims, device=data.train.device)
    return replace(data, bank=replace(data.bank, normaliser=found))


def _dims(inputs: Tensor, dataset: Dataset) -> tuple[int, ...]:
    """Over which the statistics go: samples, or all values of all samples."""
    return (0,) if dataset.scaling == "feature" else tuple(range(inputs.ndim))


def _validation(drawn: Drawn, settings: Settings) -> Tensor:
    """Rows (S, m) of the validation samples; the first of other classes stand in for those of a class left out."""
    rows, left_out = drawn.validation, settings.validation_without
    if left_out is None:
        return rows
    kept = [own[torch.from_numpy(drawn.arrays.labels[own.numpy()] != left_out)] for own in rows]
    if not all(map(len, kept)):
        raise NnbenchError(
            "validation_without: some replicate has validation samples of this class alone",
            got=f"{rows.shape[1]} validation samples",
            todo="set another class, or use a dataset with more validation samples",
        )
    count = rows.shape[1]
    return torch.stack([own.repeat(-(-count // len(own)))[:count] for own in kept])


def held_out(
    dataset: Dataset,
    normaliser: Normaliser,
    settings: Settings,
    *,
    folder: Path,
    seeds: Sequence[int],
    device: torch.device,
    targets: TargetScale | None = None,
    fills: Tensor | None = None,
) -> HeldOut:
    """The test set: the classes in use with clean labels, normalised as the training samples are.

    Fixed data have one for all replicates, unless each draws its own; generated data have a fresh one per seed. ``targets`` is
    ``TrainingData.targets``, for regression only; ``fills`` are its ``fills``.
    """
    assert (targets is not None) == (dataset.task == "regression"), "pass TrainingData.targets"
    if settings.split == "each seed":
        arrays, _, test = redrawn_split(settings, folder=folder, seeds=seeds)
    elif dataset.draw is None:
        arrays = of_classes(load_test(folder), settings.classes)
        test = torch.arange(len(arrays)).expand(len(seeds), -1)
    else:
        count = in_proportion(dataset.test_size, dataset, settings)
        draws = [sample(dataset, settings, count, seed=seed, stream="test") for seed in seeds]
        arrays = Arrays(
            inputs=np.concatenate([d.inputs for d in draws]),
            labels=np.concatenate([d.labels for d in draws]),
        )
        test = torch.arange(len(seeds) * count).view(len(seeds), count)
    groups, blocks = arrays.groups, dataset.draw is not None
    if changes_inputs(settings):
        arrays, test = in_blocks(arrays, test)
        blocks = True
    inputs, labels = _input_tensor(arrays), torch.from_numpy(arrays.labels)
    inputs = of_test(inputs, fills, settings, seeds=seeds)
    if targets is not None:
        scaled = in_unit(targets.apply(_by_replicate(labels, len(seeds), blocks=blocks)), settings)
        labels = scaled.flatten() if blocks else scaled
    bank = Bank(inputs=inputs.to(device), labels=labels.to(device), normaliser=normaliser)
    return HeldOut(bank=bank, test=test.to(device), groups=groups)


def _labels(
    drawn: Drawn, dataset: Dataset, settings: Settings, *, seeds: Sequence[int]
) -> tuple[Tensor, TargetScale | None]:
    """The labels of the bank as training sees them, and the scale of regression targets."""
    labels = torch.from_numpy(drawn.arrays.labels)
    if dataset.task == "classification" and not contaminates(settings):
        return labels, None
    own = _by_replicate(labels, len(seeds), blocks=drawn.blocks)
    start = torch.arange(len(seeds)).unsqueeze(1) * (own.shape[1] if drawn.blocks else 0)
    train, validation = drawn.train - start, drawn.validation - start
    targets = None
    if dataset.task == "regression":
        targets = TargetScale.of(own.gather(1, train))
        own = targets.apply(own)
    classes = outputs_in_use(dataset, settings)
    own = contaminated(own, (validation, train), settings, seeds=seeds, classes=classes)
    own = own if targets is None else in_unit(own, settings)
    return own.flatten() if drawn.blocks else own, targets


# from a bank's labels (N,) to one row per replicate: its own block, or the whole bank
def _by_replicate(labels: Tensor, count: int, *, blocks: bool) -> Tensor:
    return labels.view(count, -1) if blocks else labels.expand(count, -1)


def _input_tensor(arrays: Arrays) -> Tensor:
    inputs = torch.from_numpy(arrays.inputs)
    # images: 0..255 represents 0..1
    return inputs.float().div_(255.0) if inputs.dtype == torch.uint8 else inputs
