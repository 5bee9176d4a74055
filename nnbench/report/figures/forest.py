"""Forest plots: differences with their intervals and margins, of a finding's pairs or of a pair over contexts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import named
from nnbench.metrics import METRICS
from nnbench.records.general import ContextEffect, ContextResult, GeneralPairResult
from nnbench.records.results import ClaimResult, Finding, PairResult
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import Axis, bottom_axis, padded, spans_decades
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.words import below, legend
from nnbench.report.general import leading
from nnbench.text.generality import brief
from nnbench.text.rounding import unit_words
from nnbench.text.vocabulary import TONES, pair_chip, shown_chip

_TOP, _BOTTOM, _NAME, _TINY = 26.0, 50.0, 21, 10.0
_END = 246.0  # of the plot; numbers stand behind it
_REACH = 1.5  # spans of the estimates that the axis shows around them; longer bars are cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a row's name and bar are."""

    row: float  # height
    left: float  # of the plot
    name: tuple[
        float, float
    ]  # its end, or its start if the name stands above the bar; its base line
    bar: float  # below the row's top
    above: bool


_BESIDE = Layout(row=18.0, left=126.0, name=(120.0, 13.0), bar=9.0, above=False)
_ABOVE = Layout(row=34.0, left=12.0, name=(12.0, 13.0), bar=24.0, above=True)


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
    shape: str = "dot"  # or ``diamond``: pooled, ``none``: an interval alone


def pair_plot(finding: Finding, *, alt: str) -> Image | None:
    """Every pair of a finding; None where nothing was compared."""
    if not any(pair.difference is not None for pair in finding.pairs):
        return None
    rows = [_pair_row(pair, finding) for pair in finding.pairs]
    return _drawn(rows, finding.metric, _ABOVE, alt=alt, towards=_towards(finding))


def _pair_row(pair: PairResult, finding: Finding) -> Row:
    chip = pair_chip(pair, kind=finding.kind)
    name = f"{pair.a} against {pair.b}"
    return Row(
        name=canvas.shortened(f"{chip} · {name}", 58),
        said=f"{name}: {chip.word}",
        colour=TONES[chip.tone][0],
        middle=pair.difference,
        low=pair.low,
        high=pair.high,
        margin=pair.margin,
    )


def _towards(finding: Finding) -> str:
    kind = KINDS[finding.kind]
    if kind.two_sided or kind.ties:
        return "the first is better" if finding.directed else "the first is smaller"
    return "as claimed"


def forest_plot(claim: ClaimResult, contexts: Sequence[ContextResult]) -> Image | None:
    """The pair that the claim's sentence names, in every context; None where there is nothing to draw."""
    pair = leading(claim.general) if claim.general else None
    if pair is None or pair.difference is None:
        return None
    known = {context.name: context for context in contexts}
    effects = sorted(
        pair.effects, key=lambda e: (known[e.context].dataset_title, e.difference or 0)
    )
    rows = [_context_row(effect, known[effect.context], pair) for effect in effects]
    alt = f"{claim.title}. {pair.text}"
    every, what = [*rows, *_pooled(pair)], f" of {named(pair.a)} against {named(pair.b)}"
    return _drawn(every, claim.metric, _BESIDE, alt=alt, what=what, ruled=len(rows))


def _context_row(effect: ContextEffect, context: ContextResult, pair: GeneralPairResult) -> Row:
    chip = shown_chip(effect.shown)
    return Row(
        name=canvas.shortened(f"{context.dataset_title} · {context.name}", _NAME),
        said=f"{context.dataset_title}, {_described(context.values)}: {chip.word}",
        colour=TONES[chip.tone][0],
        middle=effect.difference,
        low=effect.low,
        high=effect.high,
        margin=pair.margin,
    )


def _described(values: Mapping[str, str]) -> str:
    return ", ".join(value for factor, value in values.items() if factor != "dataset")


def _pooled(pair: GeneralPairResult) -> list[Row]:
    average = Row(
        name="average", said="on average over the contexts", colour=canvas.INK, margin=pair.margin,
        middle=pair.difference, low=pair.ends[0], high=pair.ends[1], shape="diamond",
    )  # fmt: skip
    new = Row(
        name="in a new context", said="to be expected in a new context", colour=canvas.INK, middle=None,
        low=pair.new_ends[0], high=pair.new_ends[1], margin=pair.margin, shape="none",
    )  # fmt: skip
    return [average] if pair.new_ends[0] is None else [average, new]


# --- drawing


def _drawn(
    rows: Sequence[Row], metric: str, layout: Layout, *, alt: str, towards: str = "as claimed",
    what: str = "", ruled: int | None = None,
) -> Image:  # fmt: skip
    """All rows on one axis; a line above that of number ``ruled``."""
    bottom = _TOP + layout.row * len(rows)
    axis = _axis(rows, metric, layout.left)
    zero = axis.at(shown(0, metric))
    tops = [_TOP + layout.row * i for i in range(len(rows))]
    shapes = [
        *(_margin(row, top, axis, metric, layout) for row, top in zip(rows, tops, strict=True)),
        bottom_axis(axis, top=_TOP, bottom=bottom, most=5),
        canvas.line((zero, _TOP), (zero, bottom), canvas.MUTED),
        *(_row(row, top, axis, metric, layout) for row, top in zip(rows, tops, strict=True)),
        _legend(),
        below(f"{METRICS[metric].title}{what}, {_unit(metric)}: {towards}", bottom + 29),
    ]
    if ruled is not None:
        y = tops[ruled]
        shapes.append(canvas.line((6, y), (canvas.WIDTH - 6, y), canvas.MUTED, 0.8))
    return Image(body="".join(shapes), box=(canvas.WIDTH, bottom + _BOTTOM), alt=alt)


def _unit(metric: str) -> str:
    """What the numbers are, and where the axis turns."""
    known = METRICS[metric]
    if known.scale == "log":
        return "ratio; right of 1"
    unit = "points" if known.unit == "fraction" else unit_words(known.unit).name
    return f"difference{f' in {unit}' if unit else ''}; right of 0"


def shown(value: float, metric: str) -> float:
    """A difference as the axis has it: a ratio on the log scale, in the metric's shown unit else."""
    known = METRICS[metric]
    if known.scale == "log":
        return math.exp(min(max(value, -700.0), 700.0))
    return value * (100.0 if known.unit == "fraction" else 1.0)


def _axis(rows: Sequence[Row], metric: str, left: float) -> Axis:
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
    return Axis(limits=padded(values, log=log), log=log, start=left, end=_END)


def _margin(row: Row, top: float, axis: Axis, metric: str, layout: Layout) -> str:
    """The band of differences that do not matter."""
    low, high = (axis.within(shown(end, metric)) for end in (-row.margin, row.margin))
    return element("rect", x=low, y=top, width=high - low, height=layout.row, fill=canvas.SHADE)


def _row(row: Row, top: float, axis: Axis, metric: str, layout: Layout) -> str:
    numbers = brief(row.middle, row.low, row.high, METRICS[metric])
    (x, base), y = layout.name, top + layout.bar
    anchor = None if layout.above else "end"
    name = canvas.text(
        x, top + base, row.name, size=canvas.SMALL, text_anchor=anchor, **canvas.HALO
    )
    value = canvas.text(_END + 8, y + 4, numbers, size=_TINY, fill=canvas.MUTED)
    said = canvas.titled(f"{row.said}, {numbers}")
    bar, mark = _interval(row, y, axis, metric), _mark(row, y, axis, metric)
    return element("g", said, name, bar, mark, value)


def _interval(row: Row, y: float, axis: Axis, metric: str) -> str:
    """The 95 % interval; where it goes on beyond the axis, an arrow."""
    if row.low is None or row.high is None:
        return ""
    values = [shown(end, metric) for end in (row.low, row.high)]
    low, high = (axis.within(value) for value in values)
    dashes = "3 2" if row.shape == "none" else None
    width = 3.0 if row.shape == "diamond" else 1.8
    bar = canvas.line((low, y), (high, y), row.colour, width, stroke_dasharray=dashes)
    beyond = ((values[0] < axis.limits[0], low, -4.0), (values[1] > axis.limits[1], high, 4.0))
    arrows = [
        canvas.polygon([(x + step, y), (x, y - 3), (x, y + 3)], fill=row.colour)
        for out, x, step in beyond
        if out
    ]
    return bar + "".join(arrows)


def _mark(row: Row, y: float, axis: Axis, metric: str) -> str:
    if row.middle is None or row.shape == "none":
        return ""
    x = axis.within(shown(row.middle, metric))
    if row.shape == "diamond":
        return canvas.diamond(x, y, 5, fill=row.colour)
    return canvas.dot(x, y, 3.2, fill=row.colour)


def _legend() -> str:
    dot = canvas.line((-7, 0), (7, 0), canvas.MUTED, 1.8) + canvas.dot(0, 0, 3.2, fill=canvas.MUTED)
    band = element("rect", x=-7.0, y=-6.0, width=14.0, height=12.0, fill=canvas.SHADE)
    return legend([(dot, "difference, 95 % CI"), (band, "below the margin")])
