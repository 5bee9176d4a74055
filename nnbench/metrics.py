"""The quantities that claims are about, one entry each with all that the package knows of it.

The scale is the one on which paired differences are judged: accuracies raw, losses and epochs as
natural logarithms (so that a margin of 0.05 means 5 %).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

Scale = Literal["raw", "log"]
Unit = Literal[
    "fraction",  # shown as %
    "nats", "epochs", "steps", "count", "seconds", "hours", "per second",
    "deviations",  # of the training targets
    "ratio", "correlation", "images", "own objective",
]  # fmt: skip
Source = Literal[
    "training", "classes", "numbers", "target", "rbm", "dead_units", "inactive_units", "gradients",
    "gradient_noise", "largest_input", "loss_rises", "importance", "second_task", "streams", "experiment", "pick",
]  # fmt: skip
_ANY = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured quantity.

    Attributes:
        unit: ``own objective`` is that of losses whose levels minimise different objectives.
        source: Who computes it: every ``training``, one on ``classes`` or on ``numbers``, one with a
            ``target`` or an ``rbm``, a probe by its name, an ``experiment`` of another kind, or the
            ``pick`` of a level among candidates.
        diverged: What a run that diverged scores: what an ``untrained`` predictor does, what was
            measured (``kept``: sizes, times and first weights are true all the same), or ``nothing``.
    """

    name: str = field(kw_only=False)  # its key in records
    title: str = field(kw_only=False)  # in the report
    unit: Unit
    lower_is_better: bool  # or, of an undirected metric, comes first in an order
    scale: Scale
    margin: (
        float  # the smallest difference that matters: absolute if raw, relative (0.05: 5 %) if log
    )
    source: Source
    diverged: Literal["untrained", "kept", "nothing"]
    bounds: tuple[float, float] = _ANY
    directed: bool = (
        True  # whether one end is better: of a count or of a ratio of gradients none is
    )
    timing: bool = False  # whether it belongs to the machine that it was measured on
    derived: str = ""  # how it follows from what was measured, if it was not measured itself
    plural: bool = False  # whether its title is one, as in "dead units are …"
    more: str = "larger"  # what a larger value is called in a sentence

    def margin_on_scale(self, margin: float | None = None) -> float:
        """The margin in units of the analysis scale (ln(1 + margin) for a relative one)."""
        value = self.margin if margin is None else margin
        return math.log1p(value) if self.scale == "log" else value

    def possible(self, value: float, *, by: float) -> bool:
        """Whether the metric can have this value, but for rounding ``by`` which it may lie beyond."""
        if self.scale == "log" and value < 0.0:
            return False  # not even by rounding: it has no logarithm
        low, high = self.bounds
        return low - by <= value <= high + by


def log_scale(values: npt.ArrayLike, *, floor: float = 1e-12) -> npt.NDArray[np.float64]:
    """Natural logarithms of non-negative values; zero counts as ``floor``, NaN stays NaN."""
    array = np.asarray(values, dtype=np.float64)
    if np.any(array < 0):
        raise ValueError(f"logarithms need values >= 0, got {np.nanmin(array)}: use scale 'raw'")
    return np.log(np.maximum(array, floor))


def percent_change(difference: float) -> float:
    """A difference of natural logarithms as a change in percent: ln 1.05 is 5."""
    return float(np.expm1(difference)) * 100


_low = partial(Metric, lower_is_better=True, scale="log", bounds=(0.0, math.inf), margin=0.05)
"""Lower is better, compared as ratios."""
_fraction = partial(Metric, unit="fraction", scale="raw", bounds=(0.0, 1.0), margin=0.01)
_loss = partial(_low, unit="nats", source="training", diverged="untrained")
_accuracy = partial(_fraction, lower_is_better=False, source="classes", diverged="untrained")
_share = partial(_fraction, lower_is_better=True, plural=True)
_error = partial(_low, unit="deviations", source="numbers", diverged="untrained")
_ratio = partial(_low, unit="ratio", margin=0.10, diverged="nothing")
_gradients = partial(_ratio, source="gradients", directed=False)
_time = partial(_low, source="experiment", diverged="kept", margin=0.10, timing=True, more="longer")
_rate = partial(_time, unit="per second", lower_is_better=False, plural=True, more="more")
_count = partial(_low, unit="count", diverged="kept", directed=False, plural=True, more="more")
_duration = partial(_count, source="target", directed=True, margin=0.10)

_OF_RATES = "derived: images of the stated workload / measured images per second"

# Margins are nnbench's own defaults: one accuracy point, 5 % of a loss, 10 % of a duration or a speed.
_METRICS = (
    _loss("test_loss", "Test loss"),
    _accuracy("test_accuracy", "Test accuracy"),
    _loss("validation_loss", "Validation loss"),
    _accuracy("validation_accuracy", "Validation accuracy"),
    _loss("train_loss", "Training loss"),
    _accuracy("train_accuracy", "Training accuracy"),
    _loss("loss_gap", "Loss gap (test minus training)", scale="raw", margin=0.02, bounds=_ANY),
    _error("test_mae", "Mean absolute test error"),
    _error("test_rmse", "Root mean squared test error"),
    _error(
        "test_number_rmse",
        "Root mean squared test error of the class's number",
        source="second_task",
    ),
    Metric(
        "test_r2",
        "Explained share of the squares (R²)",
        unit="fraction",
        lower_is_better=False,
        scale="raw",
        margin=0.01,
        bounds=(-math.inf, 1.0),
        source="numbers",
        diverged="untrained",
    ),
    _duration("epochs_to_target", "Epochs to the target", unit="epochs"),
    _duration("steps_to_target", "Steps to the target", unit="steps"),
    _low(
        "images_to_alarm",
        "Images until the alarm",
        unit="images",
        margin=0.10,
        source="streams",
        diverged="nothing",
        plural=True,
        more="more",
    ),
    _share("stuck", "Runs stuck at the start", source="classes", diverged="untrained", margin=0.05),
    _share("dead_units", "Dead units", source="dead_units", diverged="nothing"),
    _share("inactive_units", "Inactive units", source="inactive_units", diverged="nothing"),
    # taken at the first weights: true whatever becomes of the run
    _gradients("gradient_ratio_start", "Gradient ratio at the start", diverged="kept"),
    _gradients("gradient_ratio", "Gradient ratio during training"),
    _ratio("gradient_noise", "Gradient noise", source="gradient_noise"),
    _fraction(
        "largest_input",
        "Gradient at the largest input",
        lower_is_better=True,
        margin=0.10,
        source="largest_input",
        diverged="nothing",
    ),
    _fraction(
        "loss_rises",
        "Share of rises of the training loss",
        lower_is_better=True,
        margin=0.10,
        source="loss_rises",
        diverged="nothing",
    ),
    _fraction(
        "importance",
        "Recovery of the informative inputs",
        lower_is_better=False,
        margin=0.05,
        source="importance",
        diverged="nothing",
    ),
    _share("trapped", "Trapped starts", source="experiment", diverged="kept", margin=0.05),
    _low(
        "barrier",
        "Loss barrier between two solutions",
        unit="nats",
        scale="raw",
        source="experiment",
        diverged="nothing",
    ),
    _ratio("reconstruction_error", "Reconstruction error", margin=0.05, source="rbm"),
    Metric(
        "rank_correlation",
        "Rank correlation",
        unit="correlation",
        lower_is_better=False,
        scale="raw",
        margin=0.1,
        bounds=(-1.0, 1.0),
        source="pick",
        diverged="nothing",
    ),
    _time("seconds", "Training time", unit="seconds"),
    _time("hours", "Training time", unit="hours", derived=_OF_RATES),
    _rate("images_per_second", "Images per second"),
    _count("parameters", "Parameters", source="training"),
    _count("flops", "Floating-point operations of one image", source="experiment"),
)
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}
