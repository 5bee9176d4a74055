"""The figure of a factor study: each factor's share of the variance, over all data sets and on each."""

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from nnbench.records.studies import FactorOrder, StudyResult
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image, set_axis

_BAR, _LANE, _GAP, _BOTTOM = (
    9.0,
    6.0,
    7.0,
    34.0,
)  # points: a mean's bar, a data set's lane, between factors
_CHARACTERS, _LEGEND_ROW = 22, 15.0


def study_figure(study: StudyResult, *, alt: str) -> Image | None:
    """Bars: the mean over data sets, alone (dark) and with interactions (light); dots: each data set."""
    shown = [order for order in study.factors if order.share]
    if not shown:
        return None
    titles = [data.dataset_title for data in study.measured]
    row = _BAR + _LANE * len(titles) + _GAP
    top = 12 + _LEGEND_ROW * (1 + (len(titles) + 1) // 2)
    figure = canvas.new_figure(top + _BOTTOM + row * len(shown))
    labels = [canvas.shortened(order.factor, _CHARACTERS) for order in shown]
    left = 10 + max(map(canvas.text_width, labels)) * canvas.SMALL / canvas.TEXT
    axes = canvas.axes_within(figure, (left, top, 14, _BOTTOM))
    set_axis(axes, "x", limits=(0.0, 100.0), log=False)
    axes.set_ylim(row * len(shown), 0)
    axes.set_yticks([row * i + _BAR for i in range(len(shown))], labels, fontsize=canvas.SMALL)
    colours = dict(zip(titles, canvas.colours(titles), strict=True))
    for number, order in enumerate(shown):
        _factor(axes, order, study, row * number, colours)
    _legend(axes, colours)
    canvas.name_axis(figure, "share of the variance between settings, % (with 95 % interval)")
    return canvas.render(figure, alt=alt)


def _factor(
    axes: Axes, order: FactorOrder, study: StudyResult, top: float, colours: dict[str, str]
) -> None:
    assert order.share is not None
    assert order.alone is not None
    middle = top + _BAR / 2
    for share, colour in ((order.share, canvas.GRID), (order.alone, canvas.CONTROL)):
        axes.barh(middle, 100 * share.value, height=_BAR, color=colour, lw=0, zorder=1)
    lanes = [
        (d.dataset_title, f.share)
        for d in study.measured
        for f in d.factors
        if f.factor == order.factor
    ]
    for lane, (title, share) in enumerate(lanes):
        y = top + _BAR + _LANE * (lane + 0.7)
        ends = (100 * share.low, 100 * share.high)
        axes.plot(ends, (y, y), color=colours[title], lw=1.3, zorder=2)
        axes.plot(100 * share.value, y, "o", color=colours[title], ms=4, mew=0, zorder=3)


def _legend(axes: Axes, colours: dict[str, str]) -> None:
    handles: list[Line2D | Patch] = [
        Patch(color=canvas.CONTROL, lw=0, label="alone, mean"),
        Patch(color=canvas.GRID, lw=0, label="with interactions, mean"),
        *(
            Line2D(
                [],
                [],
                color=colour,
                lw=1.3,
                marker="o",
                ms=4,
                mew=0,
                label=canvas.shortened(title, 24),
            )
            for title, colour in colours.items()
        ),
    ]
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncol=2, frameon=False,
        fontsize=canvas.SMALL, labelcolor=canvas.MUTED, borderaxespad=0.3, handlelength=1.4,
    )  # fmt: skip
