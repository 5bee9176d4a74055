"""Labels as training sees them: standardised regression targets, and label noise that a claim asks for.

The labels changed at a smaller share are a subset of those changed at a larger one, so that noise levels
differ in nothing else. Test labels are never changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from nnbench.engine.seeding import Purpose, generators
from nnbench.settings import Settings

# size of gross errors in standard deviations of the clean targets: nnbench's choice, far out but finite
OUTLIER_DEVIATIONS = (5.0, 10.0)

Change = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetScale:
    """y -> (y - mean) / deviation; both (S, 1) float64 on the CPU, one row per replicate."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, targets: Tensor) -> "TargetScale":
        """Mean and standard deviation (divisor n) of each replicate's training targets (S, n)."""
        values = targets.double()
        deviation = values.std(dim=1, correction=0, keepdim=True)
        return cls(
            mean=values.mean(dim=1, keepdim=True),
            deviation=torch.where(deviation > 0, deviation, 1.0),  # constant targets are not scaled
        )

    def apply(self, targets: Tensor) -> Tensor:
        """Targets (S, k) in standard deviations, float32."""
        return ((targets.double() - self.mean) / self.deviation).float()


def in_unit(targets: Tensor, settings: Settings) -> Tensor:
    """Targets in standard deviations as the network learns them, in the unit that a claim asks for."""
    return targets * settings.target_factor


def contaminates(settings: Settings) -> bool:
    """Whether any training label differs from the dataset's."""
    return bool(settings.label_noise or settings.shuffled_labels or settings.outliers)


def contaminated(
    labels: Tensor,
    splits: Sequence[Tensor],
    settings: Settings,
    *,
    seeds: Sequence[int],
    classes: int,
) -> Tensor:
    """Contaminate labels (S, K) in each split separately; returns a changed copy, or ``labels`` if unchanged.

    ``labels`` lie on the CPU, one row per replicate: classes, or targets in standard deviations. ``splits``
    holds the columns (S, n) of validation and training; draws for one split do not depend on later ones.
    """
    if not contaminates(settings):
        return labels
    purpose, change = _change(settings, classes)
    draws = generators(seeds, purpose)
    result = labels.clone()
    for columns in splits:
        clean = labels.gather(1, columns)
        changed = [change(own, draw) for own, draw in zip(clean, draws, strict=True)]
        result.scatter_(1, columns, torch.stack(changed))
    return result


def _change(settings: Settings, classes: int) -> tuple[Purpose, Change]:
    """How the labels (n,) of one split are changed; settings allow only one kind of change."""
    if settings.shuffled_labels:
        return "shuffled_labels", _shuffled
    if settings.label_noise:
        to, of, share = settings.label_noise_to, settings.label_noise_of, settings.label_noise
        change = partial(with_wrong_classes, share=share, classes=classes, to=to, of=of)
        return "label_noise", change
    return "outliers", partial(with_outliers, share=settings.outliers)


def _shuffled(labels: Tensor, draw: torch.Generator) -> Tensor:
    return labels[torch.randperm(len(labels), generator=draw)]


def with_wrong_classes(
    labels: Tensor,
    draw: torch.Generator,
    *,
    share: float,
    classes: int,
    to: Literal["any", "next"] = "any",
    of: int | None = None,
) -> Tensor:
    """Replace ``round(share * n)`` labels (n,) with another class: all others equally likely, or the ``next`` one.

    The next one as pair flipping in Han et al. (2018): the same samples are hit as at random. With ``of``, it is
    that share of this class's samples.
    """
    order = torch.randperm(len(labels), generator=draw)
    step = torch.randint(1, classes, labels.shape, generator=draw)
    step = step if to == "any" else torch.ones_like(step)
    if of is not None:
        order = order[labels[order] == of]
    return _replaced(labels, (labels + step) % classes, order=order, share=share)


def with_outliers(targets: Tensor, draw: torch.Generator, *, share: float) -> Tensor:
    """Shift ``round(share * n)`` of the targets (n,), in standard deviations, by ±U(5, 10).

    The gross-error model (1 - share) G + share H of Huber (Robust estimation of a location parameter, Ann.
    Math. Statist. 35, 1964), with an exact number of gross errors instead of a random one.
    """
    order = torch.randperm(len(targets), generator=draw)
    low, high = OUTLIER_DEVIATIONS
    size = low + (high - low) * torch.rand(len(targets), generator=draw)
    sign = 2 * torch.randint(0, 2, targets.shape, generator=draw) - 1
    return _replaced(targets, targets + sign * size, order=order, share=share)


def _replaced(old: Tensor, new: Tensor, *, order: Tensor, share: float) -> Tensor:
    """``new`` at the first ``round(share * n)`` of the ``n`` indices of ``order``, else ``old``; the shares thus nest."""
    hit = order[: round(share * len(order))]
    return old.index_copy(0, hit, new[hit])
