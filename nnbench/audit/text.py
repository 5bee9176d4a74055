"""What ``nnbench compare`` and ``nnbench audit`` found, as text for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from nnbench.audit.audit import Audit, AuditedCell
from nnbench.audit.comparison import (
    Comparison,
    FindingVerdict,
    LevelChange,
    StudyChange,
    VerdictChange,
)
from nnbench.audit.noise import MEANS
from nnbench.audit.subjects import and_more
from nnbench.schema import printable
from nnbench.text.phrases import capitalised
from nnbench.text.rounding import duration_text, p_text, signed_percent, significant, value_text

MOST_CAUSES = 3  # shown per level; --json has all
MOST_REASONS = 4  # shown per cell; --json has all
_WORDS = {"identical": "identical to the bit", "within noise": "within seed noise"}
_Row = tuple[tuple[str, ...], Sequence[str]]  # its columns, and the notes below it


def compare_text(found: Comparison, *, names: tuple[str, str]) -> str:
    """A readable account: verdicts, levels, what was left out, provenance, and a sentence."""
    head = ("claim", "where", "level", "metric", "A", "B", "change", "p (Holm)")
    rows = [_level_row(level) for level in found.levels if level.outcome == "moved"]
    told = ("study", "where", "what", "A", "B", "p (Holm)")
    studies = [_study_row(change) for change in found.studies if change.outcome == "moved"]
    return _paragraphs(
        _sides(found, names),
        _headed("Verdicts that changed", _verdicts(found.verdicts)),
        _headed("Levels that moved beyond noise", _table(head, rows, indent=2)),
        _headed("What moved beyond noise in studies", _table(told, studies, indent=2)),
        not_compared(found),
        _headed("What else differs", [f"  {fact.text}" for fact in found.provenance]),
        [compare_summary(found)],
    )


def audit_text(found: Audit) -> str:
    """A readable account: the sampled cells, what could not be audited, and a sentence."""
    head = ("cell", "outcome", "largest difference", "time", "what")
    table = _table(head, [_cell_row(cell) for cell in found.cells])
    return _paragraphs(table, _studies(found), _left_out(found), [_audit_summary(found)])


def _paragraphs(*paragraphs: Iterable[str]) -> str:
    # results may come from anybody: no escape sequence in them reaches the terminal
    texts = ("\n".join(map(printable, lines)) for lines in paragraphs)
    return "\n\n".join(text for text in texts if text)


def _headed(head: str, lines: Iterable[str]) -> list[str]:
    below = list(lines)
    return [head, *below] if below else []


def _table(head: tuple[str, ...], rows: Sequence[_Row], *, indent: int = 0) -> Iterator[str]:
    """Rows in columns, each as wide as its widest text; below each row, its notes."""
    columns = zip(head, *(row for row, _ in rows), strict=True)
    widths = [max(map(len, column)) for column in columns]
    for row, notes in [(head, ()), *rows] if rows else []:
        yield " " * indent + "  ".join(map(str.ljust, row, widths)).rstrip()
        yield from (f"    {note}" for note in notes)


def _first(texts: Sequence[str], most: int, *, more: str) -> list[str]:
    """The first few, and how many more there are."""
    return [*texts[:most], *([f"{len(texts) - most} {more}"] if texts[most:] else [])]


def _counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 cell``, ``2 cells``."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def _groups(members: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """By name of a group, its members."""
    found: dict[str, list[str]] = {}
    for group, member in members:
        found.setdefault(group, []).append(member)
    return found


def compare_summary(found: Comparison) -> str:
    """The comparison in a sentence."""
    own, rest = found.summary, _others(found.summary.levels)
    studies, more = _counted_studies(own.studies), _others(own.of_studies)
    if not found.differs:
        also = f" and {studies} ({more})" if own.studies else ""
        return f"Nothing changed beyond noise in {_counted(own.claims, 'claim')} ({rest}){also}."
    changed = _counted(own.verdicts_changed, "verdict")
    moved = own.of_studies["moved"]
    also = (
        f" In {studies}, {_counted(moved, 'value')} moved beyond noise ({more})."
        if own.studies
        else ""
    )
    return f"{changed} changed, {_counted(own.levels['moved'], 'level')} moved beyond noise ({rest}).{also}"


def _others(outcomes: Mapping[str, int]) -> str:
    """What did not move, by outcome."""
    others = [f"{number} {name}" for name, number in outcomes.items() if number and name != "moved"]
    return ", ".join(others) or "no others"


def _counted_studies(number: int) -> str:
    return f"{number} {'study' if number == 1 else 'studies'}"


def _sides(found: Comparison, names: tuple[str, str]) -> Iterator[str]:
    rows = []
    for side, about, name in zip("AB", (found.a, found.b), names, strict=True):
        commit = (about.git_commit or "no commit")[:8]
        dirty = " with changes" if about.git_dirty else ""
        rows.append((side, name, about.generated or "", commit + dirty, f"{about.seeds} seeds"))
    return _table(rows[0], [(rows[1], [])])


def verdict_note(change: VerdictChange) -> str:
    """Whether a changed verdict counts as a difference, and what its levels did."""
    if not change.counted:
        return f"not counted: {change.skipped}" if change.skipped else "not counted"
    if change.study:
        return f"it rests on {change.study}"
    if not change.levels_moved:
        return "its levels are within noise"
    return f"{_counted(change.levels_moved, 'level')} moved"


def _verdicts(verdicts: Sequence[VerdictChange]) -> Iterator[str]:
    for verdict in verdicts:
        yield f"  {verdict.claim}: {_verdict_change(verdict)} ({verdict_note(verdict)})"
        for finding in verdict.results:
            skipped = f" (not counted: {finding.skipped})" if finding.skipped else ""
            yield f"    {finding.context}: {_verdict_change(finding)}{skipped}"


def _verdict_change(change: VerdictChange | FindingVerdict) -> str:
    a, b = change.a or "no verdict", change.b or "no verdict"
    return f"{a} in both" if a == b else f"{a} -> {b}"


def _level_row(level: LevelChange) -> _Row:
    means = (value_text(mean, level.unit) for mean in (level.mean_a, level.mean_b))
    p = "exact" if level.p_holm is None else p_text(level.p_holm)
    causes = "; ".join(_first(level.reasons, MOST_CAUSES, more="more"))
    row = level.claim, level.context, level.level, level.metric, *means, change_text(level), p
    return row, [f"may be: {causes}"]


def _study_row(change: StudyChange) -> _Row:
    causes = "; ".join(_first(change.reasons, MOST_CAUSES, more="more"))
    row = change.study, change.dataset or "all data", change.what, change.a, change.b
    return (*row, study_p(change)), [f"may be: {causes}"] if causes else []


def study_p(change: StudyChange) -> str:
    """Its p value after Holm's correction; orders have none."""
    return "–" if change.p_holm is None else p_text(change.p_holm)


def change_text(level: LevelChange) -> str:
    """How its mean changed, or what else of its runs did."""
    if level.test not in (None, MEANS):
        return f"{level.test} runs"
    if level.percent is not None:
        return signed_percent(level.percent)
    sign = "+" if (level.difference or 0.0) > 0 else ""
    return sign + value_text(level.difference, level.unit)


def not_compared(found: Comparison) -> Iterator[str]:
    """What is in one of the two alone, or cannot be compared, and why."""
    for side, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            yield f"Claims in {side} only: {', '.join(names)}"
    statuses = ((f"{one.a} in A, {one.b} in B", one.claim) for one in found.measured_in_one)
    for status, claims in _groups(statuses).items():
        yield f"{capitalised(status)}: {', '.join(claims)}"
    for one in found.levels_in_one:
        yield f"{one.claim}, {one.context}: level {one.level} in {one.side.upper()} only"
    skipped = [level for level in found.levels if level.outcome == "skipped"]
    yield from dict.fromkeys(
        f"{level.claim}, {level.context}: skipped, {level.reasons[0]}" for level in skipped
    )
    for level in found.levels:
        if level.outcome == "not comparable":
            why = level.reasons[0]
            yield f"{level.claim}, {level.context}, {level.level}: not comparable ({why})"
    yield from found.studies_in_one
    for change in found.studies:
        if change.outcome == "skipped":
            where = ", ".join(filter(None, (change.study, change.dataset)))
            yield f"{where}: {change.what} skipped, {change.reasons[0]}"


def _audit_summary(found: Audit) -> str:
    outcomes = [f"{n} {_WORDS.get(name, name)}" for name, n in found.summary.items() if n]
    unreadable = len(found.unreadable)
    more = f", {_counted(unreadable, 'record')} unreadable" if unreadable else ""
    drawn = f"{len(found.cells)} of {_counted(found.known, 'cell')}"
    return f"{drawn} measured again (--seed {found.seed}): {', '.join(outcomes) or 'none'}{more}."


def _cell_row(cell: AuditedCell) -> _Row:
    largest, shown = cell.largest, "–"
    if largest is not None:
        percent = significant(100 * largest.relative, 2)
        shown = f"{percent} % ({largest.metric}, seed {largest.seed})" if largest.relative else "0"
    reasons = [line for reason in cell.reasons for line in reason.splitlines()]
    most = len(reasons) if cell.outcome == "failed" else MOST_REASONS
    outcome = _WORDS.get(cell.outcome, cell.outcome)
    row = cell.cell, outcome, shown, duration_text(cell.seconds), cell.name
    return row, _first(reasons, most, more="more (--json has all)")


def _studies(found: Audit) -> Iterator[str]:
    """What became of studies whose runs were analysed again."""
    head = ("study", "outcome", "largest difference", "runs analysed again")
    rows: list[_Row] = []
    for one in found.studies:
        points = f"{significant(100 * one.largest, 2)} points ({one.where})" if one.where else "0"
        shown = "–" if one.outcome == "not comparable" else points
        outcome = _WORDS.get(one.outcome, one.outcome)
        rows.append(((one.study, outcome, shown, one.source), one.reasons))
    return _table(head, rows)


def _left_out(found: Audit) -> Iterator[str]:
    for entry in found.unreadable:
        yield f"{entry.source}: unreadable ({entry.why})"
    refused = _groups((entry.why, entry.source) for entry in found.cannot_be_run_again)
    for why, sources in refused.items():
        yield f"{and_more(sources)}: cannot be run again ({why})"
