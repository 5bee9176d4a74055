"""All claims with numbers at a glance: how much of each claimed gap was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from nnbench.claims.kinds import KINDS
from nnbench.metrics import log_scale
from nnbench.records.results import ClaimResult, Finding, PairResult
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, set_axis
from nnbench.text.vocabulary import TONES, VERDICTS

_ROW, _TOP, _BOTTOM, _LEFT, _RIGHT = 21.0, 22.0, 30.0, 122.0, 116.0
_MOST = 200  # claims; of a thousand no picture can be made
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


def shares(claims: Sequence[ClaimResult]) -> list[Share]:
    """One entry for each judged claim that states numbers."""
    found = []
    for claim in claims:
        gaps = [(f.decides, gap) for f in claim.results if (gap := _gap(f)) is not None]
        deciding = [gap for decides, gap in gaps if decides]
        if deciding and claim.verdict:
            others = tuple(gap[0] for decides, gap in gaps if not decides)
            share = Share(title=claim.id, verdict=claim.verdict, decides=deciding[0], others=others)
            found.append(share)
    return found


def _gap(finding: Finding) -> tuple[float, float, float] | None:
    """The measured difference and its interval, in % of the claimed one."""
    pair = _widest(finding)
    claimed = {level.level: level.claimed for level in finding.levels}
    if pair is None or pair.difference is None:
        return None
    best, worst = claimed.get(pair.a), claimed.get(pair.b)
    if best is None or worst is None:
        return None
    if finding.scale == "log":
        best, worst = map(float, log_scale([best, worst]))
    gap = abs(best - worst)
    if gap == 0:
        return None
    low = -math.inf if pair.low is None else 100 * pair.low / gap
    high = math.inf if pair.high is None else 100 * pair.high / gap
    return 100 * pair.difference / gap, low, high


def _widest(finding: Finding) -> PairResult | None:
    """The pair of the best and the worst level; a difference without direction cannot be reversed."""
    if KINDS[finding.kind].two_sided:
        return None
    extremes = [pair for pair in finding.pairs if pair.role == "extremes"]
    if extremes:
        return extremes[0]
    return finding.pairs[0] if len(finding.pairs) == 1 and not finding.pairs[0].tie else None


def overview(claims: Sequence[ClaimResult], *, alt: str) -> Image | None:
    """Draw the shares; None where no judged claim states numbers, or too many do to be seen at a glance."""
    entries = shares(claims)
    if not 1 <= len(entries) <= _MOST:
        return None
    figure = canvas.new_figure(_TOP + _ROW * len(entries) + _BOTTOM)
    axes = canvas.axes_within(figure, (_LEFT, _TOP, _RIGHT, _BOTTOM))
    set_axis(axes, "x", limits=_limits(entries), log=False, most=5)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    titles = [canvas.shortened(entry.title, _CHARACTERS) for entry in entries]
    axes.set_yticks(range(len(entries)), titles, fontsize=9.5, color=canvas.INK)
    axes.tick_params(axis="y", pad=8)  # room for an arrow at the edge
    for y, entry in enumerate(entries):
        _entry(axes, entry, y=y)
    _references(axes)
    what = "measured difference of best and worst level, % of the claimed one; 95 % CI"
    canvas.name_axis(figure, what)
    return canvas.render(figure, alt=alt)


def _limits(entries: Sequence[Share]) -> tuple[float, float]:
    """As wide as the values need, within ``_LIMITS``."""
    values = [v for entry in entries for v in (*entry.decides, *entry.others) if math.isfinite(v)]
    low, high = min(values) - 10, max(values) + 10
    return max(_LIMITS[0], min(_LEAST[0], low)), min(_LIMITS[1], max(_LEAST[1], high))


def _entry(axes: Axes, entry: Share, *, y: int) -> None:
    chip = VERDICTS[entry.verdict]
    colour = TONES[chip.tone][0]
    middle, low, high = entry.decides
    axes.axhline(y, color=canvas.GRID, lw=0.8, zorder=0.5)
    for other in entry.others:
        _mark(axes, other, y=y, color=canvas.PLATE, mec=colour, ms=5.5, zorder=3)
    ends = np.clip((low, high), *axes.get_xlim())
    axes.plot(ends, (y, y), color=colour, lw=3, solid_capstyle="butt", zorder=2)
    _mark(axes, middle, y=y, color=colour, mec=canvas.PLATE, ms=8, zorder=4)
    axes.annotate(
        str(chip), (1, y), xycoords=("axes fraction", "data"), color=colour,
        xytext=(8, 0), textcoords="offset points", va="center", fontsize=9.5,
    )  # fmt: skip


def _mark(axes: Axes, value: float, *, y: int, **style: Any) -> None:
    """A dot, or an arrow at the edge for a value beyond it."""
    low, high = axes.get_xlim()
    marker = "<" if value < low else ">" if value > high else "o"
    at = min(max(value, low), high)
    axes.plot(at, y, marker, mew=1.1, clip_on=False, **style)


def _references(axes: Axes) -> None:
    axes.axvline(0, color=canvas.MUTED, lw=1, zorder=1)
    axes.axvline(100, color=canvas.CLAIMED, lw=1.2, zorder=1)
    notes = (
        (0, "← reversed  ", "right", canvas.MUTED),
        (100, "as claimed", "center", canvas.CLAIMED),
    )
    for x, text, side, colour in notes:
        axes.annotate(
            text, (x, 1), xycoords=("data", "axes fraction"), xytext=(0, 5), color=colour,
            textcoords="offset points", ha=side, fontsize=canvas.SMALL,
        )  # fmt: skip
