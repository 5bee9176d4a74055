"""The forest plot of a claim: a pair's difference in every context, pooled, and in a new one."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from nnbench.metrics import METRICS
from nnbench.records.general import ContextEffect, ContextResult, GeneralPairResult
from nnbench.records.results import ClaimResult
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, padded, set_axis, spans_decades
from nnbench.report.general import leading

_ROW, _TOP, _BOTTOM, _CHARACTERS = 15.0, 24.0, 34.0, 22
_REACH = 1.5  # spans of the estimates that the axis shows around them; longer bars are cut
Contexts = Mapping[str, ContextResult]


def forest_plot(claim: ClaimResult, contexts: Sequence[ContextResult]) -> Image | None:
    """The pair that the claim's sentence names; None where there is nothing to draw."""
    pair = leading(claim.general) if claim.general else None
    if pair is None or pair.difference is None:
        return None
    known = {context.name: context for context in contexts}
    effects = sorted(
        pair.effects, key=lambda e: (known[e.context].dataset_title, e.difference or 0)
    )
    labels = [_label(known[effect.context]) for effect in effects] + ["average", "in a new context"]
    figure = canvas.new_figure(_TOP + _BOTTOM + _ROW * len(labels))
    left = 10 + max(canvas.text_width(label) for label in labels) * canvas.SMALL / canvas.TEXT
    axes = canvas.axes_within(figure, (left, _TOP, 12, _BOTTOM))
    _scale(axes, pair, claim.metric)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels, fontsize=canvas.SMALL)
    for y, effect in enumerate(effects):
        _effect(axes, effect, y, claim.metric)
    _pooled(axes, pair, len(effects), claim.metric)
    _legend(axes)
    canvas.name_axis(figure, _title(pair, claim.metric))
    return canvas.render(figure, alt=f"{claim.title}. {pair.text}")


def _label(context: ContextResult) -> str:
    return canvas.shortened(f"{context.dataset_title} · {context.name}", _CHARACTERS)


def shown(value: float, metric: str) -> float:
    """A difference as the axis has it: a ratio on the log scale, in the metric's shown unit else."""
    known = METRICS[metric]
    if known.scale == "log":
        return math.exp(min(value, 700.0))
    return value * (100.0 if known.unit == "fraction" else 1.0)


def _scale(axes: Axes, pair: GeneralPairResult, metric: str) -> None:
    estimates = [e.difference for e in pair.effects if e.difference is not None]
    estimates += [v for v in (0.0, pair.margin, -pair.margin, pair.difference) if v is not None]
    low, high = min(estimates), max(estimates)
    room = (_REACH - 1) * (high - low)
    ends = [v for e in pair.effects for v in (e.low, e.high) if v is not None]
    ends += [v for v in (pair.low, pair.high) if v is not None]
    within = [v for v in ends if low - room <= v <= high + room]
    values = [shown(v, metric) for v in (*estimates, *within)]
    log = METRICS[metric].scale == "log" and spans_decades(values, factor=4.0)
    limits = padded(values, log=log)
    set_axis(axes, "x", limits=limits, log=log, most=6)
    band = [shown(v, metric) for v in (-pair.margin, pair.margin)]
    axes.axvspan(*band, color=canvas.SHADE, lw=0, zorder=0)
    axes.axvline(shown(0.0, metric), color=canvas.MUTED, lw=1, zorder=1)


def _effect(axes: Axes, effect: ContextEffect, y: int, metric: str) -> None:
    if effect.difference is None:
        return
    clear = effect.shown in ("as claimed", "small", "holds", "reversed", "violated")
    colour = canvas.MEASURED if clear else canvas.CONTROL
    if effect.low is not None and effect.high is not None:
        interval = [shown(end, metric) for end in (effect.low, effect.high)]
        axes.plot(interval, (y, y), color=colour, lw=1.6, zorder=2)
    axes.plot(shown(effect.difference, metric), y, "o", color=colour, ms=4.5, mew=0, zorder=3)


def _pooled(axes: Axes, pair: GeneralPairResult, y: int, metric: str) -> None:
    axes.axhline(y - 0.5, color=canvas.MUTED, lw=0.8, zorder=1)
    if pair.difference is None:
        return
    if pair.low is not None and pair.high is not None:
        ends = [shown(end, metric) for end in (pair.low, pair.high)]
        axes.plot(ends, (y, y), color=canvas.INK, lw=3, solid_capstyle="round", zorder=3)
    axes.plot(shown(pair.difference, metric), y, "D", color=canvas.INK, ms=6, mew=0, zorder=4)
    if pair.prediction_low is not None and pair.prediction_high is not None:
        new = [shown(end, metric) for end in (pair.prediction_low, pair.prediction_high)]
        axes.plot(new, (y + 1, y + 1), color=canvas.INK, lw=1.4, ls=(0, (3, 2)), zorder=3)


def _title(pair: GeneralPairResult, metric: str) -> str:
    known = METRICS[metric]
    a, b = (canvas.shortened(name, 20) for name in (pair.a, pair.b))
    if known.scale == "log":
        worse, better = (b, a) if known.lower_is_better else (a, b)
        return f"{known.title}: {worse} over {better}; right of 1: as claimed"
    unit = "points" if known.unit == "fraction" else known.unit
    return f"{known.title}: {a} against {b}, {unit}; right of 0: as claimed"


def _legend(axes: Axes) -> None:
    marks = (
        ("clear by itself", canvas.MEASURED),
        ("unclear or equal", canvas.CONTROL),
    )
    handles = [
        Line2D([], [], color=colour, lw=1.6, marker="o", ms=4.5, mew=0, label=label)
        for label, colour in marks
    ]
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncol=2, frameon=False,
        fontsize=canvas.SMALL, labelcolor=canvas.MUTED, borderaxespad=0.1, handlelength=1.6,
    )  # fmt: skip
