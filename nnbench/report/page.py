"""The whole page: headline, verdict matrix, claims by document, tracks, failures."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nnbench.report.drill_tables import chosen_text
from nnbench.report.failures import failure_tables
from nnbench.report.provenance import DatasetView, dataset_views, memory_text, provenance_tables
from nnbench.report.results import (
    ClaimView,
    Pictures,
    claim_view,
    not_run_text,
)
from nnbench.report.table import Cell, Link, Table, make_table
from nnbench.text.rounding import duration_text
from nnbench.text.vocabulary import (
    MEANINGS,
    STATUSES,
    VERDICTS,
    Chip,
    claim_chip,
    result_chip,
    track_text,
    where_text,
)

Json = Mapping[str, Any]
_COMMON = 0.25  # share of the measured claims from which a place gets a column of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many claims came out in one way."""

    chip: Chip
    number: int
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixRow:
    """One claim: its verdict, and the chips of each common dataset and track.

    ``elsewhere`` are the results on other datasets or of other readings; their chips name the place.
    """

    title: str
    target: str
    chip: Chip
    cells: tuple[tuple[Chip, ...], ...]
    elsewhere: tuple[Chip, ...]
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """All verdicts: claims down, grouped by document; common datasets and their tracks across."""

    datasets: tuple[tuple[str, int], ...]
    tracks: tuple[str, ...]
    documents: tuple[tuple[str, tuple[MatrixRow, ...]], ...]
    elsewhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """A document with its claims: first those with something to show, then those not run."""

    title: str
    anchor: str
    claims: tuple[ClaimView, ...]
    not_run: tuple[ClaimView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything that the templates need."""

    total: int
    counts: tuple[Count, ...]
    headline: str
    facts: tuple[tuple[str, str], ...]
    matrix: Matrix
    documents: tuple[DocumentView, ...]
    tracks: Table | None
    failures: tuple[Table, ...]
    provenance: tuple[Table, ...]
    datasets: tuple[DatasetView, ...]
    pictures: Pictures
    seeds: int
    tuning_seeds: int
    config_sha256: str
    config: Json
    version: str


def make_page(results: Json, *, pictures: Pictures) -> Page:
    """Prepare the page of a results document."""
    claims, provenance = results["claims"], results["provenance"]
    counts = _counts(results["summary"])
    return Page(
        total=results["summary"]["claims"],
        counts=counts,
        headline=", ".join(f"{count.number} {count.chip.word}" for count in counts),
        facts=_facts(claims, provenance),
        matrix=_matrix(claims),
        documents=_documents(claims, pictures=pictures),
        tracks=_track_table(claims),
        failures=tuple(failure_tables(claims, provenance)),
        provenance=provenance_tables(provenance),
        datasets=dataset_views(provenance["datasets"], pictures=pictures.samples),
        pictures=pictures,
        seeds=provenance["seeds"],
        tuning_seeds=provenance["tuning_seeds"],
        config_sha256=provenance["config_sha256"],
        config=provenance["config"],
        version=provenance["nnbench_version"],
    )


def _counts(summary: Json) -> tuple[Count, ...]:
    chips = {**VERDICTS, **{key.replace(" ", "_"): chip for key, chip in STATUSES.items()}}
    return tuple(
        Count(chip=chip, number=summary[key], meaning=MEANINGS[chip.word])
        for key, chip in chips.items()
        if summary[key] or key in VERDICTS
    )


def date_text(stamp: str | None) -> str:
    """An ISO time as a reader's date: ``21 November 2026``."""
    if stamp is None:
        return "nothing has run yet"
    moment = datetime.fromisoformat(stamp)
    return f"{moment.day} {moment:%B %Y}"


def _seeds(claims: Sequence[Json], provenance: Json) -> str:
    """How many seeds levels have: a claim may take fewer than the config."""
    judged = (r for claim in claims for r in claim["results"] if r["kind"] != "definition")
    found = {level["planned"] for r in judged for level in r["levels"]} or {provenance["seeds"]}
    low, high = min(found), max(found)
    return f"{high} seeds" if low == high else f"{low} to {high} seeds"


def _facts(claims: Sequence[Json], provenance: Json) -> tuple[tuple[str, str], ...]:
    run, machines = provenance["run"], provenance["machines"]
    names = [f"{m['device_name']}, {m['cores']} cores, {memory_text(m)}" for m in machines]
    return (
        (
            "Runs",
            f"{_seeds(claims, provenance)} a level, {run['cells']} cells, tier {provenance['tier']}",
        ),
        ("Wall time", duration_text(run["wall_seconds"])),
        ("Machine", "; ".join(names) or "none recorded"),
        ("Date", date_text(provenance["generated"])),
    )


def _matrix(claims: Sequence[Json]) -> Matrix:
    """A column for each place where many claims were measured; all else is named in the last one."""
    measured = [claim for claim in claims if claim["results"]]
    places = Counter(p for c in measured for p in {_plain_place(r) for r in c["results"]} if p)
    titles = {r["dataset"]: r["dataset_title"] for c in measured for r in c["results"]}
    common = {p: count for p, count in places.items() if count >= _COMMON * len(measured)}
    weight = Counter[str]()
    for (dataset, _), count in common.items():
        weight[dataset] += count
    keys = sorted(common, key=lambda key: (-weight[key[0]], key))
    spans = [(d, len(list(group))) for d, group in itertools.groupby(keys, key=lambda key: key[0])]
    documents = [
        (title, tuple(_matrix_row(claim, keys) for claim in group))
        for title, group in itertools.groupby(claims, key=lambda claim: claim["document_title"])
    ]
    return Matrix(
        datasets=tuple((titles[d], span) for d, span in spans),
        tracks=tuple(track_text(t) for _, t in keys),
        documents=tuple(documents),
        elsewhere=any(row.elsewhere for _, rows in documents for row in rows),
    )


def _plain_place(result: Json) -> tuple[str, str] | None:
    """Dataset and track of a result that reads its claim as it stands."""
    return (result["dataset"], result["track"]) if result["variant"] is None else None


def _matrix_row(claim: Json, keys: Sequence[tuple[str, str]]) -> MatrixRow:
    chips = [(_plain_place(r), result_chip(r), r) for r in claim["results"]]
    return MatrixRow(
        title=claim["title"],
        target=claim["anchor"],
        chip=claim_chip(claim).to(claim["anchor"]),
        cells=tuple(
            tuple(chip.to(r["anchor"]) for place, chip, r in chips if place == key) for key in keys
        ),
        elsewhere=tuple(
            replace(chip, word=where_text(r), target=r["anchor"])
            for place, chip, r in chips
            if place not in keys
        ),
        reason=not_run_text(claim),
    )


def _documents(claims: Sequence[Json], *, pictures: Pictures) -> tuple[DocumentView, ...]:
    by_id = {claim["id"]: claim for claim in claims}
    views = []
    for _, group in itertools.groupby(claims, key=lambda claim: claim["document"]):
        members = [(c, claim_view(c, claims=by_id, pictures=pictures)) for c in group]
        view = DocumentView(
            title=members[0][1].document_title,
            anchor=members[0][0]["document_anchor"],
            claims=tuple(view for claim, view in members if claim["status"] != "not run"),
            not_run=tuple(view for claim, view in members if claim["status"] == "not run"),
        )
        views.append(view)
    return tuple(views)


def _track_table(claims: Sequence[Json]) -> Table | None:
    rows = [row for claim in claims for row in _track_rows(claim)]
    columns = ("Claim", "On", "As written", "Tuned", "Changes", "Chosen by tuning")
    if not rows:
        return None
    return make_table(
        "Verdicts with the document's settings and with tuned ones",
        columns,
        rows=rows,
        text=columns,
    )


def _track_rows(claim: Json) -> list[list[Cell]]:
    by_place: dict[tuple[str, str | None], dict[str, Json]] = {}
    for result in claim["results"]:
        by_place.setdefault((result["dataset"], result["variant"]), {})[result["track"]] = result
    return [
        _track_row(claim, tracks["as-written"], tracks["tuned"])
        for tracks in by_place.values()
        if {"as-written", "tuned"} <= tracks.keys()
    ]


def _track_row(claim: Json, written: Json, tuned: Json) -> list[Cell]:
    place = ", ".join(p for p in (tuned["dataset_title"], tuned["variant_title"]) if p)
    return [
        Link(text=claim["title"], target=claim["anchor"]),
        place,
        result_chip(written).to(written["anchor"]),
        result_chip(tuned).to(tuned["anchor"]),
        "same" if written["verdict"] == tuned["verdict"] else "changes",
        "; ".join(chosen_text(level) for level in tuned["levels"] if level["search"]),
    ]
