"""The report in a terminal: its headline, and one claim's table."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from nnbench.errors import unknown_name
from nnbench.records.results import ClaimResult, Finding, Results
from nnbench.records.studies import StudyResult
from nnbench.report import general, studies
from nnbench.report.anchors import Anchors, anchors_of
from nnbench.report.page import counts, facts, standing
from nnbench.report.quotation import in_a_line
from nnbench.report.tables import Table, level_table
from nnbench.text.vocabulary import claim_chip, finding_chip, general_chip, where_text

HEADLINE = "headline.txt"  # of a report's files: read in a moment, which the results are not
_FEW = 3  # claims that are told one by one


def headline(results: Results) -> list[str]:
    """What was found, in a few lines: the counts or each of a few claims, then what was run."""
    judged = [c for c in results.claims if (c.results or c.study) and not c.control]
    ran = ". ".join(f"{name}: {text}" for name, text in facts(results)) + "."
    own = [f"{study.id}: {study.sentence}" for study in results.studies]
    if len(judged) <= _FEW:
        told = (f"{claim_chip(claim)}: {claim.id}. {claim.answer}" for claim in judged)
        return [*told, *own, ran]
    found = ", ".join(f"{number} {chip.counted}" for chip, number in counts(results) if number)
    against = [claim.id for claim in judged if claim.verdict == "contradicted"]
    return [
        f"Of {results.summary.claims} claims: {found}.",
        *([f"Contradicted: {', '.join(against)}."] if against else []),
        *_in_general(results),
        *filter(None, [standing(results)]),
        *own,
        ran,
    ]


def _in_general(results: Results) -> list[str]:
    """How many claims have each word, where some are measured in contexts."""
    found = [f"{number} {chip.word}" for chip, number in general.counts(results) if number]
    return [f"In general, over contexts: {', '.join(found)}."] if found else []


def closing(folder: Path) -> list[str]:
    """The headline of the report in a folder, and where it lies; nothing, if there is none."""
    with suppress(OSError, ValueError):
        said = (folder / HEADLINE).read_text(encoding="utf-8")
        return [*said.splitlines(), f"Report: {folder / 'index.html'}"]
    return []


def claim_text(results: Results, claim_id: str, folder: Path) -> str:
    """A claim with its tables as text; its figures lie in ``folder``.

    Raises:
        NnbenchError: There is no such claim.
    """
    claims = {claim.id: claim for claim in results.claims}
    if claim_id not in claims:
        raise unknown_name("claim", claim_id, claims)
    claim, anchors = claims[claim_id], anchors_of(results)
    lines = [
        f"{claim.id}: {claim.title}",
        f"“{in_a_line(claim)}”",
        "",
        f"{claim_chip(claim)}. {claim.answer}",
    ]
    if (chip := general_chip(claim)) and claim.general:
        lines.append(f"In general: {chip}. {claim.general.sentence}")
    if claim.how_large:
        lines.append(f"How large: {claim.how_large}")
    if shares := studies.claimed_table(claim):
        lines += ["", *table_lines(shares)]
    for finding in claim.results:
        lines += ["", *_finding_lines(claim, finding, anchors, folder)]
    return "\n".join(lines)


def study_text(study: StudyResult) -> str:
    """A factor study with its order of factors as text."""
    lines = [f"{study.id}: {study.title}", "", study.sentence]
    if study.measured:
        lines += ["", *table_lines(studies.data_table(study))]
    return "\n".join(lines)


def _finding_lines(
    claim: ClaimResult, finding: Finding, anchors: Anchors, folder: Path
) -> list[str]:
    figure = folder / "figures" / f"{anchors.of(claim, finding)}.svg"
    deciding = " (this one decides)" if finding.decides and len(claim.results) > 1 else ""
    return [
        f"{where_text(finding)}: {finding_chip(finding)}{deciding}",
        *table_lines(level_table(finding)),
        *([f"Figure: {figure}"] if figure.exists() else []),
    ]


def table_lines(table: Table) -> list[str]:
    """A table as lines of text, its caption above."""
    rows = [list(table.columns), *([str(cell) for cell in row] for row in table.rows)]
    right = [not table.is_text(index) for index in range(len(table.columns))]
    return [table.caption, *aligned(rows, right=right)]


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[bool]) -> list[str]:
    """Rows in columns that are as wide as their longest text, those of ``right`` to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    form = "  ".join(
        f"{{:{'>' if end else '<'}{width}}}" for width, end in zip(widths, right, strict=True)
    )
    return [form.format(*row).rstrip() for row in rows]
