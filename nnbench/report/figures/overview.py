"""All claims with numbers at a glance: how much of each claimed gap was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nnbench.claims.kinds import KINDS
from nnbench.metrics import log_scale
from nnbench.records.results import ClaimResult, Finding, PairResult
from nnbench.report.anchors import Anchors
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import Axis, bottom_axis
from nnbench.report.figures.canvas import Image, element
from nnbench.report.figures.words import below
from nnbench.text.rounding import whole_percent
from nnbench.text.vocabulary import TONES, VERDICTS

_ROW, _TOP, _BOTTOM, _LEFT, _RIGHT = 36.0, 22.0, 50.0, 18.0, 288.0
_MOST = 200  # claims; of a thousand no picture can be made
_CHARACTERS = 62  # of a claim's title
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
    bottom = _TOP + _ROW * len(entries)
    axis = Axis(limits=_limits(entries), log=False, start=_LEFT, end=_RIGHT)
    shapes = [
        bottom_axis(axis, top=_TOP, bottom=bottom, most=5),
        _references(axis, bottom),
        *(_entry(entry, axis, anchors, top=_TOP + _ROW * i) for i, entry in enumerate(entries)),
        below(
            "Measured difference of the best and the worst level, % of the claimed one; 95 % CI",
            bottom + 29,
        ),
    ]
    return Image(body="".join(shapes), box=(canvas.WIDTH, bottom + _BOTTOM), alt=alt)


def _limits(entries: Sequence[Share]) -> tuple[float, float]:
    """As wide as the values need, within ``_LIMITS``."""
    values = [v for entry in entries for v in (*entry.decides, *entry.others) if math.isfinite(v)]
    low, high = min(values) - 10, max(values) + 10
    return max(_LIMITS[0], min(_LEAST[0], low)), min(_LIMITS[1], max(_LEAST[1], high))


def _entry(entry: Share, axis: Axis, anchors: Anchors, *, top: float) -> str:
    """The title, and below it the share with its interval, its number and its verdict."""
    chip = VERDICTS[entry.verdict]
    colour, y = TONES[chip.tone][0], top + 25
    middle, low, high = entry.decides
    ends = (axis.within(low), axis.within(high))
    shapes = [
        canvas.text(
            4,
            top + 13,
            canvas.shortened(entry.title, _CHARACTERS),
            size=canvas.SMALL,
            **canvas.HALO,
        ),
        canvas.line((axis.start, y), (axis.end, y), canvas.GRID, 0.8),
        *(
            _mark(axis, other, y, radius=3, fill=canvas.PLATE, stroke=colour)
            for other in entry.others
        ),
        canvas.line((ends[0], y), (ends[1], y), colour, 3),
        _mark(axis, middle, y, radius=4.6, fill=colour, stroke=canvas.PLATE),
        canvas.text(_RIGHT + 6, y + 4, f"{chip.symbol} {whole_percent(middle)}", fill=colour),
    ]
    said = f"{entry.title}: {whole_percent(middle)} of the claimed difference, {chip.word}"
    return element("a", canvas.titled(said), *shapes, href=f"#{anchors.claims[entry.id]}")


def _mark(axis: Axis, value: float, y: float, *, radius: float, fill: str, stroke: str) -> str:
    """A dot, or an arrow at the edge for a value beyond it."""
    low, high = axis.limits
    x = axis.within(value)
    if low <= value <= high:
        return canvas.dot(x, y, radius, fill=fill, stroke=stroke)
    back = radius * (1 if value > high else -1)
    corners = [(x + back, y), (x - back, y - radius), (x - back, y + radius)]
    return canvas.polygon(corners, fill=fill, stroke=stroke)


def _references(axis: Axis, bottom: float) -> str:
    notes = ((0.0, "nothing", canvas.MUTED), (100.0, "as claimed", canvas.CLAIMED))
    style: canvas.Style = {"size": canvas.SMALL, "text_anchor": "middle"}
    return "".join(
        canvas.line((axis.at(at), _TOP), (axis.at(at), bottom), colour, 1.2)
        + canvas.text(axis.at(at), _TOP - 6, words, fill=colour, **style)
        for at, words, colour in notes
    ) + canvas.text(4, _TOP - 6, "← reversed", fill=canvas.MUTED, size=canvas.SMALL)
