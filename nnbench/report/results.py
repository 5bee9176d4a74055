"""One result and one claim as the pages show them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnbench.figures.canvas import Image
from nnbench.report.result_tables import (
    level_table,
    other_table,
    pair_table,
    search_table,
    seed_table,
    setting_tables,
)
from nnbench.report.table import Link, Table
from nnbench.rounding import unit_label, value_text
from nnbench.vocabulary import KINDS, Chip, claim_chip, result_chip, where_text

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The rendered figures of a report, by result anchor or dataset name."""

    overview: Image | None
    dots: Mapping[str, Image]
    curves: Mapping[str, Image]
    samples: Mapping[str, Image]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultView:
    """One claim on one dataset in one track."""

    anchor: str
    where: str
    chip: Chip
    sentence: str
    reason: str
    notes: str
    dots: Image
    curves: Image | None
    levels: Table
    pairs: Table | None
    search: Table | None
    seeds: Table
    others: Table
    differing: Table | None
    shared: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimView:
    """One claim: what is said, what came out, and everything behind it."""

    id: str
    anchor: str
    title: str
    document_title: str
    chip: Chip
    kind: str
    quote: tuple[str, ...]
    answer: str
    experiment: str
    limits: str
    caveats: tuple[str, ...]
    links: tuple[Link, ...]
    depends_on_track: bool
    reason: str | None
    command: str
    results: tuple[ResultView, ...]
    csv_name: str


def slug(text: str) -> str:
    """A text as part of a file name or an anchor."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "x"


def claim_anchor(claim_id: str) -> str:
    """The anchor of a claim, and the stem of its files."""
    return slug(claim_id)


def result_anchor(claim_id: str, result: Json) -> str:
    """The anchor of a result, and the stem of its figure's file."""
    parts = [claim_id, result["dataset"], result["track"], result["variant"]]
    return "-".join(slug(part) for part in parts if part)


def deciding_first(claim: Json) -> list[Json]:
    """The result that gives the claim's verdict, then the others in their order."""
    return sorted(claim["results"], key=lambda result: not result["decides"])


def claim_view(claim: Json, *, titles: Mapping[str, str], pictures: Pictures) -> ClaimView:
    """Prepare a claim; ``titles`` are those of all claims, for the links between them."""
    links = [Link(text=titles[i], target=claim_anchor(i)) for i in claim["links"] if i in titles]
    return ClaimView(
        id=claim["id"],
        anchor=claim_anchor(claim["id"]),
        title=claim["title"],
        document_title=claim["document_title"],
        chip=claim_chip(claim),
        kind=KINDS.get(claim["kind"], claim["kind"]),
        quote=tuple(line.strip() for line in claim["quote"].splitlines() if line.strip()),
        answer=claim["answer"],
        experiment=claim["experiment"] or "",
        limits=claim["limits"] or "",
        caveats=tuple(claim["caveats"]),
        links=tuple(links),
        depends_on_track=claim["depends_on_track"],
        reason=claim["reason"],
        command=claim["command"] or "",
        results=tuple(
            _result_view(claim, result, pictures=pictures) for result in deciding_first(claim)
        ),
        csv_name=f"{claim_anchor(claim['id'])}.csv",
    )


def _result_view(claim: Json, result: Json, *, pictures: Pictures) -> ResultView:
    anchor = result_anchor(claim["id"], result)
    differing, shared = setting_tables(result)
    return ResultView(
        anchor=anchor,
        where=where_text(result),
        chip=result_chip(result),
        sentence=result["sentence"] or "",
        reason=result["verdict_reason"] or "",
        notes=" ".join(_notes(result)),
        dots=pictures.dots[anchor],
        curves=pictures.curves.get(anchor),
        levels=level_table(result),
        pairs=pair_table(result, kind=claim["kind"]),
        search=search_table(result),
        seeds=seed_table(result),
        others=other_table(result),
        differing=differing,
        shared=shared,
    )


def _notes(result: Json) -> Sequence[str]:
    notes = []
    if result["blocks"]:
        notes.append(f"{result['blocks']} complete block{'s' * (result['blocks'] != 1)}.")
    if result["conditional"]:
        notes.append("One fixed test set: the result is conditional on it.")
    if result["resolution"]:
        error = value_text(result["resolution"], "fraction", digits=2)
        notes.append(f"An accuracy on it has a standard error of {error} points.")
    if result["chance"] is not None and result["unit"] != "count":
        untrained = value_text(result["chance"], result["unit"])
        notes.append(f"An untrained predictor scores {untrained} {unit_label(result['unit'])}.")
    return notes
