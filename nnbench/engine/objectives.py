"""Training objectives, and how predictors that have learned nothing score on them.

Every objective maps outputs (S, B, C) and targets (S, B) to one mean per replicate, (S,). Targets are class
labels (int64), or numbers in standard deviations of the training targets (float32) with C = 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from nnbench.datasets.base import Task
from nnbench.errors import NnbenchError

SMOOTHING = 0.1  # Szegedy et al. (2016), section 7
FEW = 16  # classes, less than a vector register of a CPU holds
EPSILON = 1e-7  # keras.config.epsilon()
HUBER_DELTA = 1.0  # standard deviations; the default of keras.losses.Huber


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One training objective."""

    task: Task = "classification"
    losses: Callable[[Tensor, Tensor], Tensor]  # outputs (S, B, C), targets (S, B) -> (S,)
    constant: Callable[[Tensor], Tensor] | None = (
        None  # class frequencies (S, C) -> lowest loss (S,) of a constant
    )
    classes: int | None = None  # so many outputs stand for classes, the one after them for a number


def objective(name: str | None, task: Task) -> Objective:
    """The objective (None: cross-entropy or squared error); NnbenchError if it is for the other task."""
    allowed = REGRESSION if task == "regression" else CLASSIFICATION
    chosen = name or next(iter(allowed))
    if chosen not in allowed:
        raise NnbenchError(
            f"loss {chosen!r} is not made for {task}",
            allowed=", ".join(allowed),
            todo="choose another loss, or leave it out for the default",
        )
    return allowed[chosen]


def cross_entropy(logits: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of each replicate, in nats."""
    if logits.shape[2] < FEW and logits.device.type == "cpu" and not logits.requires_grad:
        # over another dimension than the last, PyTorch takes a tenth of the time
        return nn.functional.cross_entropy(
            logits.mT, labels, reduction="none", label_smoothing=smoothing
        ).mean(dim=1)
    each = nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), reduction="none", label_smoothing=smoothing
    )
    return each.view(labels.shape).mean(dim=1)


def log_of_softmax(logits: Tensor, labels: Tensor, *, least: float = 0.0) -> Tensor:
    """The cross-entropy in two steps: probabilities as they are rounded, cut to [least, 1 - least], then the logarithm.

    A label whose probability is rounded to 0 has an infinite loss and no gradient; cut to 1e-7, as in Keras without
    ``from_logits``, its loss is 16 nats, and its gradient is zero.
    """
    own = logits.softmax(dim=2).masked_fill(~_is_label(logits, labels), 0.0).sum(dim=2)
    return -own.clamp(least, 1.0 - least).log().mean(dim=1)


def probability_mse(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over classes of (softmax - one-hot)², as ``model.compile(loss="mse")`` with softmax in Keras."""
    error = logits.softmax(dim=2) - _is_label(logits, labels).to(logits.dtype)
    return error.square().mean(dim=(1, 2))


def hinge(logits: Tensor, labels: Tensor) -> Tensor:
    """max(0, 1 + the highest other logit - the label's) of Crammer & Singer (2001).

    Keras' ``CategoricalHinge`` agrees as long as another logit is positive; where all are negative it uses 0
    in their place, so its loss depends on a common shift of the logits.
    """
    own = _is_label(logits, labels)
    others = logits.masked_fill(own, -torch.inf).amax(dim=2)
    # a sum, because the gradient of gather() accumulates in arbitrary order on a GPU
    margin = logits.masked_fill(~own, 0.0).sum(dim=2) - others
    return (1.0 - margin).clamp_min(0.0).mean(dim=1)


def smoothed(logits: Tensor, labels: Tensor) -> Tensor:
    """KL divergence in nats from labels smoothed by 0.1 over all classes to the softmax.

    The cross-entropy with smoothed labels (Szegedy et al. 2016) minus their own entropy, which no network can
    remove, so that the minimum is 0.
    """
    return cross_entropy(logits, labels, smoothing=SMOOTHING) - _smoothed_entropy(logits.shape[2])


def mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error, in squared standard deviations of the training targets."""
    return (outputs.squeeze(2) - targets).square().mean(dim=1)


def mae(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error, in standard deviations of the training targets."""
    return (outputs.squeeze(2) - targets).abs().mean(dim=1)


def huber(outputs: Tensor, targets: Tensor) -> Tensor:
    """Huber (1964): half the squared error up to one standard deviation, linear beyond."""
    each = nn.functional.huber_loss(
        outputs.squeeze(2), targets, reduction="none", delta=HUBER_DELTA
    )
    return each.mean(dim=1)


def _is_label(logits: Tensor, labels: Tensor) -> Tensor:  # one-hot mask (S, B, C)
    return labels.unsqueeze(2) == torch.arange(logits.shape[2], device=logits.device)


def _smoothed_entropy(classes: int) -> float:
    label = torch.full((classes,), SMOOTHING / classes, dtype=torch.float64)
    label[0] += 1.0 - SMOOTHING
    return entropy(label).item()


def entropy(p: Tensor) -> Tensor:
    """Entropy of probabilities (..., C), in nats; 0 ln 0 counts as 0."""
    return -torch.xlogy(p, p).sum(dim=-1)


def _constant_hinge(frequencies: Tensor) -> Tensor:
    """The lower of equal logits, at 1, and one unit for the commonest class, at 2 per other sample.

    In between the loss is linear, so the minimum lies at one of the two.
    """
    return (2.0 * (1.0 - frequencies.amax(dim=-1))).clamp(max=1.0)


def _constant_smoothed(frequencies: Tensor) -> Tensor:
    """Predicting the mean smoothed label leaves its entropy minus that of one label."""
    classes = frequencies.shape[-1]
    mean = (1.0 - SMOOTHING) * frequencies + SMOOTHING / classes
    return entropy(mean) - _smoothed_entropy(classes)


def _constant_mse(frequencies: Tensor) -> Tensor:
    """Predicting the frequencies leaves the variance of each class's indicator."""
    return (frequencies * (1.0 - frequencies)).mean(dim=-1)


# the first of each task is its default
CLASSIFICATION: Mapping[str, Objective] = {
    "cross_entropy": Objective(losses=cross_entropy, constant=entropy),
    "mse": Objective(losses=probability_mse, constant=_constant_mse),
    "hinge": Objective(losses=hinge, constant=_constant_hinge),
    "smoothed": Objective(losses=smoothed, constant=_constant_smoothed),
    "log_of_softmax": Objective(losses=log_of_softmax, constant=entropy),
    "log_of_clipped": Objective(losses=partial(log_of_softmax, least=EPSILON), constant=entropy),
}
REGRESSION: Mapping[str, Objective] = {
    name: Objective(task="regression", losses=losses)
    for name, losses in {"mse": mse, "mae": mae, "huber": huber}.items()
}
CROSS_ENTROPY = CLASSIFICATION["cross_entropy"]


def class_frequencies(labels: Tensor, classes: int) -> Tensor:
    """Relative class frequencies of labels (S, n): (S, C) in float64 on the CPU."""
    counts = torch.stack([torch.bincount(own, minlength=classes) for own in labels.cpu()])
    return counts.double() / labels.shape[1]
