"""All claims with numbers at a glance: how much of each claimed gap was measured."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from nnbench.claims.kinds import KINDS
from nnbench.metrics import log_scale
from nnbench.records.pair import PairResult
from nnbench.records.results import ClaimResult, Finding
from nnbench.report.anchors import Anchors
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import Axis, bottom_axis, down
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.words import below, below_height
from nnbench.text.rounding import whole_percent
from nnbench.text.vocabulary import TONES, VERDICTS

_LINE, _LANE, _TOP, _BOTTOM, _LEFT, _RIGHT = 14.0, 20.0, 22.0, 36.0, 18.0, 76.0  # right of the axis
_BESIDE = 290.0  # room of titles that stand beside their lanes
_MOST = 200  # claims; of a thousand no picture can be made
_LIMITS = (-100.0, 160.0)  # percent of the claimed gap; what lies beyond gets an arrow
_LEAST = (-60.0, 130.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The measured gap between the best and the worst level as a share of the claimed one, in %."""

    id: str
    title: str
    verdict: str
    decides: tuple[float, float, float]
    others: tuple[float, ...]


def shares(claims: Sequence[ClaimResult]) -> list[Share]:
    """One entry for each judged claim that states numbers, the largest share first."""
    found = []
    for claim in claims:
        gaps = [(f.decides, gap) for f in claim.results if (gap := _gap(f)) is not None]
        deciding = [gap for decides, gap in gaps if decides]
        if deciding and claim.verdict:
            others = tuple(gap[0] for decides, gap in gaps if not decides)
            title, verdict = claim.title, claim.verdict
            share = Share(
                id=claim.id, title=title, verdict=verdict, decides=deciding[0], others=others
            )
            found.append(share)
    return sorted(found, key=lambda share: -share.decides[0])


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


def overview(claims: Sequence[ClaimResult], anchors: Anchors, *, alt: str) -> Image | None:
    """Draw the shares; None where no judged claim states numbers, or too many do to be seen at a glance."""
    entries = shares(claims)
    if not 1 <= len(entries) <= _MOST:
        return None
    return canvas.both(partial(_drawn, entries, anchors, alt))


def _drawn(entries: Sequence[Share], anchors: Anchors, alt: str, width: float) -> Image:
    """A row for each; its title above its lane, or beside it where there is room."""
    beside = width == canvas.WIDE
    rooms, left = (_BESIDE, _BESIDE + 22) if beside else (width - 8, _LEFT)
    titles = [canvas.wrapped(e.title, rooms, most=2, size=canvas.SMALL) for e in entries]
    heights = [_LINE * len(lines) + (8 if beside else _LANE) for lines in titles]
    *tops, bottom = itertools.accumulate(heights, initial=_TOP)
    lanes = [
        (top, top + height) if beside else (top + height - _LANE + 3, top + height - 1)
        for top, height in zip(tops, heights, strict=True)
    ]
    axis = Axis(limits=_limits(entries), log=False, start=left, end=width - _RIGHT)
    words = "Measured difference of the best and the worst level, % of the claimed one; 95 % CI"
    if any(_beyond(axis, value) for e in entries for value in (*e.decides, *e.others)):
        words += ". What lies beyond the axis is a triangle at its edge, its number beside it"
    shapes = [
        bottom_axis(axis, top=lanes[0][0], bottom=lanes[-1][1], most=5, lanes=lanes),
        _references(axis, lanes),
        *(
            _entry(entry, lines, axis, anchors, top=top, y=sum(lane) / 2)
            for entry, lines, top, lane in zip(entries, titles, tops, lanes, strict=True)
        ),
        below(words, bottom + 29, width=width),
    ]
    box = (width, bottom + _BOTTOM + below_height(words, width=width))
    return Image(body="".join(shapes), box=box, alt=alt)


def _limits(entries: Sequence[Share]) -> tuple[float, float]:
    """As wide as the values need, within ``_LIMITS``."""
    values = [v for entry in entries for v in (*entry.decides, *entry.others) if math.isfinite(v)]
    low, high = min(values) - 10, max(values) + 10
    return max(_LIMITS[0], min(_LEAST[0], low)), min(_LIMITS[1], max(_LEAST[1], high))


def _entry(
    entry: Share, lines: Sequence[str], axis: Axis, anchors: Anchors, *, top: float, y: float
) -> str:
    """The title, which leads to the claim, and at ``y`` the share with its interval, its number and its verdict."""
    chip = VERDICTS[entry.verdict]
    colour = TONES[chip.tone][0]
    middle, low, high = entry.decides
    ends = (axis.within(low), axis.within(high))
    title = [
        canvas.text(4, top + 13 + _LINE * i, words, size=canvas.SMALL)
        for i, words in enumerate(lines)
    ]
    others = [_mark(axis, v, y, radius=3, fill=canvas.PLATE, stroke=colour) for v in entry.others]
    shapes = [
        canvas.line((axis.start, y), (axis.end, y), canvas.GRID, 0.8),
        *others,
        canvas.line((ends[0], y), (ends[1], y), colour, 3),
        _mark(axis, middle, y, radius=4.6, fill=colour, stroke=canvas.PLATE),
        canvas.text(axis.end + 8, y + 4, f"{chip.symbol} {whole_percent(middle)}", fill=colour),
    ]
    said = f"{entry.title}: {whole_percent(middle)} of the claimed difference, {chip.word}"
    elsewhere = ", ".join(map(whole_percent, entry.others))
    said += f"; elsewhere: {elsewhere}" if elsewhere else ""
    link = element("a", *title, href=f"#{anchors.claims[entry.id]}")
    return element("g", link, element("g", canvas.titled(said), *shapes))


def _beyond(axis: Axis, value: float) -> bool:
    low, high = axis.limits
    return not low <= value <= high


def _mark(axis: Axis, value: float, y: float, *, radius: float, fill: str, stroke: str) -> str:
    """A dot, or an arrow at the edge for a value beyond it."""
    x = axis.within(value)
    if not _beyond(axis, value):
        return canvas.dot(x, y, radius, fill=fill, stroke=stroke)
    back = radius * (1 if value > axis.limits[1] else -1)
    corners = [(x + back, y), (x - back, y - radius), (x - back, y + radius)]
    return canvas.polygon(corners, fill=fill, stroke=stroke)


def _references(axis: Axis, lanes: Sequence[tuple[float, float]]) -> str:
    notes = ((0.0, "nothing", canvas.MUTED), (100.0, "as claimed", canvas.CLAIMED))
    style: canvas.Style = {"size": canvas.SMALL, "text_anchor": "middle"}
    return "".join(
        element("path", d=down(axis.at(at), lanes), stroke=colour, stroke_width=1.2)
        + canvas.text(axis.at(at), _TOP - 6, words, fill=colour, **style)
        for at, words, colour in notes
    ) + canvas.text(axis.start - 14, _TOP - 6, "← reversed", fill=canvas.MUTED, size=canvas.SMALL)
