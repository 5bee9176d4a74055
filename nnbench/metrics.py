"""The quantities that claims are about: unit, direction, analysis scale and margin of each.

The scale is the one on which paired differences are judged: accuracies raw, losses and epochs as
natural logarithms (so that a margin of 0.05 means 5 %).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Scale = Literal["raw", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured quantity of a trained network.

    Attributes:
        name: Its key in records and configs.
        title: Its name in the report.
        unit: ``fraction`` (shown as %), ``nats``, ``epochs`` or ``count``.
        lower_is_better: The direction of improvement.
        scale: ``raw`` or ``log``, the scale of the paired differences.
        margin: The smallest difference that matters: absolute on the raw scale, relative
            (0.05 = 5 %) on the log scale.
    """

    name: str
    title: str
    unit: Literal["fraction", "nats", "epochs", "count"]
    lower_is_better: bool
    scale: Scale
    margin: float

    def untrained(self, classes: int) -> float | None:
        """What an untrained predictor scores: 1/C and ln C; None where that has no meaning."""
        if self.unit == "fraction":
            return 1.0 / classes
        return math.log(classes) if self.unit == "nats" else None

    def margin_on_scale(self, margin: float | None = None) -> float:
        """The margin in units of the analysis scale (ln(1 + margin) for a relative one)."""
        value = self.margin if margin is None else margin
        return math.log1p(value) if self.scale == "log" else value


def _metric(name: str, title: str, unit: Literal["fraction", "nats", "epochs", "count"]) -> Metric:
    # Margins: nnbench's own defaults, one accuracy point, 5 % of a loss, 10 % of a duration.
    by_unit: dict[str, tuple[bool, Scale, float]] = {
        "fraction": (False, "raw", 0.01),
        "nats": (True, "log", 0.05),
        "epochs": (True, "log", 0.10),
        "count": (True, "log", 0.05),
    }
    lower, scale, margin = by_unit[unit]
    return Metric(
        name=name, title=title, unit=unit, lower_is_better=lower, scale=scale, margin=margin
    )


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("test_loss", "Test loss", "nats"),
        _metric("test_accuracy", "Test accuracy", "fraction"),
        _metric("validation_loss", "Validation loss", "nats"),
        _metric("validation_accuracy", "Validation accuracy", "fraction"),
        _metric("train_loss", "Training loss", "nats"),
        _metric("train_accuracy", "Training accuracy", "fraction"),
        _metric("epochs_to_target", "Epochs to the target", "epochs"),
        _metric("parameters", "Parameters", "count"),
    )
}
