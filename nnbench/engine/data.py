"""Samples on the device: what training may see and, separately, what only the final test reads.

Real data lie once in one bank that all replicates index; generated data are drawn anew for each
replicate and lie one after another in the bank. Either way a batch is one ``index_select``.

    training_data(...)  -> TrainingData   train and validation of every replicate
    held_out(...)       -> HeldOut        the test set; needs the normalisation, not the model
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nnbench.datasets.base import Arrays, Dataset, Task
from nnbench.datasets.checks import check_label_settings
from nnbench.datasets.prepared.store import load_test
from nnbench.datasets.selection import in_proportion, of_classes, outputs_in_use
from nnbench.engine.labels import TargetScale, contaminated, contaminates
from nnbench.engine.sampling import Drawn, draw_fresh, sample, split_pool
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Normaliser:
    """x -> (x - shift) * factor; both (S, 1, *shape) or broadcastable, one per replicate."""

    shift: Tensor
    factor: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Samples in memory.

    Attributes:
        inputs: (N, *shape) float32.
        labels: (N,), or (S, N) where replicates see different labels of the same samples; int64
            classes, or float32 targets in deviations (see ``TargetScale``).
        normaliser: Of the inputs.
    """

    inputs: Tensor
    labels: Tensor
    normaliser: Normaliser

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The normalised samples at ``index`` (S, B): inputs (S, B, *shape), labels (S, B)."""
        raw, labels = self.gather_raw(index)
        return self.normalise(raw), labels

    def gather_raw(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The same, not normalised (augmentation comes first)."""
        flat = index.flatten()
        inputs = self.inputs.index_select(0, flat).unflatten(0, index.shape)
        if self.labels.ndim == 2:
            return inputs, self.labels.gather(1, index)
        return inputs, self.labels.index_select(0, flat).view(index.shape)

    def normalise(self, inputs: Tensor) -> Tensor:
        """Normalise (S, B, *shape) in place with each replicate's own training statistics."""
        return inputs.sub_(self.normaliser.shift).mul_(self.normaliser.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """All that training can reach.

    Attributes:
        bank: The samples.
        train, validation: Rows of the bank, (S, n) and (S, m).
        outputs: Outputs that the network needs: one per class in use, or 1 for a number.
        task: Whether the labels are classes or numbers.
        targets: Regression: how the targets were standardised, for ``held_out``.
    """

    bank: Bank
    train: Tensor
    validation: Tensor
    outputs: int
    task: Task = "classification"
    targets: TargetScale | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The test samples of every replicate: rows (S, k) of a bank of their own."""

    bank: Bank
    test: Tensor


def training_data(
    dataset: Dataset,
    settings: Settings,
    *,
    folder: Path,
    seeds: Sequence[int],
    device: torch.device,
) -> TrainingData:
    """Draw each replicate's training and validation samples and compute its normalisation.

    Args:
        dataset: What to draw from.
        settings: ``train_size``, ``inputs`` and everything that chooses classes or changes labels.
        folder: The prepared dataset; only its training part is read.
        seeds: One per replicate.
        device: Where the samples go.

    Raises:
        NnbenchError: The settings do not fit the dataset's classes or task, or there are too few
            samples.
    """
    check_label_settings(dataset, settings, where=f"dataset {dataset.name}")
    draw = split_pool if dataset.draw is None else draw_fresh
    drawn = draw(dataset, settings, folder=folder, seeds=seeds)
    inputs = _input_tensor(drawn.arrays)
    labels, targets = _labels(drawn, dataset, settings, seeds=seeds)
    per_feature = dataset.scaling == "feature"
    shift, factor = _normaliser(inputs, drawn.train, how=settings.inputs, per_feature=per_feature)
    normaliser = Normaliser(shift=shift.to(device), factor=factor.to(device))
    return TrainingData(
        bank=Bank(inputs=inputs.to(device), labels=labels.to(device), normaliser=normaliser),
        train=drawn.train.to(device),
        validation=drawn.validation.to(device),
        outputs=outputs_in_use(dataset, settings),
        task=dataset.task,
        targets=targets,
    )


def held_out(
    dataset: Dataset,
    normaliser: Normaliser,
    settings: Settings,
    *,
    folder: Path,
    seeds: Sequence[int],
    device: torch.device,
    targets: TargetScale | None = None,
) -> HeldOut:
    """The test set: the fixed one for every replicate, or a fresh one each for generated data.

    It has the classes in use, with clean labels.

    Args:
        dataset: What to read or draw.
        normaliser: Of the training samples (``TrainingData.bank.normaliser``).
        settings: Their ``classes``.
        folder: The prepared dataset.
        seeds: One per replicate.
        device: Where the samples go.
        targets: Regression: ``TrainingData.targets``.
    """
    assert (targets is not None) == (dataset.task == "regression"), "pass TrainingData.targets"
    if dataset.draw is None:
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
    inputs, labels = _input_tensor(arrays), torch.from_numpy(arrays.labels)
    if targets is not None:
        own = dataset.draw is not None
        labels = _as_stored(targets.apply(_by_replicate(labels, len(seeds), own=own)), own=own)
    bank = Bank(inputs=inputs.to(device), labels=labels.to(device), normaliser=normaliser)
    return HeldOut(bank=bank, test=test.to(device))


def _labels(
    drawn: Drawn, dataset: Dataset, settings: Settings, *, seeds: Sequence[int]
) -> tuple[Tensor, TargetScale | None]:
    """The bank's labels as training sees them, and the scale of regression targets."""
    labels = torch.from_numpy(drawn.arrays.labels)
    if dataset.task == "classification" and not contaminates(settings):
        return labels, None
    own = _by_replicate(labels, len(seeds), own=drawn.own)
    start = torch.arange(len(seeds)).unsqueeze(1) * (own.shape[1] if drawn.own else 0)
    train, validation = drawn.train - start, drawn.validation - start
    targets = None
    if dataset.task == "regression":
        targets = TargetScale.of(own.gather(1, train))
        own = targets.apply(own)
    classes = outputs_in_use(dataset, settings)
    own = contaminated(own, (validation, train), settings, seeds=seeds, classes=classes)
    return _as_stored(own, own=drawn.own), targets


def _by_replicate(labels: Tensor, count: int, *, own: bool) -> Tensor:
    """The labels (N,) of a bank as one row per replicate: its own block, or the whole bank."""
    return labels.view(count, -1) if own else labels.expand(count, -1)


def _as_stored(labels: Tensor, *, own: bool) -> Tensor:
    """One row per replicate as a bank's labels."""
    return labels.flatten() if own else labels


def _input_tensor(arrays: Arrays) -> Tensor:
    inputs = torch.from_numpy(arrays.inputs)
    if inputs.dtype == torch.uint8:  # images: 0..255 stands for 0..1
        inputs = inputs.float().div_(255.0)
    return inputs


def _normaliser(
    inputs: Tensor, train: Tensor, *, how: str, per_feature: bool
) -> tuple[Tensor, Tensor]:
    """Each replicate's shift and factor from its own training samples, in float64 sums."""
    dims = (0,) if per_feature else tuple(range(inputs.ndim))
    pairs = [_statistics(inputs.index_select(0, rows), how=how, dims=dims) for rows in train]
    shift, scale = (torch.stack(parts).unsqueeze(1) for parts in zip(*pairs, strict=True))
    # a constant feature has nothing to scale
    return shift.float(), torch.where(scale > 0, 1.0 / scale, 1.0).float()


def _statistics(samples: Tensor, *, how: str, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    if how == "raw":
        zero = samples.new_zeros((1,) * (samples.ndim - 1), dtype=torch.float64)
        return zero, zero + 1.0
    if how == "minmax":
        low = samples.amin(dim=dims, keepdim=True)[0].double()
        return low, samples.amax(dim=dims, keepdim=True)[0].double() - low
    mean = samples.mean(dim=dims, keepdim=True, dtype=torch.float64)
    centre = mean.float()  # squares of small rests lose nothing, and a constant leaves exactly 0
    square = (samples - centre).square_().mean(dim=dims, keepdim=True, dtype=torch.float64)
    return mean[0], (square - (mean - centre).square()).clamp_min(0.0).sqrt()[0]
