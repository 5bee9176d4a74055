"""One entry of ``results``: a claim on one dataset, in one track, in one reading, and its verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nnbench.cells.cell import dataset_of
from nnbench.claims.claim import Claim
from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError
from nnbench.metrics import METRICS, Metric
from nnbench.plan.plan import Plan
from nnbench.records.store import MADE_OF
from nnbench.text import wording
from nnbench.verdicts.levels import level_entry, metric_on, objective_of, pick_entry, resolution
from nnbench.verdicts.measurements import read_csv
from nnbench.verdicts.pairs import pair_entry, unjudged, verdict_of
from nnbench.verdicts.picking import metric_about
from nnbench.verdicts.provenance import machine_texts
from nnbench.verdicts.rules import Verdict

_ALIKE = 0.01  # relative spread of untrained scores that one line in a figure can stand for
Part = tuple[str | None, str, str]  # variant, dataset, track


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What ``aggregate`` wrote."""

    measurements: pd.DataFrame
    candidates: pd.DataFrame
    curves: pd.DataFrame
    cells: Mapping[str, Mapping[str, Any]]
    rejected: Sequence[Mapping[str, str]]
    made_of: str


def read_tables(folder: Path) -> Tables:
    """Load the aggregated tables."""
    try:
        cells = json.loads((folder / "cells.json").read_bytes())
        made_of = (folder / MADE_OF).read_text(encoding="ascii").strip()
        measurements, candidates, curves = (
            read_csv(folder / f"{name}.csv") for name in ("measurements", "candidates", "curves")
        )
    except (OSError, ValueError) as error:
        raise NnbenchError(
            f"{folder}: cannot be read ({error})", todo="run `nnbench aggregate` first"
        ) from error
    return Tables(
        measurements=measurements,
        candidates=candidates,
        curves=curves,
        cells=cells["cells"],
        rejected=cells["rejected"],
        made_of=made_of,
    )


def why_missing(cell_id: str, tables: Tables) -> str | None:
    """Why a cell has no runs; None if it has."""
    if cell_id in tables.cells:
        failure: str | None = tables.cells[cell_id]["failure"]
        return failure
    rejected = {item["cell"]: item["reason"] for item in tables.rejected}
    return rejected.get(cell_id, "no record: its job failed or has not run")


def result_entry(
    plan: Plan, tables: Tables, claim_id: str, claim: Claim, part: Part
) -> dict[str, Any]:
    """One entry of ``results``: a claim on one dataset, in one track, in one reading."""
    reading, dataset = claim.reading(part[0]), dataset_of(part[1])
    rows = _rows(tables.measurements, claim_id, part)
    offered = _rows(tables.candidates, claim_id, part)
    metric = METRICS[reading.metric]
    lost = _lost(rows, metric, tables)
    levels = [
        {
            **level_entry(
                group, reading, plan, cells=tables.cells, curves=tables.curves, reason=lost.get(str(name))
            ),
            "pick": _pick(plan, group, offered, metric),
        }
        for name, group in rows.groupby("level", sort=False)
    ]  # fmt: skip
    objective = objective_of(levels, dataset)
    metric = metric_on(metric, dataset, objective)
    used = [tables.cells[c] for lv in levels for c in lv["cells"] if c in tables.cells]
    result: dict[str, Any] = {
        **_place(claim, part),
        **_measure(reading, metric, dataset),
        "objective": objective,
        "machines": machine_texts(used),
        "notes": list(dict.fromkeys(note for cell in used for note in cell.get("notes") or ())),
        "chance": _chance(levels, metric, tables),
        "resolution": resolution(levels, metric, dataset),
        "levels": levels,
    }
    if reading.kind == "definition":
        result |= {"verdict": None, "verdict_reason": "", "pairs": []}
        result["blocks"] = max(level["planned"] for level in levels)
    else:
        result |= _outcome(_verdict(rows, reading, metric, lost=lost, result=result), metric)
    return {**result, "sentence": wording.sentence(result, reading)}


def _place(claim: Claim, part: Part) -> dict[str, Any]:
    variant, dataset, track = part
    first = next(iter(claim.datasets))
    return {
        "dataset": dataset,
        "dataset_title": dataset_of(dataset).title,
        "track": track,
        "variant": variant,
        "variant_title": claim.variants[variant].title if variant else None,
        "decides": variant is None and dataset == first and track == claim.decided_by,
    }


def _measure(reading: Claim, metric: Metric, dataset: Dataset) -> dict[str, Any]:
    return {
        "kind": reading.kind,
        "task": dataset.task,
        "metric": metric.name,
        "metric_title": wording.title_of(metric),
        "unit": metric.unit,
        "lower_is_better": metric.lower_is_better,
        "directed": metric.directed,
        "scale": metric.scale,
        "timing": metric.timing,
        "derived": metric.derived,
        "conditional": dataset.kind == "fixed",
    }


def _verdict(
    rows: pd.DataFrame,
    claim: Claim,
    metric: Metric,
    *,
    lost: Mapping[str, str],
    result: Mapping[str, Any],
) -> Verdict:
    """Timings of different machines are not pooled, and so not compared."""
    if metric.timing and len(result["machines"]) > 1:
        names = "; ".join(result["machines"])
        return unjudged(f"measured on different machines, which are not pooled: {names}")
    return verdict_of(rows, claim, metric, lost=lost)


def _outcome(verdict: Verdict, metric: Metric) -> dict[str, Any]:
    return {
        "verdict": verdict.verdict,
        "verdict_reason": verdict.reason,
        "blocks": verdict.blocks,
        "pairs": [pair_entry(pair, metric) for pair in verdict.pairs],
    }


def _lost(rows: pd.DataFrame, metric: Metric, tables: Tables) -> dict[str, str]:
    """The levels without any value, and why."""
    groups = rows.groupby("level", sort=False)
    return {
        str(level): _why_lost(group.iloc[0], group["status"], metric, tables)
        for level, group in groups
        if group[metric.name].isna().all()
    }


def _why_lost(first: pd.Series[Any], status: pd.Series[Any], metric: Metric, tables: Tables) -> str:
    ids, at = str(first["cells"]).split(), str(first["at"])
    for cell_id in ids:
        missing = tables.cells.get(cell_id, {}).get("missing") or {}
        if at in missing:
            return str(missing[at]).removeprefix("not measured: ")  # what reads it says so itself
    reasons = [reason for cell_id in ids if (reason := why_missing(cell_id, tables))]
    if reasons:
        return reasons[0]
    if (status == "diverged").all():
        return "every run diverged, which gives no score here"
    where = f" at {at}" if isinstance(first["at"], str) else ""
    return f"its record has no {metric.title.lower()}{where}"


def _pick(
    plan: Plan, group: pd.DataFrame, offered: pd.DataFrame, metric: Metric
) -> dict[str, Any] | None:
    """How a level was picked; None if it was not."""
    first = group.iloc[0]
    if not isinstance(first["pick_by"], str):
        return None
    by: str = first["pick_by"]
    own = offered[offered["level"] == first["level"]]
    about = metric_about(metric.name, by)
    cells = (cell if isinstance(cell, str) else None for cell in group["chosen"])
    chosen = dict(zip(group["seed"].astype(str), cells, strict=True))
    return pick_entry(own, chosen, plan, by=by, draws=float(first["draws"]), metric=about)


def _chance(levels: Sequence[Mapping[str, Any]], metric: Metric, tables: Tables) -> float | None:
    """What an untrained predictor scores; None where it has no score or levels differ in it."""
    found = []
    for level in levels:
        for cell_id in level["cells"]:
            untrained = tables.cells.get(cell_id, {}).get("untrained") or {}
            at_place = untrained.get(f"{metric.name}@{level['at']}")
            found.append(untrained.get(metric.name) if at_place is None else at_place)
    known = [score for score in found if score is not None]
    if not known or len(known) < len(found):
        return None
    alike = max(known) - min(known) <= _ALIKE * max(map(abs, known))
    return sum(known) / len(known) if alike else None


def _rows(table: pd.DataFrame, claim_id: str, part: Part) -> pd.DataFrame:
    """What a table has about one claim on one dataset, in one track, in one reading."""
    variant, dataset, track = part
    own = table["variant"].isna() if variant is None else table["variant"] == variant
    place = (table["claim"] == claim_id) & (table["dataset"] == dataset) & (table["track"] == track)
    return table[own & place]
