"""Numbers as a reader wants them: rounded to what their interval supports, in the metric's unit.

Fractions are shown in percent. Texts carry no unit: table headers and axes name it, see
``unit_words``.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbench.metrics import Unit
from nnbench.progress.durations import duration
from nnbench.records.level import Bounds

MINUS = "\u2212"
_LOSS_UNITS: Mapping[tuple[str, str], Unit] = {  # by task and objective; else pure numbers
    ("classification", "cross_entropy"): "nats",
    ("classification", "smoothed"): "nats",
    ("classification", "log_of_softmax"): "nats",
    ("classification", "log_of_clipped"): "nats",
    ("regression", "mae"): "deviations",
}
_COUNTED = ("epochs", "steps", "images")  # whole but for their means
_BILLION = 1e9
_ASYMMETRY = 0.1  # share of the half width up to which an interval is written with one ±


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitWords:
    """How a unit is written; empty where it would say nothing."""

    name: str = ""  # after a title, and after a number in a table or a note
    value: str = ""  # after a number in a sentence
    difference: str = ""  # after a difference in a sentence
    factor: float = 1.0  # what a stored value is multiplied by to be shown


_UNITS: Mapping[str, UnitWords] = {
    "fraction": UnitWords(name="%", value=" %", difference=" points", factor=100.0),
    "nats": UnitWords(name="nats", difference=" nats"),
    "seconds": UnitWords(name="seconds", value=" s"),
    "hours": UnitWords(name="hours", value=" h"),
    "per second": UnitWords(name="per second", value="/s"),
    **dict.fromkeys(("count", "ratio", "correlation"), UnitWords()),
}


def unit_words(unit: str) -> UnitWords:
    """How a unit is written: by its name, where nothing else is said."""
    return _UNITS.get(unit) or UnitWords(name=unit)


def unit_behind(unit: str) -> str:
    """The unit after a number in a table or a note."""
    return "" if unit == "own objective" else unit_words(unit).name


def loss_unit(objective: str | None, task: str) -> Unit:
    """The unit of losses: that of what all networks minimise; None: not all the same."""
    return "own objective" if objective is None else _LOSS_UNITS.get((task, objective), "ratio")


def with_unit(title: str, unit: str) -> str:
    """``Test loss, nats``; a title that names its unit stays as it is."""
    name = unit_words(unit).name
    return f"{title}, {name}" if name and name not in title.lower() else title


def decimals_for(half_width: float) -> int:
    """Decimals that an uncertainty supports, by the Particle Data Group's rule.

    Two significant digits of the uncertainty if they lie below 3.55, else one
    (https://pdg.lbl.gov, Introduction, section 5.3). Negative for uncertainties above ten.
    """
    exponent = math.floor(math.log10(half_width))
    leading = half_width / 10.0**exponent
    return (1 if leading < 3.55 else 0) - exponent


def _fixed(value: float, decimals: int) -> str:
    rounded = round(value, decimals) + 0.0  # + 0.0 turns -0.0 into 0.0
    return f"{rounded:,.{max(decimals, 0)}f}".replace("-", MINUS)


def significant(value: float, digits: int = 3) -> str:
    """A number with some significant digits, never in exponent notation between 1e-4 and 1e7."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    rounded = float(f"{value:.{digits - 1}e}")  # 9.97 has no decimals as 10
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    return _fixed(value, max(decimals, 0))


def times_text(value: float) -> str:
    """How many times: with two significant digits, three from a hundred on, and none beyond them."""
    return significant(float(f"{value:.2e}") if value >= 100 else value, 2)


def value_text(value: float | None, unit: str, *, digits: int = 3) -> str:
    """One measured value; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    shown = value * unit_words(unit).factor
    whole = unit == "count" or (unit in _COUNTED and shown.is_integer())
    return count_text(shown) if whole else significant(shown, digits)


def count_text(value: float) -> str:
    """A count to its last digit; from a billion on with four digits."""
    return f"{value:,.0f}" if value < _BILLION else f"{value / _BILLION:,.4g}\u00a0billion"


def claimed_texts(values: Sequence[float | None], unit: str) -> list[str]:
    """Claimed values with as many decimals as the longest of them, as documents print tables."""
    if unit == "count":
        return ["–" if value is None else count_text(value) for value in values]
    shown = [None if value is None else value * unit_words(unit).factor for value in values]
    plain = [f"{value:.10g}" for value in shown if value is not None]
    decimals = max((len(text.partition(".")[2]) for text in plain if "e" not in text), default=0)
    return ["–" if value is None else _fixed(value, decimals) for value in shown]


def interval_texts(intervals: Sequence[Bounds | None], unit: str) -> list[str]:
    """A column of ``mean ± half width``, or ``mean [low, high]`` where an interval is lopsided.

    Each is rounded to what its width supports, by :func:`decimals_for`; one decimal more is
    allowed where it lines a row up with its neighbours.
    """
    shown = [_ends(interval, unit_words(unit).factor) for interval in intervals]
    decimals = [None if ends is None else _own_decimals(*ends) for ends in shown]
    most = max((own for own in decimals if own is not None), default=0)
    return [
        value_text(interval.mean if interval else None, unit)
        if ends is None
        else _interval_text(*ends, decimals=None if own is None else min(most, own + 1))
        for interval, ends, own in zip(intervals, shown, decimals, strict=True)
    ]


def _ends(interval: Bounds | None, factor: float) -> tuple[float, float, float] | None:
    """Mean, low and high as they are shown; None without an interval."""
    if interval is None or interval.mean is None or interval.low is None or interval.high is None:
        return None
    return interval.mean * factor, interval.low * factor, interval.high * factor


def _own_decimals(mean: float, low: float, high: float) -> int | None:
    half = (high - low) / 2
    return decimals_for(half) if half > 1e-12 * abs(mean) else None


def _interval_text(mean: float, low: float, high: float, *, decimals: int | None) -> str:
    if decimals is None:
        return f"{significant(mean, 4)} ± 0"
    half = (high - low) / 2
    if abs((low + high) / 2 - mean) > _ASYMMETRY * half:
        return "{} [{}, {}]".format(*(_fixed(number, decimals) for number in (mean, low, high)))
    return f"{_fixed(mean, decimals)} ± {_fixed(half, decimals)}"


def signed_percent(percent: float) -> str:
    """A relative change: ``+12 %``, ``−0.4 %``, ``×14`` from a tenfold on."""
    if percent >= 900:
        return f"×{significant(1 + percent / 100, 2)}"
    sign = "+" if percent > 0 else MINUS if percent < 0 else ""
    return f"{sign}{significant(abs(percent), 2)}\u00a0%"


def whole_percent(percent: float) -> str:
    """A share without decimals: ``−39 %``."""
    return f"{_fixed(percent, 0)}\u00a0%"


def ordinal(rank: int) -> str:
    """``1st``, ``2nd``, … ``11th``."""
    endings = {} if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}
    return f"{rank}{endings.get(rank % 10, 'th')}"


def p_text(p: float | None) -> str:
    """A p value with two significant digits, or the bound below which digits mean little."""
    if p is None:
        return "–"
    return "<\u00a00.001" if p < 0.001 else significant(p, 2)


def duration_text(seconds: float | None) -> str:
    """Measured time: ``13 min 32 s``."""
    return "–" if seconds is None else with_units(duration(seconds))


def with_units(text: str) -> str:
    """The text with its numbers on one line with their units."""
    return re.sub(r"(?<=\d) ", "\u00a0", text)
