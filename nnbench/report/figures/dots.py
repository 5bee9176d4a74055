"""The dot plot of one finding: every run, the mean with its interval, and what was claimed."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbench.records.level import LevelResult
from nnbench.records.results import Finding
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import Axis, bottom_axis, padded, spans_decades
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.words import below, below_height, legend
from nnbench.report.tables import ordered_levels
from nnbench.text.rounding import significant, unit_words, with_unit

_ROW, _TOP, _BOTTOM, _GAP, _RIGHT = 30.0, 30.0, 36.0, 14.0, canvas.WIDTH - 12
_ZOOM_BELOW = 0.35  # share of the axis under which the measured values get an axis of their own
_LABEL_CHARACTERS = 16
_MOST_SAID = 60  # runs of a level that say on hover which they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One level as it is drawn, in shown units."""

    name: str
    label: str
    control: bool
    claimed: float | None
    mean: float | None
    interval: tuple[float, float] | None
    ok: Mapping[str, float]  # by seed
    capped: Mapping[str, float]
    diverged: int

    @property
    def colour(self) -> str:
        """Controls, about which nothing is claimed, stand back in grey."""
        return canvas.CONTROL if self.control else canvas.MEASURED

    def measured(self) -> list[float]:
        """Everything measured that the axis can show."""
        mean = [] if self.mean is None else [self.mean]
        return [*self.ok.values(), *self.capped.values(), *(self.interval or ()), *mean]


def rows_of(finding: Finding) -> list[Row]:
    """The levels in the document's order, then the controls."""
    factor = unit_words(finding.unit).factor
    return [_row(level, factor=factor) for level in ordered_levels(finding)]


def _row(level: LevelResult, *, factor: float) -> Row:
    def runs(status: str) -> dict[str, float]:
        wanted = (seed for seed, word in level.seed_status.items() if word == status)
        values = ((seed, level.values.get(seed)) for seed in wanted)
        return {seed: value * factor for seed, value in values if value is not None}

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    low, high = scaled(level.low), scaled(level.high)
    why = "(not measured)" if level.not_measured else "(no runs)"
    remark = [why] if level.mean is None else []
    return Row(
        name=level.level,
        label="\n".join([*_two_lines(level.level), *remark]),
        control=level.role == "control",
        claimed=scaled(level.claimed),
        mean=scaled(level.mean),
        interval=None if low is None or high is None else (low, high),
        ok=runs("ok"),
        capped=runs("capped"),
        diverged=level.diverged,
    )


def _two_lines(name: str) -> list[str]:
    """A name as a row has room for it; what is longer is cut."""
    first, *rest = textwrap.wrap(name, _LABEL_CHARACTERS) or [name]
    return [first, canvas.shortened(" ".join(rest), _LABEL_CHARACTERS)] if rest else [first]


def dot_plot(finding: Finding, *, alt: str) -> Image:
    """Draw one finding; where claims lie far off, the measurements get an enlarged panel."""
    rows = rows_of(finding)
    bottom = _TOP + _ROW * len(rows)
    left = 12 + max(canvas.text_width(row.label) for row in rows)
    shapes = [_names(rows, left - 6)]
    log = finding.scale == "log"
    if enlarged := _needs_zoom(rows, log_allowed=log):
        middle = left + (canvas.WIDTH - left) * 0.40
        axis = _axis(rows, log, span=(middle + _GAP / 2, _RIGHT), claims=False)
        overview = _axis(rows, log, span=(left, middle - _GAP / 2), claims=True)
        shapes += [_shade(axis, overview, bottom)]
        shapes += [bottom_axis(overview, top=_TOP, bottom=bottom, most=4)]
        shapes += [_panel(overview, rows, runs=False), _claims(overview, rows)]
        shapes += [bottom_axis(axis, top=_TOP, bottom=bottom, most=4), _panel(axis, rows)]
    else:
        axis = _axis(rows, log, span=(left, _RIGHT), claims=True)
        shapes += [bottom_axis(axis, top=_TOP, bottom=bottom), _panel(axis, rows)]
        shapes += [_claims(axis, rows)]
    shapes += [_edge_marks(axis, rows, worse_is_right=finding.lower_is_better)]
    shapes += [_chance(axis, finding, bottom), _legend(rows, repeated=bool(finding.looks))]
    title = _axis_title(finding, enlarged=enlarged)
    shapes += [below(title, bottom + 29)]
    height = bottom + _BOTTOM + below_height(title)
    return Image(body="".join(shapes), box=(canvas.WIDTH, height), alt=alt)


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


def _middle(index: int) -> float:
    return _TOP + _ROW * (index + 0.5)


def _names(rows: Sequence[Row], right: float) -> str:
    """The levels' names to the left of the plot, controls in italics."""
    shown = []
    for index, row in enumerate(rows):
        lines = row.label.split("\n")
        style: canvas.Style = {"fill": canvas.MUTED, "font_style": "italic"} if row.control else {}
        first = _middle(index) + 4 - 6.5 * (len(lines) - 1)
        shown += [
            canvas.text(right, first + 13 * i, words, **style) for i, words in enumerate(lines)
        ]
    return element("g", *shown, text_anchor="end")


def _shade(axis: Axis, overview: Axis, bottom: float) -> str:
    """What the enlarged panel shows: its background, and the same place in the overview."""
    low, high = (overview.at(end) for end in axis.limits)
    areas = ((axis.start, axis.end), (low, max(high, low + 1.5)))
    boxes = (element("rect", x=a, y=_TOP, width=b - a, height=bottom - _TOP) for a, b in areas)
    return element("g", *boxes, fill=canvas.SHADE)


def _panel(axis: Axis, rows: Sequence[Row], *, runs: bool = True) -> str:
    shown = []
    for index, row in enumerate(rows):
        y = _middle(index)
        shown += [canvas.line((axis.start, y), (axis.end, y), canvas.GRID)]
        shown += [_runs(axis, row, y)] if runs else []
        shown += [_estimate(axis, row, y)]
    if first := next((i for i, row in enumerate(rows) if row.control), 0):
        y, dashes = _middle(first) - _ROW / 2, {"stroke_dasharray": "4 3"}
        shown += [canvas.line((axis.start, y), (axis.end, y), canvas.MUTED, 0.8, **dashes)]
    return "".join(shown)


def _runs(axis: Axis, row: Row, y: float) -> str:
    """Every run, spread within its row, with its seed and value on hover."""
    shown = []
    for index, (seed, value) in enumerate(row.ok.items()):
        at = y + 0.3 * _ROW * spread(index)
        shown.append(canvas.dot(axis.at(value), at, 2.2, *_said(row, seed, value)))
    for index, (seed, value) in enumerate(row.capped.items()):
        x, at = axis.at(value), y + 0.3 * _ROW * spread(index)
        corners = [(x - 2.5, at - 3), (x + 3, at), (x - 2.5, at + 3)]
        shown.append(canvas.polygon(corners, *_said(row, f"{seed}, capped", value)))
    return element("g", *shown, fill=row.colour, opacity="0.5") if shown else ""


def _said(row: Row, seed: str, value: float) -> tuple[str, ...]:
    few = len(row.ok) + len(row.capped) <= _MOST_SAID
    return (canvas.titled(f"seed {seed}: {significant(value, 4)}"),) if few else ()


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
            axis.at(row.claimed), _middle(index), 5,
            canvas.titled(f"{row.name}: claimed {row.claimed:,.6g}"),
        )
        for index, row in enumerate(rows)
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
        _cross(edge + step * i, _middle(index) - 0.3 * _ROW)
        for index, row in enumerate(rows)
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
    x, half = axis.at(chance), canvas.text_width("untrained", canvas.SMALL) / 2
    style: canvas.Style = {"fill": canvas.MUTED, "size": canvas.SMALL, "text_anchor": "middle"}
    named = canvas.text(min(x, canvas.WIDTH - half), _TOP - 2, "untrained", **style)
    return canvas.line((x, _TOP), (x, bottom), canvas.MUTED, stroke_dasharray="1 2") + named


def _axis_title(finding: Finding, *, enlarged: bool) -> str:
    title = with_unit(finding.metric_title, finding.unit)
    if finding.directed:
        title += f" ({'lower' if finding.lower_is_better else 'higher'} is better)"
    return f"{title}; right: enlarged" if enlarged else title


def _legend(rows: Sequence[Row], *, repeated: bool) -> str:
    """Name the marks that are drawn."""
    bar = any(row.interval for row in rows)
    interval = "mean, 95 % repeated CI" if repeated else "mean, 95 % CI"
    style: canvas.Style = {"fill": "none", "stroke": canvas.CLAIMED, "stroke_width": 1.8}
    marks = (
        (True, _mean_mark(bar=bar), interval if bar else "measured"),
        (any(row.ok for row in rows), canvas.dot(0, 0, 2.2, fill=canvas.MEASURED, opacity="0.5"), "one run"),
        (any(row.claimed is not None for row in rows), canvas.diamond(0, 0, 4.4, **style), "claimed"),
        (any(row.diverged for row in rows),
         element("path", d=_cross(0, 0), stroke=canvas.INK, stroke_width=1.4), "diverged"),
        (any(row.capped for row in rows),
         canvas.polygon([(-2.5, -3), (3, 0), (-2.5, 3)], fill=canvas.MEASURED, opacity="0.5"), "capped"),
    )  # fmt: skip
    return legend([(mark, words) for drawn, mark, words in marks if drawn])


def _mean_mark(*, bar: bool) -> str:
    round_ = {"stroke_linecap": "round"}
    line = canvas.line((-8, 0), (8, 0), canvas.MEASURED, 3.2, **round_) if bar else ""
    return line + canvas.dot(0, 0, 4, fill=canvas.MEASURED)
