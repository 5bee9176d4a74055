"""What ``nnbench audit`` found, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnbench.audit.console import columns, counted
from nnbench.text.rounding import duration_text, significant

MOST_REASONS = 4  # of a cell; --json has all
Entry = Mapping[str, Any]
_WORDS = {"identical": "identical to the bit", "within noise": "within seed noise"}


def audit_text(found: Entry) -> str:
    """A readable account: the sampled cells, what could not be audited, and a sentence."""
    parts = [_cells(found["cells"]), list(_left_out(found)), [summary(found)]]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def summary(found: Entry) -> str:
    """One sentence, with the seed that draws the same cells again."""
    outcomes = ", ".join(
        f"{number} {_WORDS.get(name, name)}" for name, number in found["summary"].items() if number
    )
    unreadable = len(found["unreadable"])
    more = f", {counted(unreadable, 'record')} unreadable" if unreadable else ""
    drawn, known = len(found["cells"]), counted(found["known"], "cell")
    return (
        f"{drawn} of {known} measured again (--seed {found['seed']}): {outcomes or 'none'}{more}."
    )


def _cells(cells: Sequence[Entry]) -> list[str]:
    if not cells:
        return []
    head = ("cell", "outcome", "largest difference", "time", "what")
    table = columns([head, *(_row(cell) for cell in cells)], indent=0)
    lines = [table[0]]
    for cell, line in zip(cells, table[1:], strict=True):
        lines += [line, *_reasons(cell)]
    return lines


def _row(cell: Entry) -> tuple[str, ...]:
    outcome: str = cell["outcome"]
    return (
        cell["cell"],
        _WORDS.get(outcome, outcome),
        _largest(cell),
        duration_text(cell["seconds"]),
        cell["name"],
    )


def _largest(cell: Entry) -> str:
    largest = cell["largest"]
    if largest is None:
        return "–"
    if not largest["relative"]:
        return "0"
    percent = significant(100 * largest["relative"], 2)
    return f"{percent} % ({largest['metric']}, seed {largest['seed']})"


def _reasons(cell: Entry) -> Iterator[str]:
    reasons = [line for reason in cell["reasons"] for line in reason.splitlines()]
    most = len(reasons) if cell["outcome"] == "failed" else MOST_REASONS
    yield from (f"    {reason}" for reason in reasons[:most])
    if reasons[most:]:
        yield f"    {len(reasons) - most} more (--json has all)"


def _left_out(found: Entry) -> Iterator[str]:
    for entry in found["unreadable"]:
        yield f"{entry['source']}: unreadable ({entry['why']})"
    by_reason: dict[str, list[str]] = {}
    for entry in found["cannot_be_run_again"]:
        by_reason.setdefault(entry["why"], []).append(entry["source"])
    for why, sources in by_reason.items():
        more = f" and {len(sources) - 1} more" if sources[1:] else ""
        yield f"{sources[0]}{more}: cannot be run again ({why})"
