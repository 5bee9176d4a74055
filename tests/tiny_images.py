"""Models of tiny images that move a made-up clock; named ``tiny_images:Tiny`` and so on in options."""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

SIDE = 4  # pixels


@dataclass
class Clock:
    """Seconds that pass only while a tiny model computes; and what it computed."""

    now: float = 0.0
    calls: list[tuple[str, int, bool]] = field(default_factory=list)
    models: weakref.WeakSet[nn.Module] = field(default_factory=weakref.WeakSet)
    most_at_once: int = 0

    def __call__(self) -> float:
        return self.now


CLOCK = Clock()


class Tiny(nn.Module):
    """One dense layer over all pixels; a batch takes ``start`` seconds and ``each`` an image."""

    start, each = 1.0, 0.5
    most = math.inf
    factor = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(3 * SIDE * SIDE, 5)

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_meta:
            CLOCK.models.add(self)
            CLOCK.most_at_once = max(CLOCK.most_at_once, len(CLOCK.models))
            CLOCK.now += self.start + self.each * len(x)
            CLOCK.calls.append((type(self).__name__, len(x), self.training))
            if len(x) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        out: Tensor = self.dense(x.flatten(1)) * self.factor
        return out


class Slow(Tiny):
    each = 2.0


class Crowded(Tiny):
    """Batches get slower than their images one by one, from three images on."""

    def forward(self, x: Tensor) -> Tensor:
        CLOCK.now += 0.0 if x.is_meta or len(x) < 3 else 100.0
        return super().forward(x)


class Large(Tiny):
    most = 2


class TooLarge(Tiny):
    most = 0


class Overflowing(Tiny):
    factor = math.inf


class Helped(Tiny):
    """As InceptionV3: in training, logits of an auxiliary classifier too."""

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        return (logits, logits * 0.5) if self.training else logits


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x)
        return out.mean((2, 3))
