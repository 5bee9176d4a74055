"""The whole page: headline, matrix of verdicts, claims by document, tracks, and what follows them."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import FOUND
from nnbench.records.results import ClaimResult, Finding, Results, count_name
from nnbench.report.anchors import Anchors
from nnbench.report.appendix import memory_text
from nnbench.report.details import chosen_text
from nnbench.report.tables import Cell, Link, Table
from nnbench.text.rounding import duration_text
from nnbench.text.vocabulary import (
    STATUSES,
    VERDICTS,
    Chip,
    claim_chip,
    finding_chip,
    where_text,
)
from nnbench.text.wording import cost

_COMMON = 0.25  # share of the measured claims from which a dataset and track get a column
_ALWAYS = ("reproduced", "partly", "contradicted", "inconclusive")  # counted, even where none is
Column = tuple[str, str]  # dataset, track


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The columns of the matrix of verdicts: common datasets and tracks."""

    columns: tuple[Column, ...]
    datasets: tuple[tuple[str, int], ...]  # their titles, and how many columns each has
    elsewhere: bool  # whether there are findings on other datasets, or of variants


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document and its claims: all, those with something to show, and those not run."""

    title: str
    anchor: str
    claims: tuple[ClaimResult, ...]
    shown: tuple[ClaimResult, ...]
    not_run: tuple[ClaimResult, ...]
    corrected: str  # how many of its claims stand after Holm's correction


def counts(results: Results) -> list[tuple[Chip, int]]:
    """How many claims have each verdict, and what became of the others."""
    numbers = results.summary.model_dump()
    all_words = {**VERDICTS, **STATUSES}.items()
    found = [(chip, numbers[count_name(name)], name in _ALWAYS) for name, chip in all_words]
    return [(chip, number) for chip, number, always in found if number or always]


def corrected(claims: Sequence[ClaimResult]) -> str:
    """How many claims of a document are reproduced after Holm's correction over all of them, too."""
    tested = [claim for claim in claims if claim.p_holm is not None]
    found = [claim for claim in tested if claim.verdict in FOUND]
    fallen = [claim.title for claim in found if not claim.stands]
    if not found or len(tested) == 1:
        return ""
    text = f"{len(found)} of the {len(tested)} tested claims are reproduced"
    if not fallen:
        return f"{text}, also after Holm’s correction over all {len(tested)}."
    left, named = len(found) - len(fallen), ", ".join(f"“{title}”" for title in fallen)
    return f"{text}, {left} of them also after Holm’s correction over all {len(tested)}; not so: {named}."


def controls_text(results: Results) -> str | None:
    """How many of nnbench's own claims, whose outcome is known, came out as they must."""
    all_of_them, held = results.summary.controls, results.summary.controls_held
    if not all_of_them:
        return None
    return f"{held} of {all_of_them} came out as they must"


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
    controls = controls_text(results)
    return [
        ("Runs", f"{_seeds(results)} per level, {made.run.cells} cells, tier {made.tier}"),
        *([("Controls", controls)] if controls else []),
        ("Wall time", duration_text(made.run.wall_seconds)),
        ("Machine", "; ".join(machines) or "none recorded"),
        ("Date", date_text(made.generated)),
    ]


def most_contexts(results: Results) -> int:
    """The most contexts that a claim is measured in."""
    return max((c.general.measured for c in results.claims if c.general), default=0)


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
    found = []
    for name, group in itertools.groupby(claims, key=lambda claim: claim.document):
        own = tuple(group)
        shown = tuple(claim for claim in own if claim.status != "not run")
        rest = tuple(claim for claim in own if claim.status == "not run")
        title, anchor = own[0].document_title, anchors.documents[name]
        found.append(
            Document(
                title=title,
                anchor=anchor,
                claims=own,
                shown=shown,
                not_run=rest,
                corrected=corrected(own),
            )
        )
    return found


def document_table(found: Sequence[Document]) -> Table:
    """How many claims of each document came out in which way."""
    counted = [Counter(claim_chip(claim) for claim in document.claims) for document in found]
    chips = [
        chip for chip in (*VERDICTS.values(), *STATUSES.values()) if any(c[chip] for c in counted)
    ]
    rows: list[list[Cell]] = [
        [
            Link(text=document.title, target=document.anchor),
            str(len(document.claims)),
            *(str(number[chip]) for chip in chips),
        ]
        for document, number in zip(found, counted, strict=True)
    ]
    return Table("Verdicts by document", ("Document", "Claims", *map(str, chips)), rows=rows)


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
        if written.track == "as-written" and tuned is not None:
            yield [
                Link(text=claim.title, target=anchors.claims[claim.id]),
                ", ".join(filter(None, (tuned.dataset_title, tuned.variant_title))),
                finding_chip(written).to(anchors.of(claim, written)),
                finding_chip(tuned).to(anchors.of(claim, tuned)),
                "same" if written.verdict == tuned.verdict else "changes",
                chosen_text(tuned),
            ]


# --- what is said of a claim and of its findings beside their own fields and tables


def deciding_first(claim: ClaimResult) -> list[Finding]:
    """The finding that gives the claim's verdict, then the others in their order."""
    return sorted(claim.results, key=lambda finding: not finding.decides)


def kind_text(claim: ClaimResult) -> str:
    """What kind of claim it is, in a few words."""
    return KINDS[claim.kind].meaning


def quote_lines(claim: ClaimResult) -> list[str]:
    """The document's words, without empty lines."""
    return [line.strip() for line in claim.quote.splitlines() if line.strip()]


def links(claim: ClaimResult, titles: Mapping[str, str], anchors: Anchors) -> list[Link]:
    """The claims that it names, as far as their ids have a title."""
    return [Link(text=titles[i], target=anchors.claims[i]) for i in claim.links if i in titles]


def second_look(claim: ClaimResult) -> str:
    """What was checked after a contradiction; nothing if there is none (any more)."""
    verdicts = [claim.verdict, *(finding.verdict for finding in claim.results)]
    return (claim.second_look or "") if "contradicted" in verdicts else ""


def changes(claim: ClaimResult) -> list[str]:
    """What was changed in its specification after a result had been seen."""
    return [
        f"Version {change.version} of the specification, {change.date}: {change.what} {change.why} "
        f"Before: {change.before}"
        for change in claim.changes
    ]


def not_run_text(claim: ClaimResult) -> str | None:
    """Why a claim was not run, and what it would take."""
    if claim.reason is None or claim.cost_seconds is None:
        return claim.reason
    return f"{claim.reason} ({cost(claim.cost_seconds)})"
