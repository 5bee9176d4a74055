"""Samples before and after a drift: the images of the few that come after it have changed for good."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from nnbench.engine.data import TrainingData
from nnbench.engine.images import check_range, shift_images
from nnbench.engine.seeding import generators
from nnbench.sections import Drift


def samples_before(data: TrainingData, drift: Drift) -> TrainingData:
    """The training samples but the few that come after the drift."""
    return replace(data, train=data.train[:, drift.train_size :])


def samples_after(data: TrainingData, drift: Drift, *, seeds: Sequence[int]) -> TrainingData:
    """The few that come after it and the validation samples, changed, in a bank of their own.

    Every image is changed once, in a direction from its replicate's generator, and stays so in all epochs.
    """
    check_range(data.bank.inputs)
    rows = torch.cat((data.train[:, : drift.train_size], data.validation), dim=1)
    images, labels = data.bank.gather_raw(rows)
    draws = generators(seeds, "drift")
    changed = [
        shift_images(own, drift.to, generator=draw) for own, draw in zip(images, draws, strict=True)
    ]
    bank = replace(data.bank, inputs=torch.cat(changed), labels=labels.flatten())
    places = torch.arange(rows.numel(), device=rows.device).view(rows.shape)
    train, validation = places.tensor_split([drift.train_size], dim=1)
    return replace(data, bank=bank, train=train, validation=validation)
