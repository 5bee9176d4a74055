"""Tables to ``results.json``: every claim beside its measurement, with interval and verdict.

The file is a function of the config and the records alone (no clock, no machine of its own), and the
report's only input. ``docs/results-schema.md`` documents its fields.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nnbench.cells.cell import canonical
from nnbench.cells.cost import WORK_PER_SECOND, work
from nnbench.claims.claim import Claim
from nnbench.claims.document import Document
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan
from nnbench.records.store import write_atomically
from nnbench.text import wording
from nnbench.verdicts.outcomes import Part, Tables, read_tables, result_entry, why_missing
from nnbench.verdicts.provenance import run_provenance

SCHEMA_VERSION = 1


def judge_all(plan: Plan, results: Path, target: Path) -> dict[str, Any]:
    """Judge every claim, write ``results.json`` and return its content."""
    tables = read_tables(results / "aggregate")
    if {cell for ids in tables.measurements["cells"] for cell in ids.split()} != set(plan.cells):
        raise NnbenchError(
            f"{results / 'aggregate'}: made for another plan than the config's",
            todo="run `nnbench aggregate` with the same config first, or just `snakemake`",
        )
    claims = [_claim_entry(plan, tables, *item) for item in plan.claims()]
    content = {
        "schema_version": SCHEMA_VERSION,
        "records_sha256": tables.made_of,
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
            "claims": sorted({use.claim for use in plan.uses if cell_id in use.cells}),
            "reason": reason,
        }
        for cell_id in plan.cells
        if (reason := why_missing(cell_id, tables)) is not None
    ]


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
                "second_look",
            },
        ),
        "claimed": dict(claim.claimed),
        "order": list(claim.order),
        "status": "measured" if claim.kind == "definition" else "judged",
        "reason": reason,
        "cost_seconds": _cost(plan, claim_id),
        "verdict": None,
        "depends_on_track": False,
        "results": [],
        "command": f"snakemake --cores 8 --config only='[\"{claim_id}\"]'",
    }
    if reason is not None:
        status = "qualitative" if claim.kind == "qualitative" else "not run"
        return {**entry, "status": status, "answer": _not_run(entry, status)}
    results = [result_entry(plan, tables, claim_id, claim, part) for part in _parts(plan, claim_id)]
    deciding = next(result for result in results if result["decides"])
    return {
        **entry,
        "verdict": deciding["verdict"],
        "depends_on_track": _depends_on_track(results),
        "results": results,
        "answer": wording.answer(deciding, results),
    }


def _parts(plan: Plan, claim_id: str) -> list[Part]:
    parts = [(use.variant, use.dataset, use.track) for use in plan.uses if use.claim == claim_id]
    return list(dict.fromkeys(parts))


def _depends_on_track(results: Iterable[Mapping[str, Any]]) -> bool:
    verdicts: dict[tuple[Any, str], set[Any]] = {}
    for result in results:
        verdicts.setdefault((result["variant"], result["dataset"]), set()).add(result["verdict"])
    return any(len(found) > 1 for found in verdicts.values())


def _cost(plan: Plan, claim_id: str) -> float | None:
    """A rough estimate of the core seconds of a claim that this run leaves out."""
    cells = plan.left_out.get(claim_id, ())
    return sum(work(cell) for cell in cells) / WORK_PER_SECOND if cells else None


def _not_run(entry: Mapping[str, Any], status: str) -> str:
    return wording.not_run(status, entry["reason"], seconds=entry["cost_seconds"])
