"""The whole page: headline, matrix of verdicts, claims by document, tracks, and what follows them."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nnbench.records.results import ClaimResult, Finding, Results
from nnbench.report.anchors import Anchors
from nnbench.report.appendix import memory_text
from nnbench.report.details import chosen_text
from nnbench.report.tables import Cell, Link, Table
from nnbench.text.rounding import duration_text
from nnbench.text.vocabulary import STATUSES, VERDICTS, Chip, finding_chip, where_text

_COMMON = 0.25  # share of the measured claims from which a dataset and track get a column
Column = tuple[str, str]  # dataset, track


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The columns of the matrix of verdicts.

    Attributes:
        columns: Common datasets and tracks.
        datasets: The datasets' titles, and how many columns each has.
        elsewhere: Whether there are findings outside them: on other datasets, or of variants.
    """

    columns: tuple[Column, ...]
    datasets: tuple[tuple[str, int], ...]
    elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document and its claims: all, those with something to show, and those not run."""

    title: str
    anchor: str
    claims: tuple[ClaimResult, ...]
    shown: tuple[ClaimResult, ...]
    not_run: tuple[ClaimResult, ...]


def counts(results: Results) -> list[tuple[Chip, int]]:
    """How many claims have each verdict, and what became of the others."""
    numbers = results.summary.model_dump()
    verdicts = [(chip, numbers[name]) for name, chip in VERDICTS.items()]
    others = [(chip, numbers[name.replace(" ", "_")]) for name, chip in STATUSES.items()]
    return [*verdicts, *(item for item in others if item[1])]


def date_text(stamp: str | None) -> str:
    """An ISO time as a reader's date: ``21 November 2026``."""
    if stamp is None:
        return "nothing has run yet"
    moment = datetime.fromisoformat(stamp)
    return f"{moment.day} {moment:%B %Y}"


def facts(results: Results) -> list[tuple[str, str]]:
    """What was run, for how long, where and when."""
    made = results.provenance
    machines = (f"{m.device_name}, {m.cores} cores, {memory_text(m)}" for m in made.machines)
    return [
        ("Runs", f"{_seeds(results)} per level, {made.run.cells} cells, tier {made.tier}"),
        ("Wall time", duration_text(made.run.wall_seconds)),
        ("Machine", "; ".join(machines) or "none recorded"),
        ("Date", date_text(made.generated)),
    ]


def _seeds(results: Results) -> str:
    """How many seeds levels have: a claim may take fewer than the config."""
    judged = (f for claim in results.claims for f in claim.results if f.kind != "definition")
    found = {level.planned for f in judged for level in f.levels} or {results.provenance.seeds}
    low, high = min(found), max(found)
    return f"{high} seeds" if low == high else f"{low} to {high} seeds"


# --- the matrix of verdicts


def matrix(claims: Sequence[ClaimResult]) -> Matrix:
    """A column for each common dataset and track, the most frequent dataset first."""
    measured = [claim for claim in claims if claim.results]
    findings = [finding for claim in measured for finding in claim.results]
    found = Counter(
        column for c in measured for column in {_column(f) for f in c.results} if column
    )
    common = {column: n for column, n in found.items() if n >= _COMMON * len(measured)}
    weight = Counter[str]()
    for (dataset, _), count in common.items():
        weight[dataset] += count
    columns = tuple(sorted(common, key=lambda column: (-weight[column[0]], column)))
    titles = {finding.dataset: finding.dataset_title for finding in findings}
    groups = itertools.groupby(columns, key=lambda column: column[0])
    return Matrix(
        columns=columns,
        datasets=tuple((titles[dataset], len(list(group))) for dataset, group in groups),
        elsewhere=any(_column(finding) not in columns for finding in findings),
    )


def _column(finding: Finding) -> Column | None:
    """Dataset and track of a finding about the claim itself; None for one about a variant."""
    return (finding.dataset, finding.track) if finding.variant is None else None


def matrix_row(
    claim: ClaimResult, columns: Sequence[Column], anchors: Anchors
) -> tuple[list[list[Chip]], list[Chip]]:
    """A claim's chips: those in each column, and those of all other findings, which name these."""
    chips = [(f, finding_chip(f).to(anchors.of(claim, f))) for f in claim.results]
    return (
        [[chip for f, chip in chips if _column(f) == column] for column in columns],
        [replace(chip, word=where_text(f)) for f, chip in chips if _column(f) not in columns],
    )


# --- the claims


def documents(claims: Sequence[ClaimResult], anchors: Anchors) -> list[Document]:
    """The claims by document."""

    def document(name: str, members: tuple[ClaimResult, ...]) -> Document:
        return Document(
            title=members[0].document_title,
            anchor=anchors.documents[name],
            claims=members,
            shown=tuple(claim for claim in members if claim.status != "not run"),
            not_run=tuple(claim for claim in members if claim.status == "not run"),
        )

    groups = itertools.groupby(claims, key=lambda claim: claim.document)
    return [document(name, tuple(group)) for name, group in groups]


def track_table(claims: Sequence[ClaimResult], anchors: Anchors) -> Table | None:
    """The verdicts of claims that were measured in both tracks."""
    rows = [row for claim in claims for row in _track_rows(claim, anchors)]
    columns = ("Claim", "On", "As written", "Tuned", "Changes", "Chosen by tuning")
    caption = "Verdicts with the document's settings and with tuned ones"
    return Table(caption, columns, rows=rows, text=columns) if rows else None


def _track_rows(claim: ClaimResult, anchors: Anchors) -> Iterator[list[Cell]]:
    by_track = {finding.key: finding for finding in claim.results}
    for written in claim.results:
        tuned = by_track.get((written.dataset, "tuned", written.variant))
        if written.track != "as-written" or tuned is None:
            continue
        yield [
            Link(text=claim.title, target=anchors.claims[claim.id]),
            ", ".join(filter(None, (tuned.dataset_title, tuned.variant_title))),
            finding_chip(written).to(anchors.of(claim, written)),
            finding_chip(tuned).to(anchors.of(claim, tuned)),
            "same" if written.verdict == tuned.verdict else "changes",
            chosen_text(tuned),
        ]
