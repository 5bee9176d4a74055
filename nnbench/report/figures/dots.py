"""The dot plot of one finding: every run, the mean with its interval, and what was claimed."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nnbench.records.level import LevelResult
from nnbench.records.results import Finding
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, padded, set_axis, spans_decades
from nnbench.report.tables import ordered_levels
from nnbench.text.rounding import unit_words, with_unit

_ROW, _TOP, _BOTTOM, _GAP = 29.0, 26.0, 34.0, 14.0
_ZOOM_BELOW = 0.35  # share of the axis under which the measured values get an axis of their own
_LABEL_CHARACTERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One level as it is drawn, in shown units."""

    label: str
    control: bool
    claimed: float | None
    mean: float | None
    interval: tuple[float, float] | None
    ok: tuple[float, ...]
    capped: tuple[float, ...]
    diverged: int

    @property
    def colour(self) -> str:
        """Controls, about which nothing is claimed, stand back in grey."""
        return canvas.CONTROL if self.control else canvas.MEASURED

    def measured(self) -> list[float]:
        """Everything measured that the axis can show."""
        mean = [] if self.mean is None else [self.mean]
        return [*self.ok, *self.capped, *(self.interval or ()), *mean]


def rows_of(finding: Finding) -> list[Row]:
    """The levels in the document's order, then the controls."""
    factor = unit_words(finding.unit).factor
    return [_row(level, factor=factor) for level in ordered_levels(finding)]


def _row(level: LevelResult, *, factor: float) -> Row:
    def runs(status: str) -> tuple[float, ...]:
        wanted = (seed for seed, word in level.seed_status.items() if word == status)
        values = (level.values.get(seed) for seed in wanted)
        return tuple(value * factor for value in values if value is not None)

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    low, high = scaled(level.low), scaled(level.high)
    why = "(not measured)" if level.not_measured else "(no runs)"
    remark = [why] if level.mean is None else []
    return Row(
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
    figure = canvas.new_figure(_TOP + _BOTTOM + _ROW * len(rows))
    label_width = 10 + max(canvas.text_width(row.label) for row in rows)
    log_allowed = finding.scale == "log"
    if _needs_zoom(rows, log_allowed=log_allowed):
        middle = label_width + (canvas.WIDTH - label_width) * 0.40
        right = canvas.WIDTH - middle + _GAP / 2
        overview = canvas.axes_within(figure, (label_width, _TOP, right, _BOTTOM))
        axes = canvas.axes_within(figure, (middle + _GAP / 2, _TOP, 10, _BOTTOM))
        _panel(overview, rows, log_allowed=log_allowed, runs=False, claims=True)
        _panel(axes, rows, log_allowed=log_allowed, runs=True, claims=False)
        overview.axvspan(*axes.get_xlim(), color=canvas.SHADE, zorder=0, lw=0)
        axes.patch.set_facecolor(canvas.SHADE)
        _name_rows(overview, rows)
    else:
        axes = overview = canvas.axes_within(figure, (label_width, _TOP, 10, _BOTTOM))
        _panel(axes, rows, log_allowed=log_allowed, runs=True, claims=True)
        _name_rows(axes, rows)
    _edge_marks(axes, rows, right=finding.lower_is_better)
    _chance(axes, finding)
    canvas.name_axis(figure, _axis_title(finding, enlarged=axes is not overview))
    _legend(figure, rows, repeated=bool(finding.looks))
    return canvas.render(figure, alt=alt)


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


def _panel(axes: Axes, rows: Sequence[Row], *, log_allowed: bool, runs: bool, claims: bool) -> None:
    values = [value for row in rows for value in row.measured()]
    if claims:
        values += [row.claimed for row in rows if row.claimed is not None]
    log = log_allowed and spans_decades(values)
    limits = padded(values, log=log, share=0.06 if runs else 0.1)
    set_axis(axes, "x", limits=limits, log=log, most=6 if runs and claims else 4)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    for y, row in enumerate(rows):
        axes.axhline(y, color=canvas.GRID, lw=0.8, zorder=0.5)
        if runs:
            _runs(axes, row, y=y)
        _estimate(axes, row, y=y)
        if claims and row.claimed is not None:
            axes.plot(
                row.claimed, y, "D", color="none", mec=canvas.CLAIMED, ms=7, mew=1.6, zorder=5,
                clip_on=False,
            )  # fmt: skip
    if first := next((i for i, row in enumerate(rows) if row.control), 0):
        axes.axhline(first - 0.5, color=canvas.MUTED, lw=0.8, ls=(0, (4, 3)), zorder=1)


def _runs(axes: Axes, row: Row, *, y: float) -> None:
    for values, marker, size in ((row.ok, "o", 3.2), (row.capped, ">", 5.0)):
        offsets = [y + 0.30 * spread(i) for i in range(len(values))]
        axes.plot(
            values, offsets, marker, color=row.colour, ms=size, alpha=0.45, mew=0, zorder=2,
            clip_on=False,
        )  # fmt: skip


def spread(index: int) -> float:
    """Jitter in (-1, 1) that is even for any count: the van der Corput sequence in base two."""
    bits = f"{index + 1:b}"
    return 2.0 * sum(int(bit) / 2.0 ** (i + 1) for i, bit in enumerate(reversed(bits))) - 1.0


def _estimate(axes: Axes, row: Row, *, y: float) -> None:
    if row.interval is not None:
        axes.plot(row.interval, (y, y), color=row.colour, lw=3, solid_capstyle="round", zorder=3)
    if row.mean is not None:
        axes.plot(row.mean, y, "o", color=row.colour, ms=7.5, mec=canvas.PLATE, mew=1.2, zorder=4)


def _edge_marks(axes: Axes, rows: Sequence[Row], *, right: bool) -> None:
    # A diverged run has no value on the axis; it stands at the worse edge.
    edge, step = (0.985, -0.022) if right else (0.015, 0.022)
    across = axes.get_yaxis_transform()
    for y, row in enumerate(rows):
        at = [edge + i * step for i in range(row.diverged)]
        offsets = [y - 0.3] * len(at)
        axes.plot(at, offsets, "x", color=canvas.INK, ms=5, mew=1.3, zorder=6, transform=across)


def _chance(axes: Axes, finding: Finding) -> None:
    if finding.chance is None:
        return
    chance = finding.chance * unit_words(finding.unit).factor
    low, high = axes.get_xlim()
    if low < chance < high:
        axes.axvline(chance, color=canvas.MUTED, lw=1, ls=(0, (1, 2)), zorder=1)
        axes.annotate(
            "untrained", (chance, 1), xycoords=("data", "axes fraction"), color=canvas.MUTED,
            fontsize=canvas.SMALL - 1, ha="center", va="bottom", xytext=(0, 0), textcoords="offset points",
        )  # fmt: skip


def _name_rows(axes: Axes, rows: Sequence[Row]) -> None:
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=10.5)
    for row, tick in zip(rows, axes.get_yticklabels(), strict=True):
        tick.set_color(canvas.MUTED if row.control else canvas.INK)
        tick.set_fontstyle("italic" if row.control else "normal")


def _axis_title(finding: Finding, *, enlarged: bool) -> str:
    title = with_unit(finding.metric_title, finding.unit)
    if finding.directed:
        title += f" ({'lower' if finding.lower_is_better else 'higher'} is better)"
    return f"{title}; right: enlarged" if enlarged else title


def _legend(figure: Figure, rows: Sequence[Row], *, repeated: bool) -> None:
    """Name the marks that are drawn."""
    mark = partial(Line2D, [], [], ls="none")
    bar = "mean, 95 % repeated CI" if repeated else "mean, 95 % CI"
    line, label = (3, bar) if any(row.interval for row in rows) else (0, "measured")
    marks = (
        (True, Line2D([], [], color=canvas.MEASURED, lw=line, marker="o", ms=6, label=label)),
        (any(row.ok for row in rows),
         mark(marker="o", label="one run", color=canvas.MEASURED, ms=3.5, alpha=0.5, mew=0)),
        (any(row.claimed is not None for row in rows),
         mark(marker="D", label="claimed", color="none", mec=canvas.CLAIMED, ms=6, mew=1.5)),
        (any(row.diverged for row in rows),
         mark(marker="x", label="diverged", color=canvas.INK, ms=5, mew=1.3)),
        (any(row.capped for row in rows),
         mark(marker=">", label="capped", color=canvas.MEASURED, ms=5, alpha=0.5)),
    )  # fmt: skip
    handles = [handle for drawn, handle in marks if drawn]
    figure.legend(
        handles=handles, loc="upper right", bbox_to_anchor=(1, 1), ncol=len(handles), frameon=False,
        fontsize=canvas.SMALL, labelcolor=canvas.MUTED, handletextpad=0.5, columnspacing=1.2, handlelength=1.6,
        borderaxespad=0.3, borderpad=0.2,
    )  # fmt: skip
