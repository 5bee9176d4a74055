"""A table as data, so that HTML and Markdown draw the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nnbench.text.vocabulary import Chip


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Text that leads to an anchor of the page."""

    text: str
    target: str

    def __str__(self) -> str:
        return self.text


Cell = str | Chip | Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells; the first cell of each row names it.

    Attributes:
        caption: What the numbers are, with their unit.
        columns: The headers.
        rows: As many cells as columns.
        text: Indices of columns that hold text rather than numbers, besides the first.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    text: frozenset[int] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        bad = [row for row in self.rows if len(row) != len(self.columns)]
        if bad:
            raise ValueError(f"table {self.caption!r}: {len(self.columns)} columns, row {bad[0]}")

    def is_text(self, index: int) -> bool:
        """Whether a column is aligned as text."""
        return index == 0 or index in self.text


def make_table(
    caption: str,
    columns: Sequence[str],
    *,
    rows: Sequence[Sequence[Cell]],
    text: Sequence[str] = (),
) -> Table:
    """A table; ``text`` names the columns that hold text."""
    return Table(
        caption=caption,
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows),
        text=frozenset(columns.index(name) for name in text if name in columns),
    )
