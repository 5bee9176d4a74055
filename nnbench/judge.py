"""Tables to ``results.json``: every claim beside its measurement, with interval and verdict.

The file is a function of the config and the records alone (no clock, no machine of its own), and the
report's only input. ``docs/results-schema.md`` documents its fields.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nnbench import wording
from nnbench.aggregate import read_csv
from nnbench.cells import canonical, dataset_of
from nnbench.claims import Claim, Document
from nnbench.errors import NnbenchError
from nnbench.levels import level_entry
from nnbench.metrics import METRICS
from nnbench.pairs import pair_entry, verdict_of
from nnbench.plan import Plan
from nnbench.records import write_atomically
from nnbench.run_provenance import run_provenance

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What ``aggregate`` wrote."""

    measurements: pd.DataFrame
    curves: pd.DataFrame
    cells: Mapping[str, Mapping[str, Any]]
    rejected: Sequence[Mapping[str, str]]


def judge_all(plan: Plan, results: Path, target: Path) -> dict[str, Any]:
    """Judge every claim, write ``results.json`` and return its content."""
    tables = read_tables(results / "aggregate")
    if set(tables.measurements["cell"]) != set(plan.cells):
        raise NnbenchError(
            f"{results / 'aggregate'}: made for another plan than the config's",
            todo="run `nnbench aggregate` with the same config first, or just `snakemake`",
        )
    claims = [_claim_entry(plan, tables, *item) for item in plan.claims()]
    content = {
        "schema_version": SCHEMA_VERSION,
        "summary": _summary(claims),
        "provenance": {
            **run_provenance(plan, tables.cells, results),
            "config_sha256": config_hash(plan),
            "rejected_records": list(tables.rejected),
            "missing_cells": _missing(plan, tables),
        },
        "claims": claims,
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(target, text.encode() + b"\n")
    return content


def read_tables(folder: Path) -> Tables:
    """Load the aggregated tables."""
    try:
        cells = json.loads((folder / "cells.json").read_bytes())
        measurements, curves = (
            read_csv(folder / f"{name}.csv") for name in ("measurements", "curves")
        )
    except (OSError, ValueError) as error:
        raise NnbenchError(
            f"{folder}: cannot be read ({error})", todo="run `nnbench aggregate` first"
        ) from error
    return Tables(
        measurements=measurements,
        curves=curves,
        cells=cells["cells"],
        rejected=cells["rejected"],
    )


def config_hash(plan: Plan) -> str:
    """SHA-256 over the config and all claims: seeds, margins and claims as fixed before the run."""
    documents = [document.model_dump(mode="json") for document in plan.documents]
    content = {"config": plan.config.model_dump(mode="json"), "documents": documents}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _summary(claims: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    outcomes = Counter(claim["verdict"] for claim in claims)
    states = Counter(claim["status"].replace(" ", "_") for claim in claims)
    verdicts = {
        name: outcomes[name] for name in ("reproduced", "partly", "contradicted", "inconclusive")
    }
    others = {name: states[name] for name in ("measured", "qualitative", "not_run")}
    return {"claims": len(claims), **verdicts, **others}


def _missing(plan: Plan, tables: Tables) -> list[dict[str, Any]]:
    return [
        {
            "cell": cell_id,
            "claims": sorted({use.claim for use in plan.uses if use.cell == cell_id}),
            "reason": reason,
        }
        for cell_id in plan.cells
        if (reason := _why_missing(cell_id, tables)) is not None
    ]


def _why_missing(cell_id: str, tables: Tables) -> str | None:
    """Why a cell has no runs; None if it has."""
    if cell_id in tables.cells:
        failure: str | None = tables.cells[cell_id]["failure"]
        return failure
    rejected = {item["cell"]: item["reason"] for item in tables.rejected}
    return rejected.get(cell_id, "no record: its job failed or has not run")


def _claim_entry(
    plan: Plan, tables: Tables, claim_id: str, document: Document, claim: Claim
) -> dict[str, Any]:
    """One entry of ``claims``."""
    reason = plan.not_run.get(claim_id)
    entry: dict[str, Any] = {
        "id": claim_id,
        "document": document.document,
        "document_title": document.title,
        "name": claim_id.partition("/")[2],
        **claim.model_dump(
            mode="json",
            include={
                "title",
                "quote",
                "kind",
                "factor",
                "metric",
                "tier",
                "experiment",
                "limits",
                "caveats",
                "links",
            },
        ),
        "claimed": dict(claim.claimed),
        "status": "measured" if claim.kind == "definition" else "judged",
        "reason": reason,
        "verdict": None,
        "depends_on_track": False,
        "results": [],
        "command": f"snakemake --cores 8 --config only='[\"{claim_id}\"]'",
    }
    if reason is not None:
        status = "qualitative" if claim.kind == "qualitative" else "not run"
        return {**entry, "status": status, "answer": wording.not_run(status, reason)}
    results = [
        _result_entry(plan, tables, claim_id, claim, part) for part in _parts(plan, claim_id)
    ]
    deciding = next(result for result in results if result["decides"])
    return {
        **entry,
        "verdict": deciding["verdict"],
        "depends_on_track": _depends_on_track(results),
        "results": results,
        "answer": wording.answer(deciding, results),
    }


Part = tuple[str | None, str, str]  # variant, dataset, track


def _parts(plan: Plan, claim_id: str) -> list[Part]:
    parts = [(use.variant, use.dataset, use.track) for use in plan.uses if use.claim == claim_id]
    return list(dict.fromkeys(parts))


def _depends_on_track(results: Iterable[Mapping[str, Any]]) -> bool:
    verdicts: dict[tuple[Any, str], set[Any]] = {}
    for result in results:
        verdicts.setdefault((result["variant"], result["dataset"]), set()).add(result["verdict"])
    return any(len(found) > 1 for found in verdicts.values())


def _result_entry(
    plan: Plan, tables: Tables, claim_id: str, claim: Claim, part: Part
) -> dict[str, Any]:
    """One entry of ``results``: a claim on one dataset, in one track, in one reading."""
    variant, dataset_name, track = part
    metric, dataset = METRICS[claim.metric], dataset_of(dataset_name)
    rows = _rows(tables.measurements, claim_id, part)
    levels = [
        level_entry(group, claim, plan, cells=tables.cells, curves=tables.curves)
        for _, group in rows.groupby("level", sort=False)
    ]
    fixed = dataset.kind == "fixed"
    first = next(iter(claim.datasets))
    result: dict[str, Any] = {
        "dataset": dataset_name,
        "dataset_title": dataset.title,
        "track": track,
        "variant": variant,
        "variant_title": claim.variants[variant].title if variant else None,
        "decides": variant is None and dataset_name == first and track == claim.decided_by,
        "metric": metric.name,
        "metric_title": metric.title,
        "unit": metric.unit,
        "lower_is_better": metric.lower_is_better,
        "scale": metric.scale,
        "chance": metric.untrained(len(dataset.class_names)),
        "conditional": fixed,
        "resolution": _resolution(levels, dataset.test_size)
        if fixed and metric.unit == "fraction"
        else None,
        "levels": levels,
    }
    if claim.kind == "definition":
        outcome: dict[str, Any] = {
            "verdict": None,
            "verdict_reason": "",
            "blocks": plan.config.seeds,
            "pairs": [],
        }
    else:
        verdict = verdict_of(rows, claim, metric)
        outcome = {
            "verdict": verdict.verdict,
            "verdict_reason": verdict.reason,
            "blocks": verdict.blocks,
            "pairs": [pair_entry(pair, metric) for pair in verdict.pairs],
        }
    return {**result, **outcome, "sentence": wording.sentence({**result, **outcome}, claim)}


def _rows(measurements: pd.DataFrame, claim_id: str, part: Part) -> pd.DataFrame:
    variant, dataset, track = part
    table = measurements
    own = table["variant"].isna() if variant is None else table["variant"] == variant
    place = (table["claim"] == claim_id) & (table["dataset"] == dataset) & (table["track"] == track)
    return table[own & place]


def _resolution(levels: Sequence[Mapping[str, Any]], samples: int) -> float | None:
    """Standard error of an accuracy by the finite test set alone: sqrt(p (1 - p) / n)."""
    means = [level["mean"] for level in levels if level["mean"] is not None]
    p = sum(means) / len(means) if means else 0.0
    return math.sqrt(p * (1 - p) / samples) if means else None
