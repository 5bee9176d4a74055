"""Learning curves of one finding: one line per level, named at its end, the tested epoch marked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nnbench.records.level import LevelResult, Series
from nnbench.records.results import Finding
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import (
    LOG,
    Axis,
    bottom_axis,
    left_axis,
    padded,
    spans_decades,
    switchable,
)
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.words import below
from nnbench.text.rounding import loss_unit, significant, unit_words, with_unit

_TOP, _BOTTOM, _LEFT, _PLOT = 42.0, 36.0, 46.0, 190.0
_MOST_POINTS = 100  # more than the eye resolves at this width; keeps the file small
_LINE_HEIGHT = 14.0
_NAMES = 118.0  # the most room of names beside the plot
_DASHES = (None, "6 2", "1.5 1.5", "6 2 1.5 2")
_STRAIGHT = 0.3  # pixels that a point may lie off the line between its neighbours and be left out
Point = tuple[float, float]


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
    tested: float | None  # the epoch, as a median over runs

    def known(self) -> list[Point]:
        """The points that exist."""
        return [(x, y) for x, y in zip(self.x, self.y, strict=True) if math.isfinite(y)]

    def end(self) -> Point | None:
        """The last point that exists."""
        return (*self.known(), None)[-2] if self.known() else None

    def at(self, epoch: float) -> float | None:
        """The curve's height at an epoch, on the line between the points around it."""
        points = self.known()
        for (x, y), (after, then) in pairwise(points):
            if x <= epoch <= after:
                return y + (then - y) * (epoch - x) / ((after - x) or 1.0)
        return None


def learning_curves(finding: Finding, *, alt: str) -> Image | None:
    """Draw the metric's validation curves; None where no run left any."""
    key, title, unit = _what(finding)
    lines = _lines(finding.levels, key=key, unit=unit)
    if not lines:
        return None
    names = [_name(line) for line in lines]
    right = canvas.WIDTH - 14 - max(canvas.text_width("\n".join(name)) for name in names)
    bottom = _TOP + max(_PLOT, _LINE_HEIGHT * sum(map(len, names)))
    across, up = _axes(lines, loss=unit == "nats", right=right, bottom=bottom)
    marked = [_tested(line, across, up) for line in lines]
    upwards = [
        left_axis(up, left=_LEFT, right=right),
        *(_draw(line, across, up, dashes=_DASHES[i % 4]) for i, line in enumerate(lines)),
        *marked,
        _name_ends(lines, across, up),
    ]
    epochs, measured = (f"; {LOG}" if axis.log else "" for axis in (across, up))
    grid, plot = bottom_axis(across, top=bottom, bottom=bottom), switchable(up, *upwards, way="y")
    shapes = [
        canvas.text(8, 14, f"{title}{measured}", fill=canvas.MUTED, size=canvas.SMALL),
        canvas.text(8, 29, _legend(any(marked)), fill=canvas.MUTED, size=canvas.SMALL),
        switchable(across, grid, plot),
        below(f"epoch{epochs}", bottom + 29, right=right),
    ]
    return Image(body="".join(shapes), box=(canvas.WIDTH, bottom + _BOTTOM), alt=alt)


def _name(line: Line) -> list[str]:
    """A level's name, on two lines where it is long."""
    return canvas.wrapped(line.label, _NAMES, most=2)


def _legend(marked: bool) -> str:
    return "mean of runs, 95 % CI" + (
        "; ◆ the epoch that is tested (median of runs)" if marked else ""
    )


def _what(finding: Finding) -> tuple[str, str, str]:
    """The name, title and unit of the curves: accuracies where these are what counts, else losses."""
    by_accuracy = finding.unit in ("fraction", "epochs", "steps")
    if by_accuracy and any("validation_accuracy" in (lv.curves or {}) for lv in finding.levels):
        return "validation_accuracy", "Validation accuracy, %", "fraction"
    loss = with_unit("Validation loss", loss_unit(finding.objective, finding.task))
    return "validation_loss", f"{loss} (faint: training)", "nats"


def _lines(levels: Sequence[LevelResult], *, key: str, unit: str) -> list[Line]:
    own = [level.level for level in levels if level.role != "control"]
    palette = dict(zip(own, canvas.colours(own), strict=True))
    return [
        _line(
            level, level.curves, key=key, unit=unit, colour=palette.get(level.level, canvas.CONTROL)
        )
        for level in levels
        if level.curves and key in level.curves
    ]


def _line(
    level: LevelResult, curves: Mapping[str, Series], *, key: str, unit: str, colour: str
) -> Line:
    keep = _thinned(len(curves["epochs"]))
    epochs = [epoch for epoch in curves["epochs"] if epoch is not None]

    def series(name: str) -> tuple[float, ...] | None:
        if name not in curves:
            return None
        factor, found = unit_words(unit).factor, (curves[name][i] for i in keep)
        return tuple(math.nan if value is None else value * factor for value in found)

    return Line(
        label=level.level,
        colour=colour,
        x=tuple(epochs[i] for i in keep),  # fails if one is missing: such curves cannot be drawn
        y=series(key) or (),
        low=series(f"{key}_low"),
        high=series(f"{key}_high"),
        train=series("train_loss") if unit == "nats" else None,
        tested=level.tested_epoch,
    )


def _thinned(count: int) -> list[int]:
    """Indices of at most ``_MOST_POINTS`` points, dense at the start, where curves bend most."""
    if count <= _MOST_POINTS:
        return list(range(count))
    power = 1.5
    steps = (i / (_MOST_POINTS - 1) for i in range(_MOST_POINTS))
    return sorted({round((count - 1) * step**power) for step in steps})


def _axes(lines: Sequence[Line], *, loss: bool, right: float, bottom: float) -> tuple[Axis, Axis]:
    """The axes of epochs and of what is measured."""
    y = [value for line in lines for value in line.y if math.isfinite(value)]
    log_y = loss and spans_decades(y, factor=5)
    # Training losses may fall by decades; they are followed to half the best validation loss.
    low, high = min(y, default=0.0) / 2, max(y, default=0.0)
    y += [value for line in lines for value in line.train or () if low <= value <= high]
    x = [value for line in lines for value in line.x]
    log_x = spans_decades([line.x[-1] for line in lines], factor=8) and min(x) > 0
    limits = padded(x, log=log_x, share=0.02)
    return (
        Axis(limits=limits, log=log_x, start=_LEFT, end=right),
        Axis(limits=padded(y, log=log_y), log=log_y, start=bottom, end=_TOP),
    )


def _draw(line: Line, across: Axis, up: Axis, *, dashes: str | None) -> str:
    """A level's interval, training curve and validation curve; its end is said on hover."""
    style: canvas.Style = {"stroke": line.colour, "fill": "none", "stroke_dasharray": dashes}
    shapes = []
    if line.low is not None and line.high is not None:
        shapes.append(_band(line, across, up))
    if line.train is not None:
        faint: canvas.Style = {"stroke_width": 0.9, "opacity": "0.45"}
        shapes.append(element("path", d=_path(line.x, line.train, across, up), **style, **faint))
    shapes.append(element("path", d=_path(line.x, line.y, across, up), stroke_width=1.9, **style))
    end = line.end()
    said = f"{line.label}: ends at {significant(end[1], 3)}" if end else line.label
    return element("g", canvas.titled(said), *shapes)


def _band(line: Line, across: Axis, up: Axis) -> str:
    """The 95 % interval, within the plot."""
    ends = zip(line.x, line.low or (), line.high or (), strict=True)
    known = [(across.at(x), up.within(a), up.within(b)) for x, a, b in ends if math.isfinite(a + b)]
    if not known:
        return ""
    there = sparse([(x, high) for x, _, high in known])
    back = sparse([(x, low) for x, low, _ in known])[::-1]
    return canvas.polygon([*there, *back], fill=line.colour, opacity="0.16")


def _path(x: Sequence[float], y: Sequence[float], across: Axis, up: Axis) -> str:
    """The lines between points, cut where one is missing or lies beyond the plot."""
    parts: list[list[Point]] = [[]]
    for at, value in zip(x, y, strict=True):
        if math.isfinite(value) and up.limits[0] <= value <= up.limits[1]:
            parts[-1].append((across.at(at), up.at(value)))
        elif parts[-1]:
            parts.append([])
    return "".join(canvas.track(sparse(part)) for part in parts if part)


def sparse(points: Sequence[Point]) -> list[Point]:
    """Without the points that lie on the line between those around them (Ramer, Douglas and Peucker)."""
    if len(points) < 3:
        return list(points)
    (x, y), (end_x, end_y) = points[0], points[-1]
    length = math.hypot(end_x - x, end_y - y) or 1.0
    off = [abs((end_y - y) * (a - x) - (end_x - x) * (b - y)) / length for a, b in points]
    furthest = off.index(max(off))
    if off[furthest] <= _STRAIGHT:
        return [points[0], points[-1]]
    return sparse(points[: furthest + 1])[:-1] + sparse(points[furthest:])


def _tested(line: Line, across: Axis, up: Axis) -> str:
    """A diamond on the curve at the epoch whose weights are tested."""
    height = None if line.tested is None else line.at(line.tested)
    if line.tested is None or height is None:
        return ""
    said = canvas.titled(f"{line.label}: tested at epoch {significant(line.tested, 3)}")
    place = (across.at(line.tested), up.within(height))
    return canvas.diamond(*place, 4.6, said, fill=line.colour, stroke=canvas.PLATE)


def _name_ends(lines: Sequence[Line], across: Axis, up: Axis) -> str:
    """Each line's name beside its end, in ink; a stroke of the line's colour leads to it."""
    ends = [(line, _name(line), end) for line in lines if (end := line.end())]
    wanted = [up.start - up.within(end[1]) for *_, end in ends]
    heights = [_LINE_HEIGHT * len(name) for _, name, _ in ends]
    places = spaced(wanted, heights, top=up.start - up.end)
    shown = []
    for (line, name, end), place in zip(ends, places, strict=True):
        y, ends_at = up.start - place, (across.at(end[0]), up.within(end[1]))
        leader = canvas.line(
            ends_at, (across.end + 7, y), line.colour, 0.8, stroke_dasharray="1 3", class_="lead"
        )
        base = y + 4 - _LINE_HEIGHT / 2 * (len(name) - 1)
        words = [
            canvas.text(across.end + 10, base + _LINE_HEIGHT * i, part)
            for i, part in enumerate(name)
        ]
        shown += [leader, canvas.dot(*ends_at, 2.6, fill=line.colour), *words]
    return "".join(shown)


def spaced(positions: Sequence[float], heights: Sequence[float], *, top: float) -> list[float]:
    """Middles moved apart by as little as needed, so that no two heights overlap, kept between 0 and ``top``.

    Neighbours that would overlap form a block around the mean of what they want.
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    blocks: list[list[int]] = []

    def low(block: Sequence[int]) -> float:
        length = sum(heights[i] for i in block)
        middle = sum(positions[i] for i in block) / len(block)
        return max(-heights[block[0]] / 2, min(middle - length / 2, top - length))

    def high(block: Sequence[int]) -> float:
        return low(block) + sum(heights[i] for i in block)

    for i in order:
        blocks.append([i])
        while len(blocks) > 1 and low(blocks[-1]) < high(blocks[-2]):
            last = blocks.pop()
            blocks[-1] += last
    found = dict[int, float]()
    for block in blocks:
        y = low(block)
        for i in block:
            found[i] = y + heights[i] / 2
            y += heights[i]
    return [found[i] for i in range(len(positions))]
