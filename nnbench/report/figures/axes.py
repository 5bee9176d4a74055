"""Axes that read well: few ticks, plain numbers, logarithms only where they help."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nnbench.report.figures.canvas import (
    GRID,
    MUTED,
    SMALL,
    Style,
    element,
    number,
    text,
    text_width,
)
from nnbench.text.rounding import MINUS

_DECADES = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))  # ticks within one
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # between ticks, times a power of ten
LOG = "log\u00a0axis"  # what a title says, on one line
_BEYOND = 3.0  # lengths of the axis up to which what lies outside is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From values to places between two points; ``start`` is the place of the lower limit."""

    limits: tuple[float, float]
    log: bool
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value; of one far outside, a place outside."""
        low, high = self.limits
        if self.log:
            share = math.log(value / low) / math.log(high / low) if value > 0 else -_BEYOND
        else:
            share = (value - low) / (high - low)
        return self.start + min(max(share, -_BEYOND), _BEYOND) * (self.end - self.start)

    def within(self, value: float) -> float:
        """The place of a value, or the end of the axis beyond which it lies."""
        low, high = self.limits
        return self.at(min(max(value, low), high))

    def ticks(self, *, most: int = 6) -> list[float]:
        """Round numbers between the limits."""
        return (log_ticks if self.log else linear_ticks)(*self.limits, most=most)

    def fitting_ticks(self, *, most: int = 6) -> list[float]:
        """As many as have room for their texts side by side."""
        for count in range(most, 2, -1):
            found = self.ticks(most=count)
            places = [(self.at(tick), text_width(tick_text(tick), SMALL)) for tick in found]
            near = pairwise(places)
            if all(b - a > (wide + wider) / 2 + 4 for (a, wide), (b, wider) in near):
                return found
        return self.ticks(most=2)


def switchable(axis: Axis, *shapes: str, way: str = "x") -> str:
    """What is drawn on an axis; of a logarithmic one, marked with it, so that the page's script can make it linear."""
    if not axis.log:
        return "".join(shapes)
    ends = (*(f"{limit:.6g}" for limit in axis.limits), number(axis.start), number(axis.end))
    return element("g", *shapes, data_axis=" ".join((way, *ends)))


def bottom_axis(
    axis: Axis,
    *,
    top: float,
    bottom: float,
    most: int = 6,
    lanes: Sequence[tuple[float, float]] = (),
) -> str:
    """Grid lines down to the texts of a horizontal axis, through ``lanes`` (top and bottom of each) alone if some are given."""
    ticks = axis.fitting_ticks(most=most)
    down = "".join(f"V{number(b)}m0 {number(c - b)}" for (_, b), (c, _) in pairwise(lanes))
    shape = "".join(f"M{number(axis.at(t))} {number(top)}{down}V{number(bottom)}" for t in ticks)
    if not ticks:
        return ""
    named = (text(axis.at(t), bottom + 13, tick_text(t), fill=None, size=None) for t in ticks)
    style: Style = {"fill": MUTED, "text_anchor": "middle"}
    grid = element("path", d=shape, stroke=GRID) if bottom > top else ""
    return grid + element("g", *named, **style)


def down(x: float, lanes: Iterable[tuple[float, float]]) -> str:
    """The path of a vertical line through lanes, each from its top to its bottom."""
    return "".join(f"M{number(x)} {number(top)}V{number(bottom)}" for top, bottom in lanes)


def left_axis(axis: Axis, *, left: float, right: float, most: int = 6) -> str:
    """Grid lines from the texts of a vertical axis."""
    places = [(axis.at(tick), tick_text(tick)) for tick in axis.ticks(most=most)]
    shape = "".join(f"M{number(left)} {number(y)}H{number(right)}" for y, _ in places)
    named = (text(left - 5, y + 4, words, fill=None, size=None) for y, words in places)
    style: Style = {"fill": MUTED, "text_anchor": "end"}
    return element("path", d=shape, stroke=GRID) + element("g", *named, **style)


def padded(values: Iterable[float], *, log: bool, share: float = 0.06) -> tuple[float, float]:
    """The limits that leave some room around values, on a linear or a logarithmic axis."""
    numbers = [value for value in values if math.isfinite(value) and not (log and value <= 0)]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if log:
        low, high = math.log(low), math.log(high)
    room = share * (high - low) or (0.1 if log else 0.05 * abs(high) or 0.5)
    low, high = low - room, high + room
    return (math.exp(low), math.exp(high)) if log else (low, high)


def spans_decades(values: Iterable[float], *, factor: float = 10.0) -> bool:
    """Whether positive values differ by more than a factor, so that a log axis helps."""
    numbers = [value for value in values if math.isfinite(value)]
    return bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) > factor


def log_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Round numbers between two limits: 1, 2, 5 or 1, 3 or 1 of each decade, or each k-th one."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found: list[float] = []
    for steps in _DECADES:
        decades = range(first, last + 1)
        found = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
        if len(found) <= most:
            break
    found = found[:: math.ceil(len(found) / most) or 1]
    return found if len(found) > 1 else linear_ticks(low, high, most=most)


def linear_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Multiples of the smallest round step of which so many lie between two limits."""
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(s * size for s in (*_STEPS, 20.0) if _count(low, high, s * size) <= most)
    first = math.ceil(low / step)
    return [(first + i) * step for i in range(_count(low, high, step))]


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step) - math.ceil(low / step) + 1


def tick_text(value: float) -> str:
    """A tick without superfluous digits; exponents only for the very small and large."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    return f"{value + 0.0:,.6g}".replace("-", MINUS)
