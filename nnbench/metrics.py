"""The quantities that claims are about: unit, direction, analysis scale and margin of each.

The scale is the one on which paired differences are judged: accuracies raw, losses and epochs as
natural logarithms (so that a margin of 0.05 means 5 %).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["raw", "log"]


Unit = Literal[
    "fraction", "nats", "epochs", "count", "seconds", "hours", "per second", "deviations", "ratio",
    "correlation", "own objective",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured quantity.

    Attributes:
        name: Its key in records and configs.
        title: Its name in the report.
        unit: ``fraction`` (shown as %), ``deviations`` (of the training targets), …
            ``own objective`` is that of losses whose levels minimise different objectives.
        lower_is_better: The direction of improvement; of an undirected metric that of an order: the
            smallest first.
        scale: ``raw`` or ``log``, the scale of the paired differences.
        margin: The smallest difference that matters: absolute on the raw scale, relative
            (0.05 = 5 %) on the log scale.
        directed: Whether one end is better: of a count or of a ratio of gradients none is.
        timing: Whether it belongs to the machine that it was measured on.
        derived: How it follows from what was measured, if it was not measured itself.
    """

    name: str
    title: str
    unit: Unit
    lower_is_better: bool
    scale: Scale
    margin: float
    directed: bool = True
    timing: bool = False
    derived: str = ""

    def margin_on_scale(self, margin: float | None = None) -> float:
        """The margin in units of the analysis scale (ln(1 + margin) for a relative one)."""
        value = self.margin if margin is None else margin
        return math.log1p(value) if self.scale == "log" else value

    def possible(self, value: float, *, by: float) -> bool:
        """Whether the metric can have this value, but for rounding ``by`` which it may lie beyond."""
        if self.scale == "log" and value < 0.0:
            return False
        low, high = _BOUNDS.get(self.unit, (-math.inf, math.inf))
        return low - by <= value <= high + by


_BOUNDS: Mapping[str, tuple[float, float]] = {"fraction": (0.0, 1.0), "correlation": (-1.0, 1.0)}


def _accuracy(name: str, title: str) -> Metric:
    return Metric(
        name=name, title=title, unit="fraction", lower_is_better=False, scale="raw", margin=0.01
    )


def _low(name: str, title: str, unit: Unit, *, margin: float = 0.05, **more: Any) -> Metric:
    """Lower is better, compared as ratios."""
    return Metric(
        name=name, title=title, unit=unit, lower_is_better=True, scale="log", margin=margin, **more
    )


# Margins are nnbench's own defaults: one accuracy point, 5 % of a loss, 10 % of a duration or a speed.
METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _low("test_loss", "Test loss", "nats"),
        _accuracy("test_accuracy", "Test accuracy"),
        _low("validation_loss", "Validation loss", "nats"),
        _accuracy("validation_accuracy", "Validation accuracy"),
        _low("train_loss", "Training loss", "nats"),
        _accuracy("train_accuracy", "Training accuracy"),
        Metric(
            name="loss_gap",
            title="Loss gap (test minus training)",
            unit="nats",
            lower_is_better=True,
            scale="raw",
            margin=0.02,
        ),
        _low("test_mae", "Mean absolute test error", "deviations"),
        _low("test_rmse", "Root mean squared test error", "deviations"),
        _low("epochs_to_target", "Epochs to the target", "epochs", margin=0.10),
        Metric(
            name="stuck",
            title="Runs stuck at the start",
            unit="fraction",
            lower_is_better=True,
            scale="raw",
            margin=0.05,
        ),
        Metric(
            name="dead_units",
            title="Dead units",
            unit="fraction",
            lower_is_better=True,
            scale="raw",
            margin=0.01,
        ),
        _low(
            "gradient_ratio_start",
            "Gradient ratio at the start",
            "ratio",
            margin=0.10,
            directed=False,
        ),
        _low(
            "gradient_ratio",
            "Gradient ratio during training",
            "ratio",
            margin=0.10,
            directed=False,
        ),
        _low("gradient_noise", "Gradient noise", "ratio", margin=0.10),
        _low("reconstruction_error", "Reconstruction error", "ratio"),
        Metric(
            name="rank_correlation",
            title="Rank correlation",
            unit="correlation",
            lower_is_better=False,
            scale="raw",
            margin=0.1,
        ),
        _low("seconds", "Training time", "seconds", margin=0.10, timing=True),
        _low(
            "hours",
            "Training time",
            "hours",
            margin=0.10,
            timing=True,
            derived="derived: images of the stated workload / measured images per second",
        ),
        Metric(
            name="images_per_second",
            title="Images per second",
            unit="per second",
            lower_is_better=False,
            scale="log",
            margin=0.10,
            timing=True,
        ),
        _low("parameters", "Parameters", "count", directed=False),
        _low("flops", "Floating-point operations of one image", "count", directed=False),
    )
}
