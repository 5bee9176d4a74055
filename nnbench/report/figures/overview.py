"""All claims with numbers at a glance: how much of each claimed gap was there when measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from nnbench.report.figures.canvas import (
    CLAIMED,
    GRID,
    INK,
    MUTED,
    PLATE,
    SMALL,
    WIDTH,
    Image,
    new_figure,
    place,
    render,
    shortened,
)
from nnbench.report.figures.ticks import set_axis
from nnbench.text.vocabulary import TONES, VERDICTS

_ROW, _TOP, _BOTTOM, _LEFT, _RIGHT = 21.0, 22.0, 30.0, 122.0, 80.0
_CHARACTERS = 22  # of a claim's id; more do not fit beside the axis
_LIMITS = (-100.0, 160.0)  # percent of the claimed gap; what lies beyond gets an arrow
_LEAST = (-60.0, 130.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The measured gap between the best and the worst level as a share of the claimed one, in %."""

    title: str
    verdict: str
    decides: tuple[float, float, float]
    others: tuple[float, ...]


def shares(claims: Sequence[Mapping[str, Any]]) -> list[Share]:
    """One entry for each judged claim that states numbers."""
    found = []
    for claim in claims:
        triples = [(r["decides"], t) for r in claim["results"] if (t := _share(r)) is not None]
        deciding = [triple for decides, triple in triples if decides]
        if deciding and claim["verdict"]:
            others = tuple(triple[0] for decides, triple in triples if not decides)
            entry = Share(
                title=claim["id"], verdict=claim["verdict"], decides=deciding[0], others=others
            )
            found.append(entry)
    return found


def _share(result: Mapping[str, Any]) -> tuple[float, float, float] | None:
    claimed = {i["level"]: i["claimed"] for i in result["levels"] if i["claimed"] is not None}
    # a claimed difference without a direction cannot be reversed
    pair = None if result["kind"] == "differs" else _widest(result["pairs"])
    if pair is None or pair["a"] not in claimed or pair["b"] not in claimed:
        return None
    gap = abs(_scaled(claimed[pair["a"]], result) - _scaled(claimed[pair["b"]], result))
    if gap == 0 or pair["difference"] is None:
        return None
    middle = 100 * pair["difference"] / gap
    low = -math.inf if pair["low"] is None else 100 * pair["low"] / gap
    high = math.inf if pair["high"] is None else 100 * pair["high"] / gap
    return middle, low, high


def _widest(pairs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    extremes = [pair for pair in pairs if pair["role"] == "extremes"]
    if extremes:
        return extremes[0]
    return pairs[0] if len(pairs) == 1 and not pairs[0]["tie"] else None


def _scaled(value: float, result: Mapping[str, Any]) -> float:
    return math.log(max(value, 1e-12)) if result["scale"] == "log" else value


def overview(claims: Sequence[Mapping[str, Any]], *, alt: str) -> Image | None:
    """Draw the shares; None where no judged claim states numbers."""
    entries = shares(claims)
    if not entries:
        return None
    height = _TOP + _ROW * len(entries) + _BOTTOM
    figure = new_figure(height)
    axes = place(figure, box=(_LEFT, _TOP, _RIGHT, _BOTTOM))
    set_axis(axes, "x", limits=_limits(entries), log=False, most=5)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    titles = [shortened(entry.title, _CHARACTERS) for entry in entries]
    axes.set_yticks(range(len(entries)), titles, fontsize=9.5, color=INK)
    axes.tick_params(axis="y", pad=8)  # room for an arrow at the edge
    for y, entry in enumerate(entries):
        _entry(axes, entry, y=y)
    _references(axes)
    title = "measured difference of best and worst level, % of the claimed one; 95 % CI"
    figure.text(1 - 10 / WIDTH, 7 / height, title, color=MUTED, fontsize=SMALL, ha="right")
    return render(figure, alt=alt)


def _limits(entries: Sequence[Share]) -> tuple[float, float]:
    """As wide as the values need, within ``_LIMITS``."""
    values = [v for entry in entries for v in (*entry.decides, *entry.others) if math.isfinite(v)]
    low, high = min(values) - 10, max(values) + 10
    return max(_LIMITS[0], min(_LEAST[0], low)), min(_LIMITS[1], max(_LEAST[1], high))


def _entry(axes: Axes, entry: Share, *, y: int) -> None:
    chip = VERDICTS[entry.verdict]
    colour = TONES[chip.tone][0]
    middle, low, high = entry.decides
    limits = axes.get_xlim()
    axes.axhline(y, color=GRID, linewidth=0.8, zorder=0.5)
    for other in entry.others:
        _mark(axes, other, y=y, color=PLATE, markeredgecolor=colour, markersize=5.5, zorder=3)
    axes.plot(
        np.clip((low, high), *limits),
        (y, y),
        color=colour,
        linewidth=3,
        solid_capstyle="butt",
        zorder=2,
    )
    _mark(axes, middle, y=y, color=colour, markeredgecolor=PLATE, markersize=8, zorder=4)
    axes.annotate(
        str(chip), (1, y), xycoords=("axes fraction", "data"), color=colour,
        xytext=(8, 0), textcoords="offset points", va="center", fontsize=9.5,
    )  # fmt: skip


def _mark(axes: Axes, value: float, *, y: int, **style: Any) -> None:
    """A dot, or an arrow at the edge for a value beyond it."""
    low, high = axes.get_xlim()
    marker = "<" if value < low else ">" if value > high else "o"
    at = min(max(value, low), high)
    axes.plot(at, y, marker, markeredgewidth=1.1, clip_on=False, **style)


def _references(axes: Axes) -> None:
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    axes.axvline(100, color=CLAIMED, linewidth=1.2, zorder=1)
    notes = ((0, "← reversed  ", "right", MUTED), (100, "as claimed", "center", CLAIMED))
    for x, text, side, colour in notes:
        axes.annotate(
            text, (x, 1), xycoords=("data", "axes fraction"), xytext=(0, 5), color=colour,
            textcoords="offset points", ha=side, fontsize=SMALL,
        )  # fmt: skip
