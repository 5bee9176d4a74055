"""Figures that seaborn draws, as shapes of a page: with its colours, and without what no viewer needs."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from nnbench.report.figures.canvas import GRID, INK, MUTED, SMALL, WIDTH, Image

_STYLE = {
    **sns.axes_style("whitegrid"),
    "font.family": "DejaVu Sans",  # matplotlib's own, wider than the fonts of a page: texts fit
    "font.size": SMALL,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a level's name is no formula
    "axes.labelcolor": MUTED,
    "axes.labelsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "grid.color": GRID,
    "legend.fontsize": SMALL,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "svg.fonttype": "none",
}
_NOISE = re.compile(
    r"<!--.*?-->|<metadata>.*?</metadata>|<style type.*?</style>| id=\"(?:figure|axes|patch|matplotlib|line2d|text"
    r"|xtick|ytick|legend|PathCollection|LineCollection|FillBetween)[^\"]*\"| ?font-family: 'DejaVu Sans';?",
    flags=re.DOTALL,
)


@contextmanager
def axes_of(height: float) -> Iterator[Axes]:
    """Axes of a figure as wide as all others, ``height`` pixels high, in their style."""
    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(WIDTH / 72, height / 72), dpi=72, layout="constrained").add_subplot()


def image(axes: Axes, *, alt: str) -> Image:
    """What was drawn; call it inside ``axes_of``. The same bytes for the same drawing."""
    sns.despine(ax=axes, left=True, bottom=True)
    figure, buffer = axes.get_figure(root=True), io.StringIO()
    assert figure
    mpl.rcParams["svg.hashsalt"] = alt  # names of shapes, which no other figure of a page may have
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)
    drawn = buffer.getvalue()
    inner = drawn[drawn.index(">", drawn.index("<svg")) + 1 : drawn.rindex("</svg>")]
    body = re.sub(r' style="([^"]*)"', _attributes, _NOISE.sub("", inner))
    shapes = re.sub(r"\s*\n\s*", "\n", body.replace("xlink:href", "href"))
    width, height = (72 * inches for inches in figure.get_size_inches())
    return Image(body=shapes, box=(width, height), alt=alt)


def _attributes(match: re.Match[str]) -> str:
    """A style as attributes, whose colours the rule for dark mode knows."""
    said = (part.split(":", 1) for part in match[1].split(";") if ":" in part)
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in said)
