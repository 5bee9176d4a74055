"""Samples on the device: what training may see, and, apart from it, what only the last test reads.

Real data lie once in one bank that all replicates index; generated data are drawn anew for each
replicate and lie behind one another in the bank. Either way a batch is one ``index_select``.

    training_data(...)  -> TrainingData   train and validation of every replicate
    held_out(...)       -> Bank + index   the test set; needs the normalisation, not the model
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nnbench.datasets.base import Arrays, Dataset, Stream
from nnbench.datasets.store import load_test, load_trainval
from nnbench.errors import NnbenchError
from nnbench.seeding import CPU, generator
from nnbench.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Normaliser:
    """x -> (x - shift) * factor; both (S, 1, *shape) or broadcastable, one a replicate."""

    shift: Tensor
    factor: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Samples in memory: inputs (N, *shape) float32, labels (N,) int64."""

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
        return inputs, self.labels.index_select(0, flat).view(index.shape)

    def normalise(self, inputs: Tensor) -> Tensor:
        """Normalise (S, B, *shape) in place with each replicate's own training statistics."""
        return inputs.sub_(self.normaliser.shift).mul_(self.normaliser.factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """All that training can reach: rows of the bank for training (S, n) and validation (S, m)."""

    bank: Bank
    train: Tensor
    validation: Tensor


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

    ``folder`` holds the prepared dataset; only its training part is read.
    """
    size = settings.train_size or dataset.train_size
    if dataset.draw is None:
        arrays = load_trainval(folder)
        rows = [_draw_rows(len(arrays.labels), seed) for seed in seeds]
        kept = dataset.validation_size
        validation = torch.stack([row[:kept] for row in rows])
        train = torch.stack([row[kept : kept + size] for row in rows])
        _check_room(dataset, size=size, pool=len(arrays.labels))
    else:
        arrays, train, validation = _generated(dataset, size=size, seeds=seeds)
    inputs, labels = _tensors(arrays)
    normaliser = _fit(inputs, train, how=settings.inputs, per_feature=dataset.scaling == "feature")
    bank = _on_device(Bank(inputs=inputs, labels=labels, normaliser=normaliser), device)
    return TrainingData(bank=bank, train=train.to(device), validation=validation.to(device))


def held_out(
    dataset: Dataset,
    normaliser: Normaliser,
    *,
    folder: Path,
    seeds: Sequence[int],
    device: torch.device,
) -> HeldOut:
    """The test set: the fixed one for every replicate, or a fresh one each for generated data."""
    if dataset.draw is None:
        arrays = load_test(folder)
        test = torch.arange(len(arrays.labels)).expand(len(seeds), -1)
    else:
        count = dataset.test_size
        draws = [dataset.draw(count, seed=seed, stream="test") for seed in seeds]
        arrays = Arrays(
            inputs=np.concatenate([d.inputs for d in draws]),
            labels=np.concatenate([d.labels for d in draws]),
        )
        test = torch.arange(len(seeds) * count).view(len(seeds), count)
    inputs, labels = _tensors(arrays)
    bank = Bank(inputs=inputs.to(device), labels=labels.to(device), normaliser=normaliser)
    return HeldOut(bank=bank, test=test.to(device))


def _draw_rows(pool: int, seed: int) -> Tensor:
    """A replicate's own order of the pool: validation first, so that it does not depend on sizes."""
    return torch.randperm(pool, generator=generator(seed, "split", CPU))


def _check_room(dataset: Dataset, *, size: int, pool: int) -> None:
    room = pool - dataset.validation_size
    if size > room:
        raise NnbenchError(
            f"dataset {dataset.name}: too few samples for train_size",
            got=size,
            allowed=f"1 to {room}",
        )


def _generated(
    dataset: Dataset, *, size: int, seeds: Sequence[int]
) -> tuple[Arrays, Tensor, Tensor]:
    """Fresh samples for each seed, written straight into one array: [train, validation] a replicate."""
    assert dataset.draw is not None
    each = size + dataset.validation_size
    kind = dataset.draw(1, seed=seeds[0], stream="train").inputs.dtype  # uint8 or float32
    inputs = np.empty((len(seeds) * each, *dataset.input_shape), dtype=kind)
    labels = np.empty(len(seeds) * each, dtype=np.int64)
    for replicate, seed in enumerate(seeds):
        start = replicate * each
        parts: tuple[tuple[int, int, Stream], ...] = (
            (0, size, "train"),
            (size, dataset.validation_size, "validation"),
        )
        for offset, count, stream in parts:
            part = dataset.draw(count, seed=seed, stream=stream)
            inputs[start + offset : start + offset + count] = part.inputs
            labels[start + offset : start + offset + count] = part.labels
    rows = torch.arange(len(seeds) * each).view(len(seeds), each)
    return Arrays(inputs=inputs, labels=labels), rows[:, :size], rows[:, size:]


def _tensors(arrays: Arrays) -> tuple[Tensor, Tensor]:
    inputs = torch.from_numpy(arrays.inputs)
    if inputs.dtype == torch.uint8:  # images: 0..255 stands for 0..1
        inputs = inputs.float().div_(255.0)
    return inputs, torch.from_numpy(arrays.labels)


def _fit(inputs: Tensor, train: Tensor, *, how: str, per_feature: bool) -> Normaliser:
    """Each replicate's shift and factor from its own training samples, in float64 sums."""
    dims = (0,) if per_feature else tuple(range(inputs.ndim))
    pairs = [_statistics(inputs.index_select(0, rows), how=how, dims=dims) for rows in train]
    shift, scale = (torch.stack(parts).unsqueeze(1) for parts in zip(*pairs, strict=True))
    # a constant feature has nothing to scale
    return Normaliser(shift=shift.float(), factor=torch.where(scale > 0, 1.0 / scale, 1.0).float())


def _statistics(samples: Tensor, *, how: str, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    if how == "raw":
        zero = samples.new_zeros((1,) * (samples.ndim - 1), dtype=torch.float64)
        return zero, zero + 1.0
    if how == "minmax":
        low = samples.amin(dim=dims, keepdim=True)[0].double()
        return low, samples.amax(dim=dims, keepdim=True)[0].double() - low
    mean = samples.mean(dim=dims, keepdim=True, dtype=torch.float64)
    centre = mean.float()  # squares of what is left lose nothing, and a constant leaves exactly 0
    square = (samples - centre).square_().mean(dim=dims, keepdim=True, dtype=torch.float64)
    return mean[0], (square - (mean - centre).square()).clamp_min(0.0).sqrt()[0]


def _on_device(bank: Bank, device: torch.device) -> Bank:
    normaliser = Normaliser(
        shift=bank.normaliser.shift.to(device), factor=bank.normaliser.factor.to(device)
    )
    return Bank(inputs=bank.inputs.to(device), labels=bank.labels.to(device), normaliser=normaliser)
