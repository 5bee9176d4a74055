"""Learning curves of one finding: one line per level, named at its end."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from nnbench.records.level import LevelResult, Series
from nnbench.records.results import Finding
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, padded, set_axis, spans_decades
from nnbench.text.rounding import loss_unit, unit_words, with_unit

_TOP, _BOTTOM, _LEFT, _PLOT = 26.0, 36.0, 44.0, 190.0
_MOST_POINTS = 100  # more than the eye resolves at this width; keeps the file small
_LINE_HEIGHT = 12.5
_DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_MARKERS = "osD^vPX*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One level's curve in shown units, thinned, gaps as NaN."""

    label: str
    colour: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] | None
    high: tuple[float, ...] | None
    train: tuple[float, ...] | None

    def end(self) -> tuple[float, float] | None:
        """The last point that exists."""
        points = [(x, y) for x, y in zip(self.x, self.y, strict=True) if math.isfinite(y)]
        return points[-1] if points else None


def learning_curves(finding: Finding, *, alt: str) -> Image | None:
    """Draw the metric's validation curves; None where no run left any."""
    key, title, unit = _what(finding)
    lines = _lines(finding.levels, key=key, unit=unit)
    if not lines:
        return None
    right = 14 + min(130, max(canvas.text_width(line.label) for line in lines))
    plot = max(_PLOT, _LINE_HEIGHT * len(lines))
    figure = canvas.new_figure(_TOP + plot + _BOTTOM)
    axes = canvas.axes_within(figure, (_LEFT, _TOP, right, _BOTTOM))
    _scales(axes, lines, loss=unit == "nats")
    for index, line in enumerate(lines):
        _draw(axes, line, index=index)
    _name_ends(axes, lines, plot=plot)
    place = (10 / canvas.WIDTH, 1 - 14 / (_TOP + plot + _BOTTOM))
    figure.text(*place, title, color=canvas.MUTED, fontsize=canvas.SMALL)
    canvas.name_axis(figure, "epoch", right=right)
    return canvas.render(figure, alt=alt)


def _what(finding: Finding) -> tuple[str, str, str]:
    """The name, title and unit of the curves: accuracies where these are what counts, else losses."""
    by_accuracy = finding.unit in ("fraction", "epochs", "steps")
    if by_accuracy and any("validation_accuracy" in (lv.curves or {}) for lv in finding.levels):
        return "validation_accuracy", "Validation accuracy, % (mean over runs)", "fraction"
    loss = with_unit("Validation loss", loss_unit(finding.objective, finding.task))
    return "validation_loss", f"{loss} (mean of runs, 95 % CI; faint: training)", "nats"


def _lines(levels: Sequence[LevelResult], *, key: str, unit: str) -> list[Line]:
    own = [level.level for level in levels if level.role != "control"]
    palette = dict(zip(own, canvas.colours(own), strict=True))
    return [
        _line(name, curves, key=key, unit=unit, colour=palette.get(name, canvas.CONTROL))
        for name, curves in ((level.level, level.curves) for level in levels)
        if curves and key in curves
    ]


def _line(label: str, curves: Mapping[str, Series], *, key: str, unit: str, colour: str) -> Line:
    keep = _thinned(len(curves["epochs"]))
    epochs = [epoch for epoch in curves["epochs"] if epoch is not None]

    def series(name: str) -> tuple[float, ...] | None:
        if name not in curves:
            return None
        factor, found = unit_words(unit).factor, (curves[name][i] for i in keep)
        return tuple(math.nan if value is None else value * factor for value in found)

    return Line(
        label=label,
        colour=colour,
        x=tuple(epochs[i] for i in keep),  # fails if one is missing: such curves cannot be drawn
        y=series(key) or (),
        low=series(f"{key}_low"),
        high=series(f"{key}_high"),
        train=series("train_loss") if unit == "nats" else None,
    )


def _thinned(count: int) -> list[int]:
    """Indices of at most ``_MOST_POINTS`` points, dense at the start, where curves bend most."""
    if count <= _MOST_POINTS:
        return list(range(count))
    power = 1.5
    steps = (i / (_MOST_POINTS - 1) for i in range(_MOST_POINTS))
    return sorted({round((count - 1) * step**power) for step in steps})


def _scales(axes: Axes, lines: Sequence[Line], *, loss: bool) -> None:
    y = [value for line in lines for value in line.y if math.isfinite(value)]
    log_y = loss and spans_decades(y, factor=5)
    # Training losses may fall by decades; they are followed to half the best validation loss.
    low, high = min(y, default=0.0) / 2, max(y, default=0.0)
    y += [value for line in lines for value in line.train or () if low <= value <= high]
    set_axis(axes, "y", limits=padded(y, log=log_y), log=log_y)
    lasts = [line.x[-1] for line in lines]
    x = [value for line in lines for value in line.x]
    log_x = spans_decades(lasts, factor=8) and min(x) > 0
    set_axis(axes, "x", limits=padded(x, log=log_x, share=0.02), log=log_x)
    axes.grid(visible=False, axis="x")


def _draw(axes: Axes, line: Line, *, index: int) -> None:
    colour, dashes = line.colour, _DASHES[index % len(_DASHES)]
    if line.train is not None:
        axes.plot(line.x, line.train, color=colour, lw=0.9, alpha=0.45, ls=dashes)
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.16, lw=0)
    axes.plot(line.x, line.y, color=colour, lw=1.9, ls=dashes)
    end = line.end()
    if end is not None:
        marker = _MARKERS[index % len(_MARKERS)]
        axes.plot(*end, marker, color=colour, ms=5, clip_on=False, zorder=5)


def _name_ends(axes: Axes, lines: Sequence[Line], *, plot: float) -> None:
    ends = [(line, end) for line in lines if (end := line.end())]
    shares = [
        float(axes.transAxes.inverted().transform(axes.transData.transform(e))[1]) for _, e in ends
    ]
    places = spaced([share * plot for share in shares], gap=_LINE_HEIGHT, top=plot)
    for (line, end), at in zip(ends, places, strict=True):
        axes.annotate(
            canvas.shortened(line.label, 20), end, xytext=(1.0, at / plot), color=line.colour, va="center",
            xycoords="data", textcoords="axes fraction", fontsize=canvas.TEXT, annotation_clip=False,
        ).set_x(1.0 + 9 / (canvas.WIDTH - _LEFT))  # fmt: skip


def spaced(positions: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Positions moved apart to ``gap``, as little as needed, kept between 0 and ``top``.

    Neighbours that would overlap form a block around the mean of what they want.
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    blocks: list[list[float]] = []

    def start(block: Sequence[float]) -> float:
        length = gap * (len(block) - 1)
        return max(0.0, min(sum(block) / len(block) - length / 2, top - length))

    for i in order:
        blocks.append([positions[i]])
        while len(blocks) > 1 and start(blocks[-1]) < start(blocks[-2]) + gap * len(blocks[-2]):
            last = blocks.pop()
            blocks[-1] += last
    placed = (start(block) + gap * k for block in blocks for k in range(len(block)))
    result = dict(zip(order, placed, strict=True))
    return [result[i] for i in range(len(positions))]
