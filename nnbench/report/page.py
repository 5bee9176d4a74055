"""The whole page: its counts, the claims by document, tracks, and what is said beside a claim's own fields."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nnbench.claims.kinds import KINDS
from nnbench.claims.looks import AUTO, LOOKS, first_of
from nnbench.claims.outcomes import FOUND
from nnbench.records.results import ClaimResult, Finding, Results, count_name
from nnbench.report.anchors import Anchors
from nnbench.report.appendix import is_another, memory_text, plain
from nnbench.report.details import chosen_text
from nnbench.report.tables import Cell, Link, Table
from nnbench.text.generality import counted
from nnbench.text.phrases import in_a_row
from nnbench.text.rounding import duration_text
from nnbench.text.vocabulary import (
    STATUSES,
    VERDICTS,
    Chip,
    claim_chip,
    finding_chip,
)
from nnbench.text.wording import cost

_ALWAYS = ("reproduced", "partly", "contradicted", "inconclusive")  # counted, even where none is


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
    small = sum(claim.verdict == "reproduced, small" for claim in found)
    text = f"{len(found)} of the {len(tested)} tested claims are reproduced"
    text += f" ({small} of them with a small effect)" if small else ""
    if not fallen:
        return f"{text}, also after Holm’s correction over all {len(tested)}."
    left, named = len(found) - len(fallen), ", ".join(f"“{title}”" for title in fallen)
    return f"{text}, {left} of them also after Holm’s correction over all {len(tested)}; not so: {named}."


def standing(results: Results) -> str:
    """How many reproduced claims stand if each document's claims share an error of 5 %; nothing where all do."""
    judged = (claim for claim in results.claims if not claim.control and claim.p_holm is not None)
    found = sum(claim.verdict in FOUND for claim in judged)
    stand = results.summary.reproduced_after_holm
    if stand == found:
        return ""
    return f"After Holm’s correction over each document’s claims, {stand} of {found} stand."


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
        ("Runs", f"{_seeds(results)} per level, {made.run.cells:,} cells, tier {made.tier}"),
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
    found = {level.planned for f in judged for level in f.levels} or {
        first_of(results.provenance.seeds)
    }
    low, high = min(found), max(found)
    return f"{high} seeds" if low == high else f"{low} to {high} seeds"


def blocks_range(results: Results) -> str:
    """How many blocks claims have, as in: 5 to 30 here; most of them 10."""
    blocks = Counter(f.blocks for c in results.claims for f in c.results if f.decides and f.blocks)
    if not blocks:
        return "none here"
    low, high = min(blocks), max(blocks)
    if low == high:
        return f"all have {low}"
    told = ", ".join(
        f"{counted(number, 'claim')} with {size}" for size, number in sorted(blocks.items())
    )
    return f"here {told}"


def blocks_meant(results: Results) -> str:
    """How many blocks the config asks for."""
    seeds = results.provenance.seeds
    return f"{LOOKS[0]} to {LOOKS[-1]}" if seeds == AUTO else str(seeds)


def looks_text(results: Results) -> str:
    """How claims with ``seeds: auto`` are looked at, for the methods; empty where there are none."""
    if not any(finding.looks for claim in results.claims for finding in claim.results):
        return ""
    blocks = f"{', '.join(map(str, LOOKS[:-1]))} and {LOOKS[-1]}"
    return (
        f"Where a claim's seeds are automatic, its levels are looked at after {blocks} blocks, fixed "
        "beforehand, until its pairs are settled. Each look may spend of every error the share that its "
        f"new blocks are of {LOOKS[-1]}, so that all looks together err no more often than a single one. "
        "Intervals are repeated confidence intervals, which cover at all looks together with 95 %, and "
        "p values count all looks."
    )


# --- the claims


def documents(claims: Sequence[ClaimResult], anchors: Anchors) -> list[Document]:
    """The claims by document."""
    found = []
    for name, group in itertools.groupby(claims, key=lambda claim: claim.document):
        own = tuple(group)
        shown = tuple(claim for claim in own if claim.taken)
        rest = tuple(claim for claim in own if not claim.taken)
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
    caption = "Verdicts as written and with tuned settings"
    return Table(caption, columns, rows=rows, text=columns) if rows else None


def _track_rows(claim: ClaimResult, anchors: Anchors) -> Iterator[list[Cell]]:
    for written, tuned in _in_both_tracks(claim):
        yield [
            Link(text=claim.title, target=anchors.claims[claim.id]),
            _reading(tuned),
            finding_chip(written).to(anchors.of(claim, written)),
            finding_chip(tuned).to(anchors.of(claim, tuned)),
            "same" if written.verdict == tuned.verdict else "changes",
            chosen_text(tuned),
        ]


def _in_both_tracks(claim: ClaimResult) -> Iterator[tuple[Finding, Finding]]:
    """Each finding as written with the same one after tuning, where there is one."""
    by_track = {finding.key: finding for finding in claim.results}
    for written in claim.results:
        tuned = by_track.get((written.dataset, "tuned", written.variant))
        if written.track == "as-written" and tuned is not None:
            yield written, tuned


def _reading(finding: Finding) -> str:
    """Dataset and variant, whatever the track."""
    return ", ".join(filter(None, (finding.dataset_title, finding.variant_title)))


def track_note(claim: ClaimResult) -> str:
    """Where a claim's verdict depends on the track; empty where it does not."""
    both = _in_both_tracks(claim)
    places = [_reading(tuned) for written, tuned in both if written.verdict != tuned.verdict]
    if not places:
        return ""
    return (
        f"The verdict depends on the track: on {in_a_row(places)} it is another one as written than after equal tuning of "
        "every level."
    )


# --- what is said of a claim and of its findings beside their own fields and tables


def deciding_first(claim: ClaimResult) -> list[Finding]:
    """The finding that gives the claim's verdict, then the others in their order."""
    return sorted(claim.results, key=lambda finding: not finding.decides)


def kind_text(claim: ClaimResult) -> str:
    """What kind of claim it is, in a few words."""
    return KINDS[claim.kind].meaning


def place_text(claim: ClaimResult) -> str:
    """Where that stands, as in: Neural Net Loss, “Common Misconceptions”, line 59."""
    place = claim.place
    section = f"“{place.section}”" if place.section else ""
    line = f"line {place.line} of the text as saved" if place.line else ""
    return ", ".join(filter(None, (claim.document_title, section, line)))


def links(claim: ClaimResult, others: Mapping[str, ClaimResult], anchors: Anchors) -> list[Link]:
    """The claims that it names, with their documents and verdicts: some answer one question differently."""
    named = [others[i] for i in claim.links if i in others]
    return [Link(text=_verdict_beside(o, claim), target=anchors.claims[o.id]) for o in named]


def _verdict_beside(other: ClaimResult, claim: ClaimResult) -> str:
    """As in: Dropout lowers the loss (Neural Net Loss: contradicted); the document only where it is another one."""
    document = other.document_title if other.document != claim.document else None
    said = ": ".join(filter(None, (document, other.verdict)))
    return f"{other.title} ({said})" if said else other.title


def second_look(claim: ClaimResult) -> str:
    """What was checked after a contradiction or another verdict; nothing if there is none (any more)."""
    verdicts = [claim.verdict, *(finding.verdict for finding in claim.results)]
    surprised = "contradicted" in verdicts or any(is_another(c, claim) for c in claim.changes)
    return (claim.second_look or "") if surprised else ""


def changes(claim: ClaimResult) -> list[str]:
    """What was changed in its specification after a result had been seen."""
    return [
        f"Version {change.version} of the specification, {change.date}: {change.what} {change.why} "
        f"Before: {change.before}"
        for change in claim.changes
    ]


def not_run_text(claim: ClaimResult) -> str | None:
    """Why a claim was not run, and what it would take."""
    if claim.reason is None:
        return None
    estimate = "" if claim.cost_seconds is None else f" ({cost(claim.cost_seconds)})"
    return f"{plain(claim.reason)}{estimate}"
