"""The dot plot of one finding: every run, the mean with its interval, and what was claimed."""

import math
from collections.abc import Sequence

from nnbench.records.results import Finding
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import LOG, Axis, bottom_axis, padded, spans_decades, switchable
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.levels import LINE, Row, rows_of
from nnbench.report.figures.words import below, below_height, legend
from nnbench.text.rounding import significant, unit_words, with_unit

_BOTTOM, _GAP, _RIGHT = 36.0, 14.0, canvas.WIDTH - 12
_SPREAD = 9.0  # of runs above and below their row's middle
_ZOOM_BELOW = 0.35  # share of the axis under which the measured values get an axis of their own
_MOST_SAID = 60  # runs of a level that say on hover which they are


def dot_plot(finding: Finding, *, alt: str) -> Image:
    """Draw one finding; where claims lie far off, the measurements get an enlarged panel."""
    rows = rows_of(finding)
    bottom = rows[-1].y + rows[0].y
    left = 12 + max(canvas.text_width(row.label) for row in rows)
    log, overview = finding.scale == "log", None
    shapes = [_names(rows, left - 6)]
    if _needs_zoom(rows, log_allowed=log):
        middle = left + (canvas.WIDTH - left) * 0.40
        overview = _axis(rows, log, span=(left, middle - _GAP / 2), claims=True)
        left = middle + _GAP / 2
    axis = _axis(rows, log, span=(left, _RIGHT), claims=overview is None)
    chance = _chance(axis, finding, bottom)
    grid = bottom_axis(axis, top=0, bottom=bottom, most=4 if overview else 6)
    plot = [grid, _panel(axis, rows), chance]
    if overview:
        low, high = (overview.at(end) for end in axis.limits)
        beside = [
            _shade(low, max(high, low + 1.5), bottom),
            bottom_axis(overview, top=0, bottom=bottom, most=4),
            _panel(overview, rows, runs=False),
            _claims(overview, rows),
        ]
        shapes += [_shade(axis.start, axis.end, bottom)]
        shapes += [switchable(overview, *beside), switchable(axis, *plot)]
    else:
        shapes += [switchable(axis, *plot, _claims(axis, rows))]
    shapes += [_edge_marks(axis, rows, worse_is_right=finding.lower_is_better)]
    title = _axis_title(finding, axis, overview)
    shapes += [below(title, bottom + 29)]
    key, top = _legend(rows, repeated=bool(finding.looks), chance=bool(chance))
    body = key + element("g", *shapes, transform=f"translate(0 {canvas.number(top)})")
    height = top + bottom + _BOTTOM + below_height(title)
    return Image(body=body, box=(canvas.WIDTH, height), alt=alt)


def _needs_zoom(rows: Sequence[Row], *, log_allowed: bool) -> bool:
    measured = [value for row in rows for value in row.measured()]
    claimed = [row.claimed for row in rows if row.claimed is not None]
    if not measured or not claimed:
        return False
    log = log_allowed and spans_decades(measured + claimed)
    share = _span(measured, log=log) / (_span(measured + claimed, log=log) or 1.0)
    return share < _ZOOM_BELOW


def _span(values: Sequence[float], *, log: bool) -> float:
    low, high = min(values), max(values)
    return math.log(high / low) if log else high - low


def _axis(
    rows: Sequence[Row], log_allowed: bool, *, span: tuple[float, float], claims: bool
) -> Axis:
    values = [value for row in rows for value in row.measured()]
    if claims:
        values += [row.claimed for row in rows if row.claimed is not None]
    log = log_allowed and spans_decades(values)
    return Axis(limits=padded(values, log=log), log=log, start=span[0], end=span[1])


def _names(rows: Sequence[Row], right: float) -> str:
    """The levels' names to the left of the plot, controls in italics."""
    shown = []
    for row in rows:
        lines = row.label.split("\n")
        style: canvas.Style = {"fill": canvas.MUTED, "font_style": "italic"} if row.control else {}
        first = row.y + 4 - LINE / 2 * (len(lines) - 1)
        shown += [
            canvas.text(right, first + LINE * i, words, **style) for i, words in enumerate(lines)
        ]
    return element("g", *shown, text_anchor="end")


def _shade(start: float, end: float, bottom: float) -> str:
    """The background of the enlarged panel, and of the same place in the overview."""
    return element("rect", x=start, y=0.0, width=end - start, height=bottom, fill=canvas.SHADE)


def _panel(axis: Axis, rows: Sequence[Row], *, runs: bool = True) -> str:
    shown = []
    lines = "".join(
        f"M{canvas.number(axis.start)} {canvas.number(row.y)}H{canvas.number(axis.end)}"
        for row in rows
    )
    shown += [element("path", d=lines, stroke=canvas.GRID)]
    for row in rows:
        shown += [_from_baseline(axis, row)]
        shown += [_runs(axis, row)] if runs else []
        shown += [_estimate(axis, row, row.y)]
    if first := next((i for i, row in enumerate(rows) if row.control), 0):
        y, dashes = (rows[first - 1].y + rows[first].y) / 2, {"stroke_dasharray": "4 3"}
        shown += [canvas.line((axis.start, y), (axis.end, y), canvas.MUTED, 0.8, **dashes)]
    return "".join(shown)


def _from_baseline(axis: Axis, row: Row) -> str:
    """A line from the mean of a level's baseline to its own, which is what is judged."""
    if row.mean is None or row.baseline is None:
        return ""
    said = canvas.titled(f"{row.name}: from {significant(row.baseline, 4)}, its baseline")
    start, end = axis.at(row.baseline), axis.at(row.mean)
    line = canvas.line((start, row.y), (end, row.y), canvas.INK, 1.2)
    return element("g", said, line, _baseline_mark(start, row.y))


def _baseline_mark(x: float, y: float) -> str:
    return canvas.line((x, y - 6), (x, y + 6), canvas.INK, 1.6)


def _runs(axis: Axis, row: Row) -> str:
    """Every run, spread within its row, with its seed and value on hover."""
    ok = [
        (axis.at(value), row.y + _SPREAD * spread(index), _said(row, seed, value))
        for index, (seed, value) in enumerate(row.ok.items())
    ]
    capped = []
    for index, (seed, value) in enumerate(row.capped.items()):
        x, at = axis.at(value), row.y + _SPREAD * spread(index)
        corners, said = [(x - 2.5, at - 3), (x + 3, at), (x - 2.5, at + 3)], _said(row, seed, value)
        capped.append(
            canvas.polygon(corners, *([canvas.titled(f"{said}, capped")] if said else []))
        )
    style: canvas.Style = {"fill": row.colour, "opacity": "0.5"}
    return canvas.runs(ok, row.colour) + (element("g", *capped, **style) if capped else "")


def _said(row: Row, seed: str, value: float) -> str:
    few = len(row.ok) + len(row.capped) <= _MOST_SAID
    return f"seed {seed}: {significant(value, 4)}" if few else ""


def spread(index: int) -> float:
    """Jitter in (-1, 1) that is even for any count: the van der Corput sequence in base two."""
    bits = f"{index + 1:b}"
    return 2.0 * sum(int(bit) / 2.0 ** (i + 1) for i, bit in enumerate(reversed(bits))) - 1.0


def _estimate(axis: Axis, row: Row, y: float) -> str:
    """The mean and its interval, with their numbers on hover."""
    if row.mean is None:
        return ""
    said, bar = f"mean {significant(row.mean, 4)}", ""
    if row.interval is not None:
        ends = [axis.at(end) for end in row.interval]
        round_ = {"stroke_linecap": "round"}
        bar = canvas.line((ends[0], y), (ends[1], y), row.colour, 3.2, **round_)
        low, high = (significant(end, 4) for end in row.interval)
        said = f"{said}, 95 % CI {low} to {high}"
    mark = canvas.dot(axis.at(row.mean), y, 4.4, fill=row.colour, stroke=canvas.PLATE)
    return element("g", canvas.titled(f"{row.name}: {said}"), bar, mark)


def _claims(axis: Axis, rows: Sequence[Row]) -> str:
    shown = [
        canvas.diamond(
            axis.at(row.claimed), row.y, 5,
            canvas.titled(f"{row.name}: claimed {row.claimed:,.6g}"),
        )
        for row in rows
        if row.claimed is not None
    ]  # fmt: skip
    style: canvas.Style = {"fill": "none", "stroke": canvas.CLAIMED, "stroke_width": 1.8}
    # the whole diamond answers to the pointer, not its line alone
    return element("g", *shown, pointer_events="all", **style) if shown else ""


def _edge_marks(axis: Axis, rows: Sequence[Row], *, worse_is_right: bool) -> str:
    """A diverged run has no value on the axis; it stands at the worse edge."""
    edge, step = (axis.end - 5, -7) if worse_is_right else (axis.start + 5, 7)
    most = max(1, int((axis.end - axis.start) / 7) - 1)
    crosses = [
        _cross(edge + step * i, row.y - _SPREAD)
        for row in rows
        for i in range(min(row.diverged, most))
    ]
    return (
        element("path", d="".join(crosses), stroke=canvas.INK, stroke_width=1.4) if crosses else ""
    )


def _cross(x: float, y: float) -> str:
    return f"M{x - 2.6:.1f} {y - 2.6:.1f}l5.2 5.2m0-5.2l-5.2 5.2"


def _chance(axis: Axis, finding: Finding, bottom: float) -> str:
    """The score of an untrained predictor, where the axis has it."""
    if finding.chance is None:
        return ""
    chance = finding.chance * unit_words(finding.unit).factor
    low, high = axis.limits
    if not low < chance < high:
        return ""
    x, said = axis.at(chance), f"an untrained predictor: {significant(chance, 4)}"
    line = canvas.line((x, 0), (x, bottom), canvas.MUTED, 1.4, stroke_dasharray="1.5 2")
    return element("g", canvas.titled(said), line)


def _axis_title(finding: Finding, axis: Axis, overview: Axis | None) -> str:
    title = with_unit(finding.metric_title, finding.unit)
    if finding.directed:
        title += f" ({'lower' if finding.lower_is_better else 'higher'} is better)"
    if overview is None:
        return f"{title}; {LOG}" if axis.log else title
    scale = f"; {LOG}" if axis.log else f"; left: {LOG}" if overview.log else ""
    return f"{title}; right: enlarged{scale}"


def _legend(rows: Sequence[Row], *, repeated: bool, chance: bool) -> tuple[str, float]:
    """Name the marks that are drawn; and the height that this takes."""
    bar = any(row.interval for row in rows)
    interval = "mean, 95 % repeated CI" if repeated else "mean, 95 % CI"
    style: canvas.Style = {"fill": "none", "stroke": canvas.CLAIMED, "stroke_width": 1.8}
    marks = (
        (True, _mean_mark(bar=bar), interval if bar else "measured"),
        (any(row.ok for row in rows), canvas.runs([(0, 0, "")], canvas.MEASURED), "one run"),
        (any(row.claimed is not None for row in rows), canvas.diamond(0, 0, 4.4, **style), "claimed"),
        (any(row.baseline is not None for row in rows), _baseline_mark(0, 0), "its baseline"),
        (any(row.diverged for row in rows),
         element("path", d=_cross(0, 0), stroke=canvas.INK, stroke_width=1.4), "diverged"),
        (any(row.capped for row in rows),
         canvas.polygon([(-2.5, -3), (3, 0), (-2.5, 3)], fill=canvas.MEASURED, opacity="0.5"), "capped"),
        (chance, canvas.line((0, -6), (0, 6), canvas.MUTED, 1.4, stroke_dasharray="1.5 2"), "untrained"),
    )  # fmt: skip
    return legend([(mark, words) for drawn, mark, words in marks if drawn])


def _mean_mark(*, bar: bool) -> str:
    round_ = {"stroke_linecap": "round"}
    line = canvas.line((-8, 0), (8, 0), canvas.MEASURED, 3.2, **round_) if bar else ""
    return line + canvas.dot(0, 0, 4, fill=canvas.MEASURED)
