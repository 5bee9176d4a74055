"""What all figures share: style, colours for light and dark, and rendering to small, stable files.

A figure is one SVG for both modes. Its light colours are part of the drawing, so that every viewer
shows them; a ``prefers-color-scheme`` rule swaps each for its dark partner. The figure brings its
own background, so it stays readable where a viewer ignores that rule.
"""

import io
import math
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from nnbench.text.rounding import MINUS
from nnbench.text.vocabulary import TONES

WIDTH = 360.0  # points, as are all lengths here; shown at 4/3 CSS pixels per point
TEXT, SMALL = 10.5, 9.0
MAX_SVG_BYTES = 150_000  # design, section 6: larger figures become PNG
_PNG_DPI = 192  # two device pixels for each CSS pixel
_CSS_PIXELS = 4 / 3
_STEPS = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))  # of the ticks in a decade
_NUMBER = re.compile(r"[×x]?\s*[\d.,]+(e[+-]?\d+)?\s*(%|°|\w{0,8})?")

INK, MUTED, GRID, PLATE = "#1f2328", "#59636e", "#e3e6ea", "#ffffff"
MEASURED, CLAIMED, CONTROL, SHADE = "#0072b2", "#d55e00", "#6e7781", "#eef3f8"
# Okabe and Ito's colour-blind-safe set (2008); yellow, sky and orange darkened for white paper.
CATEGORIES = ("#0173b2", "#d45f00", "#009e73", "#b0508a", "#9a6a00", "#4d5560")
RAMP = tuple(sns.color_palette("viridis", 16).as_hex()[:12])  # its yellow end is lost on white
_RAMP_DARK = tuple(sns.color_palette("viridis", 16).as_hex()[4:])

DARK = {
    INK: "#e6e8eb", MUTED: "#a3adb8", GRID: "#2d333b", PLATE: "#15181c",
    MEASURED: "#56b4e9", CLAIMED: "#ff9a4d", CONTROL: "#8d96a0", SHADE: "#1d242c",
    **dict(zip(CATEGORIES, ("#57b5ea", "#ff9b4e", "#2fcf9f", "#e39cc6", "#f0b429", "#c9d1d9"), strict=True)),
    **dict(zip(RAMP, _RAMP_DARK, strict=True)),
    **dict(TONES.values()),
}  # fmt: skip

# Drawn with matplotlib's own DejaVu Sans, which is wider than these, so texts fit their boxes.
_FONTS = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_STYLE = {
    **sns.axes_style("white"),
    "font.family": "DejaVu Sans",
    "font.size": TEXT,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a level's name is no formula
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.labelsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "figure.facecolor": PLATE,
    "axes.facecolor": "none",
    "savefig.facecolor": PLATE,
    "svg.fonttype": "none",
    "svg.hashsalt": "nnbench",
    "path.simplify": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A rendered figure."""

    data: bytes
    suffix: str  # ``svg`` or ``png``
    width: int  # natural size in CSS pixels
    height: int
    alt: str  # a sentence that states the finding, for those who cannot see it


def figure_style() -> AbstractContextManager[None]:
    """The rendering style; wrap a whole report in it, matplotlib's own settings return after."""
    return mpl.rc_context(_STYLE)


def new_figure(height: float) -> Figure:
    """An empty figure, sizes in points, that belongs to no global state."""
    return Figure(figsize=(WIDTH / 72, height / 72), dpi=72)


def axes_within(figure: Figure, margins: tuple[float, float, float, float]) -> Axes:
    """Axes without frame inside ``left, top, right, bottom`` margins in points."""
    left, top, right, bottom = margins
    width, height = figure.get_size_inches() * 72
    size = ((width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes((left / width, bottom / height, *size))
    sns.despine(ax=axes, left=True, bottom=True)
    axes.tick_params(length=0, pad=4)
    return axes


def name_axis(figure: Figure, title: str, *, right: float = 10.0) -> None:
    """What the horizontal axis shows: below it, so far from the right edge."""
    across, up = 1 - right / WIDTH, 7 / (72 * figure.get_figheight())
    figure.text(across, up, title, color=MUTED, fontsize=SMALL, ha="right")


def render(figure: Figure, *, alt: str) -> Image:
    """A figure as SVG that knows light and dark, or as PNG where the SVG would be large."""
    width, height = (round(inches * 72 * _CSS_PIXELS) for inches in figure.get_size_inches())
    data, suffix = _svg(figure), "svg"
    if len(data) > MAX_SVG_BYTES:
        data, suffix = _png(figure), "png"
    return Image(data=data, suffix=suffix, width=width, height=height, alt=alt)


def _svg(figure: Figure) -> bytes:
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)
    text = buffer.getvalue()
    start, end = text.index("<svg"), text.index(">", text.index("<svg")) + 1
    head, body = text[start:end], _minified(text[end:])
    return f"{head}\n<style>{_dark_rules(body)}</style>{body}".encode()


_NOISE = re.compile(
    r"<!--.*?-->|<metadata>.*?</metadata>|<style type.*?</style>|<defs>\s*</defs>"
    r"| transform=\"rotate\(-0 [^\"]*\"|(?<=<g) id=\"[^\"]*\"| ?font-family: 'DejaVu Sans';",
    flags=re.DOTALL,
)
_MARKS = re.compile(r"<g>\n((?:<use [^>]*/>\n){2,})</g>")
_GROUP = re.compile(r"<g(?: [^>]*)?(?<!/)>\n?|</g>\n?")
_COORDINATES = re.compile(r'(?<= d=")[^"]*|(?<= [xy]=")[^"]*')


def _minified(body: str) -> str:
    """Without what no viewer needs: comments, empty definitions, names of groups, micrometres."""
    lines = re.sub(r"\s*\n\s*", "\n", _COORDINATES.sub(_rounded, _NOISE.sub("", body)))
    return _without_groups(_MARKS.sub(_styled_once, lines).replace("<g/>\n", ""))


def _styled_once(match: re.Match[str]) -> str:
    """The style that all dots of a group share, said once by the group."""
    styles = set(re.findall(r' style="[^"]*"', match[1]))
    if len(styles) != 1 or match[1].count(" style=") != match[1].count("<use "):
        return match.group()
    style = styles.pop()
    return f"<g{style}>\n{match[1].replace(style, '')}</g>"


def _without_groups(body: str) -> str:
    """Without groups that have no attributes."""
    opened: list[bool] = []

    def kept(match: re.Match[str]) -> str:
        if match.group().startswith("</"):
            return match.group() if opened.pop() else ""
        opened.append(not match.group().startswith("<g>"))
        return match.group() if opened[-1] else ""

    return _GROUP.sub(kept, body)


def _rounded(match: re.Match[str]) -> str:
    # A tenth of a point is a sixth of a pixel.
    numbers = re.sub(r"-?\d+\.\d{2,}", lambda m: f"{float(m.group()):.1f}", match.group())
    return " ".join(numbers.split())


def _dark_rules(body: str) -> str:
    rules = [
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
        if f"{kind}: {light}" in body
    ]
    # The shapes' defaults come from matplotlib's own style element, which this one replaces.
    return (
        f"*{{stroke-linejoin:round;stroke-linecap:butt}}text{{font-family:{_FONTS}}}"
        f"@media(prefers-color-scheme:dark){{{''.join(rules)}}}"
    )


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.set_dpi(_PNG_DPI)
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters; one that is cut ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def text_width(text: str) -> float:
    """An upper estimate of a text's width in points: DejaVu Sans takes 0.6 em per character."""
    return max(map(len, text.split("\n"))) * TEXT * 0.6


def colours(names: Sequence[str]) -> list[str]:
    """One colour per level: steps of a ramp for three or more numbers, else distinct hues."""
    numbers = len(names) >= 3 and all(_NUMBER.fullmatch(name.strip()) for name in names)
    if not numbers and len(names) <= len(CATEGORIES):
        return list(CATEGORIES[: len(names)])
    step = (len(RAMP) - 1) / (len(names) - 1)
    return [RAMP[round(i * step)] for i in range(len(names))]


# --- axes that read well: few ticks, plain numbers, logarithms only where they help


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
    axes: Axes, side: Literal["x", "y"], *, limits: tuple[float, float], log: bool, most: int = 6
) -> None:
    """Limits, scale, ticks and light grid lines of one side."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    if log:
        axes.set(**{f"{side}scale": "log"})
        axis.set_major_locator(FixedLocator(log_ticks(*limits, most=most)))
    else:
        axis.set_major_locator(MaxNLocator(most - 1, steps=[1, 2, 2.5, 5, 10]))
    axes.set(**{f"{side}lim": limits})
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    axes.grid(visible=True, axis=side, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
