"""Words around a plot: its legend above, what its axis shows below."""

import textwrap
from collections.abc import Sequence

from nnbench.report.figures.canvas import (
    MUTED,
    SMALL,
    WIDTH,
    Style,
    element,
    number,
    text,
    text_width,
)

_FITTING, _LINES = 62, 2  # characters of a line below a plot, and lines
_MARK, _BETWEEN = 22.0, 10.0  # room for a mark, and between two entries


def legend(entries: Sequence[tuple[str, str]], *, y: float = 12.0, right: float = WIDTH - 6) -> str:
    """Marks, drawn around (0, 0), each with its word, from the left so that they end at the right."""
    widths = [_MARK + text_width(words, SMALL) + _BETWEEN for _, words in entries]
    x, shown = max(4.0, right - sum(widths)), []
    for (mark, words), width in zip(entries, widths, strict=True):
        shown.append(element("g", mark, transform=f"translate({number(x + 9)} {number(y)})"))
        shown.append(text(x + _MARK, y + 4, words, fill=MUTED, size=SMALL))
        x += width
    return "".join(shown)


def below(title: str, y: float, *, right: float = WIDTH - 8) -> str:
    """What the horizontal axis shows: below it, to the right, on two lines where one is too short."""
    lines = textwrap.wrap(title, _FITTING) or [""]
    lines = lines if len(lines) <= _LINES else [*lines[: _LINES - 1], f"{lines[_LINES - 1]} …"]
    end = max(right, min(WIDTH - 4, max(map(len, lines)) * SMALL * 0.5 + 6))
    style: Style = {"fill": MUTED, "size": SMALL, "text_anchor": "end"}
    return "".join(text(end, y + 14 * i, words, **style) for i, words in enumerate(lines))


def below_height(title: str) -> float:
    """The room that it takes beyond a single line."""
    return 14.0 * (min(len(textwrap.wrap(title, _FITTING)), _LINES) - 1)
