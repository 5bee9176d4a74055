"""What all figures share: colours for light and dark, shapes, and the picture that comes out.

A figure is SVG, written by hand, so that it is small, says on hover what each mark is, and is the same
bytes for the same numbers. Its light colours are part of the drawing, so that every viewer shows them; a
rule for dark mode swaps each for its partner. Lengths are CSS pixels of a figure 360 wide: a phone shows
it as it is, a larger screen a little enlarged. Where more room shows more, a figure is drawn for a wide page, too.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

from nnbench.text.vocabulary import TONES

WIDTH, WIDE = 360.0, 660.0
TEXT, SMALL = 12.0, 11.5  # no less: a phone shows a figure at its drawn size
_SHOWN_AT = 7 / 6  # natural size over drawn size
# Widths of characters in thousandths of an em: Helvetica's (Adobe font metrics), which Arial and others share.
_WIDTHS = {
    222: "ijl'‘’", 278: " !,./:;I[]\\ft·|\u00a0", 333: "()r-`*“”", 500: "ckssvxyzJ", 584: "+<=>~×±−≈",
    611: "FTZ", 667: "ABEKPSVXY&", 722: "CDHNRUw", 778: "GOQ", 833: "mM", 889: "%", 1000: "W@—…✓✗△◐½◌●◕○←→",
}  # fmt: skip
_WIDE = {character: width for width, characters in _WIDTHS.items() for character in characters}
_OTHER, _WIDER = (
    556,
    1.08,
)  # digits and most small letters; what the widest font of a page takes beyond these
_NUMBER = re.compile(r"[×x]?\s*[\d.,]+(e[+-]?\d+)?\s*(%|°|\w{0,8})?")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

INK, MUTED, GRID, PLATE = "#1f2328", "#59636e", "#e3e6ea", "#ffffff"
MEASURED, CLAIMED, CONTROL, SHADE = "#0072b2", "#d55e00", "#6e7781", "#e4edf6"
# Okabe and Ito's colour-blind-safe set (2008); yellow, sky and orange darkened for white paper.
CATEGORIES = ("#0173b2", "#d45f00", "#009e73", "#b0508a", "#9a6a00", "#4d5560")
# Steps of matplotlib's viridis (CC0); its yellow end is lost on white, its violet one on black.
_VIRIDIS = (
    "#481769", "#472a7a", "#433d84", "#3d4e8a", "#355e8d", "#2e6d8e", "#297b8e", "#23898e",
    "#1f978b", "#21a585", "#2eb37c", "#46c06f", "#65cb5e", "#89d548", "#b0dd2f", "#d8e219",
)  # fmt: skip
RAMP, _RAMP_DARK = _VIRIDIS[:12], _VIRIDIS[4:]

DARK: Mapping[str, str] = {
    INK: "#e6e8eb", MUTED: "#a3adb8", GRID: "#2d333b", PLATE: "#15181c",
    MEASURED: "#56b4e9", CLAIMED: "#ff9a4d", CONTROL: "#8d96a0", SHADE: "#22303d",
    **dict(zip(CATEGORIES, ("#57b5ea", "#ff9b4e", "#2fcf9f", "#e39cc6", "#f0b429", "#c9d1d9"), strict=True)),
    **dict(zip(RAMP, _RAMP_DARK, strict=True)),
    **dict(TONES.values()),
}  # fmt: skip

Style = dict[str, Any]  # attributes of shapes and texts
HALO: Style = {"stroke": PLATE, "stroke_width": "3", "paint_order": "stroke"}  # of text over a grid
_FONTS = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


def dark_rules(within: str = "", *, body: str | None = None) -> str:
    """Swap each light colour (of those in ``body``) for its dark partner, inside a selector."""
    return "".join(
        f'{within}[{kind}="{light}"]{{{kind}:{dark}}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
        if body is None or f'{kind}="{light}"' in body
    )


def page_style() -> str:
    """The rules that a page needs once for all figures inside it."""
    return (
        f"svg.figure{{display:block;max-width:100%;height:auto}}svg.figure text{{font-family:{_FONTS}}}"
        "svg.figure a{text-decoration:none}"
        f"@media(prefers-color-scheme:dark){{{dark_rules('svg.figure ')}}}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A drawn figure."""

    body: str  # the shapes
    box: tuple[float, float]  # width and height that they are drawn for
    alt: str  # a sentence that states the finding, for those who cannot see it
    scale: float = _SHOWN_AT
    suffix: str = "svg"
    wide: "Image | None" = None  # the same, which a page shows instead where it has room for it

    @property
    def width(self) -> int:
        """Natural width in CSS pixels."""
        return round(self.box[0] * self.scale)

    @property
    def height(self) -> int:
        """Natural height in CSS pixels."""
        return round(self.box[1] * self.scale)

    @property
    def narrow(self) -> Self:
        """As a phone shows it, on any page."""
        return replace(self, wide=None)

    @property
    def inline(self) -> str:
        """The figure as part of a page that has :func:`page_style`. Its links lead to the page's anchors."""
        return self.classed("narrow") + self.wide.classed("wide") if self.wide else self.classed()

    @property
    def data(self) -> bytes:
        """The figure as a file of its own, in a folder beside ``index.html``."""
        body = self.body.replace('href="#', 'href="../index.html#')
        dark = dark_rules(body=body + _plate(self.box))
        style = f"text{{font-family:{_FONTS}}}@media(prefers-color-scheme:dark){{{dark}}}"
        own = 'xmlns="http://www.w3.org/2000/svg" role="img"'
        return self._svg(own, f"<style>{style}</style>{_plate(self.box)}{body}").encode() + b"\n"

    def classed(self, *which: str) -> str:
        """The same with classes, by which the page's style shows it or not."""
        role = "group" if "<a " in self.body else "img"
        return self._svg(f'class="{" ".join(("figure", *which))}" role="{role}"', self.body)

    def _svg(self, own: str, inner: str) -> str:
        size = f'width="{self.width}" height="{self.height}"'
        box = f'viewBox="0 0 {number(self.box[0])} {number(self.box[1])}"'
        small = f'font-size="{number(SMALL)}"'
        return f'<svg {own} {size} {box} {small} aria-label="{escaped(self.alt)}">{inner}</svg>'


def both(draw: Callable[[float], Image]) -> Image:
    """A figure drawn for a phone and for a wide page."""
    return replace(draw(WIDTH), wide=draw(WIDE))


def _plate(box: tuple[float, float]) -> str:
    """A background of its own, which keeps a file readable where a viewer ignores the dark rules."""
    return element("rect", width=box[0], height=box[1], fill=PLATE)


# --- shapes as text


def escaped(text: str) -> str:
    """Text for an element or an attribute; what XML cannot hold becomes a replacement character."""
    return html.escape(_NOT_XML.sub("\ufffd", text))


def number(value: float) -> str:
    """A length: a tenth of a pixel is more than the eye sees."""
    return f"{value:.1f}".removesuffix(".0").replace("-0.", "-.").removeprefix("0") or "0"


def element(name: str, *inner: str, **attributes: str | float | None) -> str:
    """One element; ``stroke_width`` stands for ``stroke-width``, None for no attribute."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{number(v) if isinstance(v, int | float) else escaped(v)}"'
        for key, v in attributes.items()
        if v is not None
    )
    return f"<{name}{said}>{''.join(inner)}</{name}>" if inner else f"<{name}{said}/>"


def titled(title: str) -> str:
    """What is said of an element on hover."""
    return element("title", escaped(title))


def text(
    x: float, y: float, words: str, *, fill: str | None = INK, size: float | None = TEXT,
    **attributes: str | None,
) -> str:  # fmt: skip
    """Text whose baseline starts (``text_anchor``: ends, has its middle) at a point; without what its group says."""
    size = None if size == SMALL else size  # which the figure says once
    return element("text", escaped(words), x=x, y=y, fill=fill, font_size=size, **attributes)


def line(
    start: tuple[float, float], end: tuple[float, float], stroke: str, width: float = 1.0,
    **attributes: str | None,
) -> str:  # fmt: skip
    """A straight line."""
    shape = f"M{number(start[0])} {number(start[1])}L{number(end[0])} {number(end[1])}"
    return element("path", d=shape, stroke=stroke, stroke_width=width, **attributes)


def runs(points: Iterable[tuple[float, float, str]], colour: str) -> str:
    """A small dot for each run, which says what it is on hover (nothing where that is empty): strokes without length."""
    shown = (
        element("path", *([titled(said)] if said else []), d=f"M{number(x)} {number(y)}h0")
        for x, y, said in points
    )
    style: Style = {
        "stroke": colour,
        "stroke_width": 4.4,
        "stroke_linecap": "round",
        "opacity": "0.5",
    }
    return element("g", *shown, **style)


def dot(x: float, y: float, radius: float, *inner: str, **attributes: str | float | None) -> str:
    """A filled or hollow circle."""
    return element("circle", *inner, cx=x, cy=y, r=radius, **attributes)


def track(points: Iterable[tuple[float, float]]) -> str:
    """A path through points, in steps: these take fewer characters, and their tenths add up exactly."""
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    (x, y), *_ = tenths
    steps = [
        f"{number((b - a) / 10)} {number((d - c) / 10)}" for (a, c), (b, d) in pairwise(tenths)
    ]
    return f"M{number(x / 10)} {number(y / 10)}l{' '.join(steps or ['0 0'])}".replace(" -", "-")


def polygon(points: Sequence[tuple[float, float]], *inner: str, **attributes: str | float) -> str:
    """A closed shape."""
    return element("path", *inner, d=f"{track(points)}z", **attributes)


def diamond(x: float, y: float, radius: float, *inner: str, **attributes: str | float) -> str:
    """A square on its corner."""
    corners = ((x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y))
    return polygon(corners, *inner, **attributes)


# --- texts and colours


def shortened(words: str, most: int) -> str:
    """A text of at most so many characters; one that is cut ends in an ellipsis."""
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


def text_width(words: str, size: float = TEXT) -> float:
    """The most that a text's longest line takes in the fonts of a page."""
    lines = words.split("\n")
    return max(sum(_WIDE.get(c, _OTHER) for c in line) for line in lines) * size * _WIDER / 1000


def wrapped(words: str, room: float, *, most: int, size: float = TEXT) -> list[str]:
    """The lines of a text that fit a width, broken inside a word only if it is wider; the last of too many is cut."""
    lines: list[str] = []
    for word in words.split(" "):
        if lines and text_width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines += _pieces(word, room, size)
    if len(lines) <= most:
        return lines
    cut = " ".join(lines[most - 1 :])
    while text_width(f"{cut}…", size) > room:
        cut = cut[:-1]
    return [*lines[: most - 1], f"{cut.rstrip()}…"]


def _pieces(word: str, room: float, size: float) -> list[str]:
    """A word, in parts where it has no room as a whole."""
    pieces = [""]
    for character in word:
        if text_width(pieces[-1] + character, size) > room and pieces[-1]:
            pieces.append("")
        pieces[-1] += character
    return pieces


def colours(names: Sequence[str]) -> list[str]:
    """One colour per level: steps of a ramp for three or more numbers, else distinct hues."""
    numbers = len(names) >= 3 and all(_NUMBER.fullmatch(name.strip()) for name in names)
    if not numbers and len(names) <= len(CATEGORIES):
        return list(CATEGORIES[: len(names)])
    step = (len(RAMP) - 1) / (len(names) - 1)
    return [RAMP[round(i * step)] for i in range(len(names))]
