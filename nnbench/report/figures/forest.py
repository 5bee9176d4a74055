"""Forest plots: differences with their intervals and margins, of a finding's pairs or of a pair over contexts."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from nnbench.claims.outcomes import named
from nnbench.metrics import METRICS, Metric
from nnbench.records.general import ContextEffect, ContextResult, GeneralPairResult
from nnbench.records.pair import PairResult
from nnbench.records.results import ClaimResult, Finding
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import (
    LOG,
    Axis,
    bottom_axis,
    down,
    padded,
    spans_decades,
    switchable,
)
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.words import below, below_height, legend
from nnbench.report.general import described, towards, towards_of
from nnbench.text.changes import OF_CHANGES
from nnbench.text.generality import brief
from nnbench.text.rounding import unit_words
from nnbench.text.vocabulary import TONES, pair_chip, shown_chip

_BOTTOM, _LEAST, _GAP = 36.0, 72.0, 8.0  # below a plot; its least width; between it and its numbers
_NAMES, _LINE = (
    0.36,
    13.5,
)  # the most of a figure that names beside a plot take; the height of a line of them
_REACH = 1.5  # spans of the estimates that the axis shows around them; longer bars are cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One difference on the analysis scale, positive as claimed."""

    name: str
    said: str  # on hover, before the numbers
    colour: str
    middle: float | None
    low: float | None
    high: float | None
    margin: float
    numbers: str  # what stands beside its bar
    shape: str = "dot"  # or ``diamond``: pooled, ``none``: an interval alone


def pair_plot(finding: Finding, *, alt: str) -> Image | None:
    """Every pair of a finding; None where nothing was compared."""
    if not any(pair.difference is not None for pair in finding.pairs):
        return None
    rows = [_pair_row(pair, finding) for pair in finding.pairs]
    return _drawn(
        rows, finding.metric, above=True, alt=alt, what=OF_CHANGES * finding.of_changes,
        towards=towards(finding.kind, directed=finding.directed),
    )  # fmt: skip


def _pair_row(pair: PairResult, finding: Finding) -> Row:
    chip = pair_chip(pair, kind=finding.kind)
    name = f"{pair.a} against {pair.b}"
    return Row(
        name=f"{chip} · {name}",
        said=f"{name}: {chip.word}",
        colour=TONES[chip.tone][0],
        middle=pair.difference,
        low=pair.low,
        high=pair.high,
        margin=pair.margin,
        numbers=brief(pair.difference, pair.low, pair.high, METRICS[finding.metric]),
    )


def forest_plot(claim: ClaimResult, contexts: Sequence[ContextResult]) -> Image | None:
    """The pair that the claim's sentence names, in every context; None where there is nothing to draw."""
    pair = claim.general.leading if claim.general else None
    if pair is None or pair.difference is None:
        return None
    known = {context.name: context for context in contexts}
    effects = sorted(
        pair.effects, key=lambda e: (known[e.context].dataset_title, e.difference or 0)
    )
    metric = METRICS[claim.metric]
    said = {name: described(context, claim.general) for name, context in known.items()}
    rows = [
        _context_row(effect, known[effect.context], said[effect.context], pair.margin, metric)
        for effect in effects
    ]
    alt = f"{claim.title}. {pair.text}"
    every, what = [*rows, *_pooled(pair, metric)], _compared(pair, metric)
    what += OF_CHANGES * bool(claim.baseline)
    draw = partial(_drawn, every, claim.metric, above=False, alt=alt, what=what, ruled=len(rows))
    return canvas.both(lambda width: draw(towards=towards_of(claim), width=width))


def _compared(pair: GeneralPairResult, metric: Metric) -> str:
    """What the axis shows of two levels; it is the worse loss that stands above the line of a ratio."""
    first, second = named(pair.a), named(pair.b)
    if metric.scale != "log":
        return f" of {first} against {second}"
    if metric.lower_is_better:
        first, second = second, first
    return f" of {first} ÷ that of {second}"


def _context_row(
    effect: ContextEffect, context: ContextResult, said: str, margin: float, metric: Metric
) -> Row:
    chip = shown_chip(effect.shown)
    return Row(
        name=f"{context.dataset_title} · {context.name}",
        said=f"{said}: {chip.word}",
        colour=TONES[chip.tone][0],
        middle=effect.difference,
        low=effect.low,
        high=effect.high,
        margin=margin,
        numbers=brief(effect.difference, effect.low, effect.high, metric),
    )


def _pooled(pair: GeneralPairResult, metric: Metric) -> list[Row]:
    average = Row(
        name="average", said="on average over the contexts", colour=canvas.INK, margin=pair.margin,
        middle=pair.difference, low=pair.ends[0], high=pair.ends[1], shape="diamond",
        numbers=brief(pair.difference, *pair.ends, metric),
    )  # fmt: skip
    new = Row(
        name="in a new context", said="to be expected in a new context", colour=canvas.INK, middle=None,
        low=pair.new_ends[0], high=pair.new_ends[1], margin=pair.margin, shape="none",
        numbers=brief(None, *pair.new_ends, metric),
    )  # fmt: skip
    return [average] if pair.new_ends[0] is None else [average, new]


# --- drawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a row's name and bar are, below the top of the plot."""

    lines: list[str]  # of its name
    base: float  # line of the first
    lane: tuple[float, float]  # top and bottom of what its bar has for itself

    @property
    def bar(self) -> float:
        """The middle of its lane."""
        return sum(self.lane) / 2


def _drawn(
    rows: Sequence[Row], metric: str, *, above: bool, alt: str, towards: str,
    what: str = "", ruled: int | None = None, width: float = canvas.WIDTH,
) -> Image:  # fmt: skip
    """All rows on one axis; a line above that of number ``ruled``. Names that leave the plot no room stand above."""
    names = min(_NAMES * width, max(canvas.text_width(row.name, canvas.SMALL) for row in rows))
    end = width - 4 - _GAP - max(canvas.text_width(r.numbers, canvas.SMALL) for r in rows)
    above = above or end - names - 2 * _GAP < _LEAST
    axis = _axis(rows, metric, 8.0 if above else names + 2 * _GAP, end)
    places = list(_places(rows, above=above, room=width - 8 if above else names))
    bottom, lanes = places[-1].lane[1], [place.lane for place in places]
    zero = down(axis.at(shown(0, metric)), lanes if above else [(0.0, bottom)])
    title = f"{METRICS[metric].title}{what}, {_unit(metric, named=what.startswith(' of '))}: {towards}{f'; {LOG}' if axis.log else ''}"
    plot = [
        *(_margin(row, at.lane, axis, metric) for row, at in zip(rows, places, strict=True)),
        bottom_axis(
            axis,
            top=lanes[0][0],
            bottom=bottom,
            most=5 if width < canvas.WIDE else 9,
            lanes=lanes if above else (),
        ),
        element("path", d=zero, stroke=canvas.MUTED),
        *(_row(row, at, axis, metric, above=above) for row, at in zip(rows, places, strict=True)),
    ]
    shapes = [switchable(axis, *plot), below(title, bottom + 29, width=width)]
    if ruled is not None:
        y = places[ruled].base - 13
        shapes.append(canvas.line((4, y), (width - 4, y), canvas.MUTED, 0.8))
    key, top = _legend(cut=any(any(_beyond(row, axis, metric)) for row in rows), width=width)
    body = key + element("g", *shapes, transform=f"translate(0 {canvas.number(top)})")
    height = top + bottom + _BOTTOM + below_height(title, width=width)
    return Image(body=body, box=(width, height), alt=alt)


def _places(rows: Sequence[Row], *, above: bool, room: float) -> Iterator[Place]:
    """One row below the other, as high as its name."""
    y = 0.0
    for row in rows:
        lines = canvas.wrapped(row.name, room, most=3, size=canvas.SMALL)
        tall = _LINE * len(lines) + 4
        lane = (y + tall, y + tall + 16) if above else (y, y + tall)
        yield Place(lines=lines, base=y + 13, lane=lane)
        y = lane[1] + (5 if above else 0)


def _unit(metric: str, *, named: bool) -> str:
    """What the numbers are, and where the axis turns."""
    known = METRICS[metric]
    if known.scale == "log":
        which = "second to the first" if known.lower_is_better else "first to the second"
        return f"ratio{'' if named else f' of the {which}'}; right of 1"
    unit = "points" if known.unit == "fraction" else unit_words(known.unit).name
    return f"difference{f' in {unit}' if unit else ''}; right of 0"


def shown(value: float, metric: str) -> float:
    """A difference as the axis has it: a ratio on the log scale, in the metric's shown unit else."""
    known = METRICS[metric]
    if known.scale == "log":
        return math.exp(min(max(value, -700.0), 700.0))
    return value * (100.0 if known.unit == "fraction" else 1.0)


def _axis(rows: Sequence[Row], metric: str, left: float, right: float) -> Axis:
    """All estimates and margins, and as much of the intervals as leaves these apart."""
    estimates = [row.middle for row in rows if row.middle is not None]
    estimates += [
        0.0,
        *(sign * row.margin for row in rows for sign in (1, -1) if math.isfinite(row.margin)),
    ]
    room = (_REACH - 1) * (max(estimates) - min(estimates))
    least, most = min(estimates) - room, max(estimates) + room
    ends = [end for row in rows for end in (row.low, row.high) if end is not None]
    values = [shown(v, metric) for v in (*estimates, *(min(max(e, least), most) for e in ends))]
    log = METRICS[metric].scale == "log" and spans_decades(values, factor=4.0)
    return Axis(limits=padded(values, log=log), log=log, start=left, end=right)


def _margin(row: Row, lane: tuple[float, float], axis: Axis, metric: str) -> str:
    """The band of differences that do not matter."""
    low, high = (axis.within(shown(end, metric)) for end in (-row.margin, row.margin))
    height = lane[1] - lane[0]
    return element("rect", x=low, y=lane[0], width=high - low, height=height, fill=canvas.SHADE)


def _row(row: Row, place: Place, axis: Axis, metric: str, *, above: bool) -> str:
    x = 4.0 if above else axis.start - _GAP
    names = [
        canvas.text(x, place.base + _LINE * i, words, fill=None, size=None)
        for i, words in enumerate(place.lines)
    ]
    style: canvas.Style = {
        "fill": canvas.INK, "text_anchor": None if above else "end",
    }  # fmt: skip
    y = place.bar
    value = canvas.text(axis.end + _GAP, y + 4, row.numbers, size=canvas.SMALL, fill=canvas.MUTED)
    said = canvas.titled(f"{row.said}, {row.numbers}")
    bar, mark = _interval(row, y, axis, metric), _mark(row, y, axis, metric)
    return element("g", said, element("g", *names, **style), bar, mark, value)


def _beyond(row: Row, axis: Axis, metric: str) -> tuple[bool, bool]:
    """Whether its interval goes on beyond the axis, to the left and to the right."""
    if row.low is None or row.high is None:
        return False, False
    return shown(row.low, metric) < axis.limits[0], shown(row.high, metric) > axis.limits[1]


def _interval(row: Row, y: float, axis: Axis, metric: str) -> str:
    """The 95 % interval; where it goes on beyond the axis, an arrow."""
    if row.low is None or row.high is None:
        return ""
    low, high = (axis.within(shown(end, metric)) for end in (row.low, row.high))
    dashes = "3 2" if row.shape == "none" else None
    width = 3.0 if row.shape == "diamond" else 1.8
    bar = canvas.line((low, y), (high, y), row.colour, width, stroke_dasharray=dashes)
    ends = zip(_beyond(row, axis, metric), ((low, -4.0), (high, 4.0)), strict=True)
    return bar + "".join(_arrow(x, y, step, row.colour) for out, (x, step) in ends if out)


def _arrow(x: float, y: float, step: float, colour: str) -> str:
    return canvas.polygon([(x + step, y), (x, y - 3), (x, y + 3)], fill=colour)


def _mark(row: Row, y: float, axis: Axis, metric: str) -> str:
    if row.middle is None or row.shape == "none":
        return ""
    x = axis.within(shown(row.middle, metric))
    if row.shape == "diamond":
        return canvas.diamond(x, y, 5, fill=row.colour)
    return canvas.dot(x, y, 3.2, fill=row.colour)


def _legend(*, cut: bool, width: float) -> tuple[str, float]:
    dot = canvas.line((-7, 0), (7, 0), canvas.MUTED, 1.8) + canvas.dot(0, 0, 3.2, fill=canvas.MUTED)
    band = element("rect", x=-7.0, y=-6.0, width=14.0, height=12.0, fill=canvas.SHADE)
    goes_on = canvas.line((-7, 0), (2, 0), canvas.MUTED, 1.8) + _arrow(2, 0, 4, canvas.MUTED)
    known = [(dot, "difference, 95 % CI"), (band, "below the margin")]
    return legend([*known, *([(goes_on, "goes on")] if cut else [])], width=width)
