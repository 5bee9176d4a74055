"""Words around a plot: its legend above, what its axis shows below."""

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
    wrapped,
)

_LINES = 3  # of words below a plot
_MARK, _BETWEEN, _HEIGHT = (
    22.0,
    12.0,
    18.0,
)  # room for a mark, between two entries, and of a line of them


def legend(entries: Sequence[tuple[str, str]], *, width: float = WIDTH) -> tuple[str, float]:
    """Marks, drawn around (0, 0), each with its word, on as many lines as they take; and the height of these."""
    x, y, shown = 4.0, 12.0, []
    for mark, words in entries:
        taken = _MARK + text_width(words, SMALL)
        if x + taken > width:
            x, y = 4.0, y + _HEIGHT
        shown.append(element("g", mark, transform=f"translate({number(x + 9)} {number(y)})"))
        shown.append(text(x + _MARK, y + 4, words, fill=MUTED, size=SMALL))
        x += taken + _BETWEEN
    return "".join(shown), y + _HEIGHT


def below(title: str, y: float, *, right: float | None = None, width: float = WIDTH) -> str:
    """What the horizontal axis shows: below it, to the right, on more lines where one is too short."""
    lines, right = _lines(title, width), width - 8 if right is None else right
    end = min(width - 4, max(right, 4 + max(text_width(words, SMALL) for words in lines)))
    shown = (text(end, y + 14 * i, w, fill=None, size=None) for i, w in enumerate(lines))
    style: Style = {"fill": MUTED, "text_anchor": "end"}
    return element("g", *shown, **style)


def below_height(title: str, *, width: float = WIDTH) -> float:
    """The room that it takes beyond a single line."""
    return 14.0 * (len(_lines(title, width)) - 1)


def _lines(title: str, width: float) -> list[str]:
    return wrapped(title, width - 8, most=_LINES, size=SMALL)
