"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], *, indent: int = 2) -> list[str]:
    """Rows of texts as lines, each column as wide as its widest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " " * indent
        + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: ``1 cell``, ``2 cells``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
