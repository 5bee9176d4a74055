"""Classes made to count equally in training: by weights of their losses, or by drawing the rare ones more often."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from nnbench.engine.data import TrainingData
from nnbench.engine.objectives import Objective
from nnbench.engine.seeding import shuffled
from nnbench.settings import Settings

Losses = Callable[[Tensor, Tensor], Tensor]
Pass = Callable[[Tensor, Sequence[torch.Generator]], Tensor]


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights (S, C) by which all classes that occur among labels (S, n) have the same sum, n in all.

    n / (k n_c) for a class with n_c of the samples, where k classes occur (King & Zeng 2001, as ``balanced`` in
    scikit-learn); 0 for one without samples.
    """
    counts = torch.stack([torch.bincount(own, minlength=classes) for own in labels])
    present = (counts > 0).sum(dim=1, keepdim=True)
    weights = labels.shape[1] / (present * counts.clamp_min(1)).double()
    return torch.where(counts > 0, weights, 0.0)


def training_losses(objective: Objective, data: TrainingData, settings: Settings) -> Losses:
    """What the steps minimise: the objective, its samples weighted by their class if that is asked for.

    As Keras' ``class_weight``, a batch's loss is the sum of weighted losses over its number of samples.
    """
    if settings.balance != "weights":
        return objective.losses
    weights = class_weights(data.bank.labels_at(data.train), data.outputs).float()

    def weighted(outputs: Tensor, labels: Tensor) -> Tensor:
        # an objective gives one mean per replicate: here, every sample is a replicate of its own
        alone = objective.losses(outputs.flatten(0, 1).unsqueeze(1), labels.reshape(-1, 1))
        return (alone.view(labels.shape) * weights.gather(1, labels)).mean(dim=1)

    return weighted


def order_of_passes(data: TrainingData, settings: Settings) -> Pass:
    """How a pass over the training samples is drawn: each once, or each class as often as any other."""
    if settings.balance != "oversampling":
        return shuffled
    labels = data.bank.labels_at(data.train).cpu()
    return partial(drawn_again, weights=class_weights(labels, data.outputs).gather(1, labels))


def drawn_again(rows: Tensor, draws: Sequence[torch.Generator], *, weights: Tensor) -> Tensor:
    """As many of the rows (S, n), drawn with replacement in proportion to weights (S, n)."""
    count = rows.shape[1]
    picks = [
        torch.multinomial(own, count, replacement=True, generator=draw)
        for own, draw in zip(weights, draws, strict=True)
    ]
    return rows.gather(1, torch.stack(picks).to(rows.device))
