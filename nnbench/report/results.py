"""One result and one claim as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nnbench.report.drill_tables import (
    by_default,
    candidate_tables,
    fact_table,
    other_table,
    pick_text,
    search_table,
    setting_tables,
)
from nnbench.report.figures.canvas import Image
from nnbench.report.result_tables import level_table, ordered_levels, pair_table, seed_table
from nnbench.report.table import Link, Table
from nnbench.text.rounding import unit_behind, value_text
from nnbench.text.vocabulary import KINDS, Chip, claim_chip, result_chip, where_text
from nnbench.text.wording import cost

Json = Mapping[str, Any]
_LOSSES = {  # by task and objective
    ("classification", "mse"): "mean squared errors of the predicted probabilities",
    ("classification", "hinge"): "hinge losses",
    ("classification", "smoothed"): "divergences from the smoothed labels, in nats",
    ("regression", "mse"): "mean squared errors, in squared deviations of the targets",
    ("regression", "mae"): "mean absolute errors, in deviations of the targets",
    ("regression", "huber"): (
        "Huber's: half the squared error up to one deviation of the targets, linear beyond"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The rendered figures of a report, by the anchor of the result or of the dataset."""

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
    picks: tuple[str, ...]
    candidates: tuple[Table, ...]
    search: Table | None
    seeds: Table
    facts: Table | None
    others: Table
    differing: Table | None
    shared: tuple[tuple[str, str], ...]
    defaults: tuple[tuple[str, str], ...]


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
    second_look: str
    links: tuple[Link, ...]
    depends_on_track: bool
    reason: str | None
    command: str
    results: tuple[ResultView, ...]
    csv_name: str


def deciding_first(claim: Json) -> list[Json]:
    """The result that gives the claim's verdict, then the others in their order."""
    return sorted(claim["results"], key=lambda result: not result["decides"])


def claim_view(claim: Json, *, claims: Mapping[str, Json], pictures: Pictures) -> ClaimView:
    """Prepare a claim; ``claims`` are all of them by id, for the links between them."""
    linked = [claims[i] for i in claim["links"] if i in claims]
    links = [Link(text=other["title"], target=other["anchor"]) for other in linked]
    return ClaimView(
        id=claim["id"],
        anchor=claim["anchor"],
        title=claim["title"],
        document_title=claim["document_title"],
        chip=claim_chip(claim),
        kind=KINDS.get(claim["kind"], claim["kind"]),
        quote=tuple(line.strip() for line in claim["quote"].splitlines() if line.strip()),
        answer=claim["answer"],
        experiment=claim["experiment"] or "",
        limits=claim["limits"] or "",
        caveats=tuple(claim["caveats"]),
        second_look=_second_look(claim),
        links=tuple(links),
        depends_on_track=claim["depends_on_track"],
        reason=not_run_text(claim),
        command=claim["command"] or "",
        results=tuple(_result_view(result, pictures=pictures) for result in deciding_first(claim)),
        csv_name=f"{claim['anchor']}.csv",
    )


def _result_view(result: Json, *, pictures: Pictures) -> ResultView:
    anchor = result["anchor"]
    differing, shared = setting_tables(result)
    stated, defaults = by_default(shared)
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
        pairs=pair_table(result),
        picks=tuple(pick_text(level) for level in ordered_levels(result) if level["pick"]),
        candidates=candidate_tables(result),
        search=search_table(result),
        seeds=seed_table(result),
        facts=fact_table(result),
        others=other_table(result),
        differing=differing,
        shared=stated,
        defaults=defaults,
    )


def _second_look(claim: Json) -> str:
    """What was checked after a contradiction; nothing where there is none (any more)."""
    verdicts = [claim["verdict"], *(result["verdict"] for result in claim["results"])]
    return str(claim["second_look"]) if "contradicted" in verdicts else ""


def not_run_text(claim: Json) -> str | None:
    """Why a claim was not run, and what it would take."""
    reason: str | None = claim["reason"]
    if reason is None or claim["cost_seconds"] is None:
        return reason
    return f"{reason} ({cost(claim['cost_seconds'])})"


def _notes(result: Json) -> Sequence[str]:
    """What a reader has to know of this result: whose time, which data, how many blocks."""
    notes = []
    if result["blocks"]:
        notes.append(f"{result['blocks']} complete block{'s' * (result['blocks'] != 1)}.")
    if result["derived"]:
        notes.append(f"{result['derived'][:1].upper()}{result['derived'][1:]}.")
    if result["timing"] and result["machines"]:
        notes.append(f"On this machine: {'; '.join(result['machines'])}.")
    notes += _data_notes(result)
    if result["chance"] is not None and result["unit"] != "count":
        untrained = value_text(result["chance"], result["unit"])
        label = unit_behind(result["unit"])
        notes.append(f"An untrained predictor scores {untrained}{label and ' '}{label}.")
    if result["scale"] == "log" and _has_zero(result):
        notes.append("On the logarithmic scale a value of 0 counts as 1e\u221212.")
    return [*notes, *result["notes"]]


def _data_notes(result: Json) -> list[str]:
    notes = []
    if result["conditional"] and not result["timing"]:
        notes.append("One fixed test set: the result is conditional on it.")
    if result["resolution"]:
        error = value_text(result["resolution"], "fraction", digits=2)
        notes.append(f"An accuracy on it has a standard error of {error} points.")
    what = _LOSSES.get((result["task"], result["objective"]))
    if what and "loss" in result["metric"]:
        notes.append(f"Losses are {what}.")
    if result["objective"] is None:
        notes.append("Losses are those of each level's own objective, which are not comparable.")
    return notes


def _has_zero(result: Json) -> bool:
    return any(value == 0 for level in result["levels"] for value in level["values"].values())
