"""A document's own words beside a claim: sentences as lines, the rows of its tables as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from nnbench.records.results import ClaimResult

ROW, CELL = "·", "|"  # what separates rows and cells in a claim's quote, as config/README.md says


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """Lines of text, or rows of a table, all of them with equally many cells."""

    lines: Sequence[str] = ()
    columns: Sequence[str] = ()  # the table's own names, in which the unit of its numbers stands
    rows: Sequence[Sequence[str]] = ()


def quotation(claim: ClaimResult) -> Quotation:
    """What the report quotes: a table where cells are marked, and rows or columns as well (``P(a | b)`` is none)."""
    columns = _split(claim.place.columns, CELL)
    if CELL not in claim.quote or not (columns or ROW in claim.quote):
        lines = (claim.place.columns, *claim.quote.splitlines())
        return Quotation(lines=[line.strip() for line in lines if line.strip()])
    rows = [_split(row, CELL) for row in _split(claim.quote, ROW)]
    filled = list(zip(*zip_longest(columns, *rows, fillvalue=""), strict=True))
    return Quotation(columns=filled[0] if columns else (), rows=filled[1:])


def in_a_line(claim: ClaimResult) -> str:
    """The same in a line, cells separated by spaces, as in: Sigmoid 0.35 · ReLU 0.20."""
    return " ".join(claim.quote.replace(CELL, " ").split())


def _split(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.split(mark)] if text.strip() else []
