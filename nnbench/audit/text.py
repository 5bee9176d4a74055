"""What ``nnbench compare`` and ``nnbench audit`` found, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from nnbench.audit.audit import Audit, AuditedCell
from nnbench.audit.comparison import About, Comparison, FindingVerdict, LevelChange, VerdictChange
from nnbench.audit.known import Difference
from nnbench.audit.noise import MEANS
from nnbench.schema import printable
from nnbench.text.rounding import duration_text, p_text, signed_percent, significant, value_text

MOST_CAUSES = 3  # shown per level; --json has all
MOST_REASONS = 4  # shown per cell; --json has all
_WORDS = {"identical": "identical to the bit", "within noise": "within seed noise"}


def compare_text(found: Comparison, *, names: tuple[str, str]) -> str:
    """A readable account: verdicts, levels, what was left out, provenance, and a sentence."""
    return _paragraphs(
        _heads((found.a, found.b), names),
        _verdicts(found.verdicts),
        _levels([level for level in found.levels if level.outcome == "moved"]),
        _not_compared(found),
        _provenance(found.provenance),
        [_compare_summary(found)],
    )


def audit_text(found: Audit) -> str:
    """A readable account: the sampled cells, what could not be audited, and a sentence."""
    return _paragraphs(_cells(found.cells), _left_out(found), [_audit_summary(found)])


def _paragraphs(*paragraphs: Iterable[str]) -> str:
    # results may come from anybody: no escape sequence in them reaches the terminal
    texts = ("\n".join(map(printable, lines)) for lines in paragraphs)
    return "\n\n".join(text for text in texts if text)


def _table(
    rows: Sequence[Sequence[str]], notes: Sequence[Sequence[str]], *, indent: int
) -> Iterator[str]:
    """A head and rows in columns; below each row, its notes."""
    head, *lines = _columns(rows, indent=indent)
    yield head
    for line, below in zip(lines, notes, strict=True):
        yield from (line, *(f"    {note}" for note in below))


def _columns(rows: Sequence[Sequence[str]], *, indent: int) -> list[str]:
    """Rows of texts as lines, each column as wide as its widest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        " " * indent
        + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 cell``, ``2 cells``."""
    return f"{number} {noun if number == 1 else noun + 's'}"


# --- compare


def _compare_summary(found: Comparison) -> str:
    levels = found.summary.levels
    rest = ", ".join(
        f"{number} {outcome}" for outcome, number in levels.items() if number and outcome != "moved"
    )
    if not found.differs:
        claims = _counted(found.summary.claims, "claim")
        return f"Nothing changed beyond noise in {claims} ({rest})."
    changed = _counted(found.summary.verdicts_changed, "verdict")
    moved = _counted(levels["moved"], "level")
    return f"{changed} changed, {moved} moved beyond noise ({rest or 'no others'})."


def _heads(sides: tuple[About, About], names: tuple[str, str]) -> list[str]:
    rows = []
    for side, about, name in zip("AB", sides, names, strict=True):
        commit = (about.git_commit or "no commit")[:8]
        dirty = " with changes" if about.git_dirty else ""
        rows.append((side, name, about.generated or "", commit + dirty, f"{about.seeds} seeds"))
    return _columns(rows, indent=0)


def _verdicts(verdicts: Sequence[VerdictChange]) -> Iterator[str]:
    if verdicts:
        yield "Verdicts that changed"
    for verdict in verdicts:
        yield f"  {verdict.claim}: {_verdict_change(verdict)}{_note(verdict)}"
        for finding in verdict.results:
            skipped = f" (not counted: {finding.skipped})" if finding.skipped else ""
            yield f"    {finding.context}: {_verdict_change(finding)}{skipped}"


def _note(verdict: VerdictChange) -> str:
    if not verdict.counted:
        return f" (not counted: {verdict.skipped})" if verdict.skipped else " (not counted)"
    moved = verdict.levels_moved
    return f" ({_counted(moved, 'level')} moved)" if moved else " (its levels are within noise)"


def _verdict_change(change: VerdictChange | FindingVerdict) -> str:
    a, b = change.a or "no verdict", change.b or "no verdict"
    return f"{a} in both" if a == b else f"{a} -> {b}"


def _levels(moved: Sequence[LevelChange]) -> Iterator[str]:
    if not moved:
        return
    yield "Levels that moved beyond noise"
    head = ("claim", "where", "level", "metric", "A", "B", "change", "p (Holm)")
    rows = [head, *map(_level_row, moved)]
    yield from _table(rows, [[_causes(level.reasons)] for level in moved], indent=2)


def _causes(reasons: Sequence[str]) -> str:
    more = [f"{len(reasons) - MOST_CAUSES} more"] if reasons[MOST_CAUSES:] else []
    return f"may be: {'; '.join([*reasons[:MOST_CAUSES], *more])}"


def _level_row(level: LevelChange) -> tuple[str, ...]:
    means = (value_text(mean, level.unit) for mean in (level.mean_a, level.mean_b))
    p = "exact" if level.p_holm is None else p_text(level.p_holm)
    return level.claim, level.context, level.level, level.metric, *means, _change(level), p


def _change(level: LevelChange) -> str:
    if level.test not in (None, MEANS):
        return f"{level.test} runs"
    if level.percent is not None:
        return signed_percent(level.percent)
    sign = "+" if (level.difference or 0.0) > 0 else ""
    return sign + value_text(level.difference, level.unit)


def _not_compared(found: Comparison) -> Iterator[str]:
    for side, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            yield f"Claims in {side} only: {', '.join(names)}"
    by_status: dict[str, list[str]] = {}
    for entry in found.measured_in_one:
        by_status.setdefault(f"{entry.a} in A, {entry.b} in B", []).append(entry.claim)
    for status, claims in by_status.items():
        yield f"{status[:1].upper()}{status[1:]}: {', '.join(claims)}"
    for one in found.levels_in_one:
        yield f"{one.claim}, {one.context}: level {one.level} in {one.side.upper()} only"
    skipped = [level for level in found.levels if level.outcome == "skipped"]
    yield from dict.fromkeys(
        f"{level.claim}, {level.context}: skipped, {level.reasons[0]}" for level in skipped
    )
    for level in found.levels:
        if level.outcome == "not comparable":
            why = level.reasons[0] if level.reasons else "fewer than two runs"
            yield f"{level.claim}, {level.context}, {level.level}: not comparable ({why})"


def _provenance(differences: Sequence[Difference]) -> Iterator[str]:
    if differences:
        yield "What else differs"
    yield from (f"  {difference.text}" for difference in differences)


# --- audit


def _audit_summary(found: Audit) -> str:
    outcomes = ", ".join(
        f"{number} {_WORDS.get(name, name)}" for name, number in found.summary.items() if number
    )
    unreadable = len(found.unreadable)
    more = f", {_counted(unreadable, 'record')} unreadable" if unreadable else ""
    drawn = f"{len(found.cells)} of {_counted(found.known, 'cell')}"
    return f"{drawn} measured again (--seed {found.seed}): {outcomes or 'none'}{more}."


def _cells(cells: Sequence[AuditedCell]) -> Iterator[str]:
    head = ("cell", "outcome", "largest difference", "time", "what")
    if cells:
        rows = [head, *map(_cell_row, cells)]
        yield from _table(rows, [list(_reasons(cell)) for cell in cells], indent=0)


def _cell_row(cell: AuditedCell) -> tuple[str, ...]:
    outcome = _WORDS.get(cell.outcome, cell.outcome)
    return cell.cell, outcome, _largest(cell), duration_text(cell.seconds), cell.name


def _largest(cell: AuditedCell) -> str:
    largest = cell.largest
    if largest is None:
        return "–"
    if not largest.relative:
        return "0"
    percent = significant(100 * largest.relative, 2)
    return f"{percent} % ({largest.metric}, seed {largest.seed})"


def _reasons(cell: AuditedCell) -> Iterator[str]:
    reasons = [line for reason in cell.reasons for line in reason.splitlines()]
    most = len(reasons) if cell.outcome == "failed" else MOST_REASONS
    yield from reasons[:most]
    if reasons[most:]:
        yield f"{len(reasons) - most} more (--json has all)"


def _left_out(found: Audit) -> Iterator[str]:
    for entry in found.unreadable:
        yield f"{entry.source}: unreadable ({entry.why})"
    by_reason: dict[str, list[str]] = {}
    for entry in found.cannot_be_run_again:
        by_reason.setdefault(entry.why, []).append(entry.source)
    for why, sources in by_reason.items():
        more = f" and {len(sources) - 1} more" if sources[1:] else ""
        yield f"{sources[0]}{more}: cannot be run again ({why})"
