"""Axes that read well: few ticks, plain numbers, logarithms only where they help."""

import math
from collections.abc import Iterable
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from nnbench.report.figures.canvas import GRID
from nnbench.text.rounding import MINUS

_STEPS = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
Side = Literal["x", "y"]


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
    for steps in _STEPS:
        decades = range(first, last + 1)
        found = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def tick_text(value: float) -> str:
    """A tick without superfluous digits; exponents only for the very small and large."""
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    return f"{value:,.6g}".replace("-", MINUS)


def set_axis(
    axes: Axes, side: Side, *, limits: tuple[float, float], log: bool, most: int = 6
) -> None:
    """Limits, scale, ticks and light grid lines of one side."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    if log:
        (axes.set_xscale if side == "x" else axes.set_yscale)("log")
        axis.set_major_locator(FixedLocator(log_ticks(*limits, most=most)))
    else:
        axis.set_major_locator(MaxNLocator(most - 1, steps=[1, 2, 2.5, 5, 10]))
    (axes.set_xlim if side == "x" else axes.set_ylim)(*limits)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    axes.grid(visible=True, axis=side, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
