"""The figure of a factor study: each factor's share of the variance, over all data sets and on each."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from nnbench.records.studies import StudyResult
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image
from nnbench.report.figures.plotted import axes_of, image

_HEAD, _LANE, _GAP = 106.0, 7.0, 14.0  # pixels: legend and axis, a data set's lane, between factors


def study_figure(study: StudyResult, *, alt: str) -> Image | None:
    """Bars: the mean over data sets, alone (dark) and with interactions (light); dots: each data set."""
    if not any(order.share for order in study.factors):
        return None
    means, each = _frames(study)
    titles = list(dict.fromkeys(each["data"]))
    height = _HEAD + len(means) * (_GAP + _LANE * len(titles))
    with axes_of(height) as axes:
        for share, colour, label in (
            ("share", canvas.GRID, "with interactions, mean"),
            ("alone", canvas.CONTROL, "alone, mean"),
        ):
            sns.barplot(
                means,
                x=share,
                y="factor",
                color=colour,
                saturation=1,
                width=0.8,
                label=label,
                ax=axes,
            )
        palette = canvas.colours(titles)
        sns.stripplot(
            each,
            x="share",
            y="factor",
            hue="data",
            palette=palette,
            dodge=True,
            jitter=False,
            size=4.5,
            linewidth=0.7,
            edgecolor=canvas.PLATE,
            zorder=3,
            ax=axes,
        )
        _intervals(axes, each, titles)
        axes.set(xlim=(0, 100), ylabel="")
        axes.set_xlabel(
            "share of the variance between settings, %\ndots: with interactions, each data set, 95 % interval",
            loc="right",
        )
        sns.move_legend(
            axes,
            "lower right",
            bbox_to_anchor=(1, 1),
            ncol=2,
            title=None,
            frameon=False,
            labelcolor=canvas.MUTED,
        )
        return image(axes, alt=alt)


def _frames(study: StudyResult) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each factor's means over data sets, and its share and interval on each of them, in percent."""
    shown = [order for order in study.factors if order.share and order.alone]
    means = pd.DataFrame(
        {
            "factor": canvas.shortened(order.factor, 22),
            "share": 100 * order.share.value,
            "alone": 100 * order.alone.value,
        }
        for order in shown
        if order.share and order.alone
    )
    each = pd.DataFrame(
        {
            "factor": canvas.shortened(found.factor, 22),
            "data": canvas.shortened(data.dataset_title, 24),
            "share": 100 * found.share.value,
            "low": 100 * found.share.low,
            "high": 100 * found.share.high,
        }
        for data in study.measured
        for found in data.factors
    )
    return means, each[each["factor"].isin(means["factor"])]


def _intervals(axes: Axes, each: pd.DataFrame, titles: list[str]) -> None:
    """Lines through the dots, which seaborn has put side by side."""
    rows = [label.get_text() for label in axes.get_yticklabels()]
    wide = 0.8 / len(titles)  # of a dot's lane; a factor is 1
    columns = (each["factor"], each["data"], each["low"], each["high"])
    for factor, title, low, high in zip(*columns, strict=True):
        lane = titles.index(title)
        y = rows.index(factor) + (lane - (len(titles) - 1) / 2) * wide
        axes.plot((low, high), (y, y), color=canvas.colours(titles)[lane], lw=1.3)
