"""Records to results: every claim beside its measurement, with interval and verdict.

Results are a function of the config and the records alone (no clock, no machine of their own), and
the report's only input. ``docs/results-schema.md`` documents their fields.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from nnbench.cells.cell import canonical
from nnbench.cells.cost import estimated_seconds
from nnbench.claims.claim import Claim, Document
from nnbench.claims.kinds import KINDS
from nnbench.claims.studies import PREFIX
from nnbench.metrics import METRICS
from nnbench.plan.plan import Plan
from nnbench.records.general import GeneralResult
from nnbench.records.results import (
    SCHEMA_VERSION,
    ClaimResult,
    DocumentResult,
    Finding,
    Results,
    Summary,
)
from nnbench.records.said import AdviceResult, ChangeResult, PlaceResult
from nnbench.records.store import records_sha256, write_atomically
from nnbench.records.studies import ClaimedShare, StudyResult
from nnbench.text import generality, wording
from nnbench.text.changes import told
from nnbench.text.there import factor_there, names_there
from nnbench.verdicts.contexts import context_results, general_result
from nnbench.verdicts.evidence import NO_RECORD, read_records
from nnbench.verdicts.findings import Evidence, findings
from nnbench.verdicts.flags import capped
from nnbench.verdicts.measurements import level_runs
from nnbench.verdicts.provenance import run_provenance
from nnbench.verdicts.rules import holm_adjusted
from nnbench.verdicts.studies import by_study, study_results


def gather(plan: Plan) -> Evidence:
    """Read a plan's records, and what its levels read from them."""
    records = read_records(plan, Path(plan.config.results))
    return Evidence(plan=plan, records=records, levels=level_runs(plan, records))


def judge(plan: Plan, evidence: Evidence | None = None, *, so_far: bool = False) -> Results:
    """Judge every claim of a plan by ``evidence``, or else by what ``gather`` finds now.

    ``so_far``: while a run goes on, a claim of which a deciding level has no record is not judged.
    """
    evidence = evidence or gather(plan)
    results = Path(plan.config.results)
    studies = study_results(plan, evidence.records)
    claims = _corrected([_claim(*item, evidence, studies, so_far=so_far) for item in plan.claims()])
    return Results(
        schema_version=SCHEMA_VERSION,
        records_sha256=records_sha256(results, plan.blocks()),
        summary=Summary.of(claims),
        provenance=run_provenance(plan, evidence.records, config_sha256=config_hash(plan)),
        documents=tuple(map(_document, plan.documents)),
        contexts=context_results(plan),
        studies=tuple(studies.values()),
        claims=claims,
    )


def write_results(results: Results, path: Path) -> None:
    """Write ``results.json``; an NnbenchError where that cannot be done."""
    write_atomically(path, results.to_json())


def config_hash(plan: Plan) -> str:
    """SHA-256 over the config, all claims and contexts: what was fixed before the run."""
    documents = [document.model_dump(mode="json") for document in plan.documents]
    config = plan.config.model_dump(mode="json")
    content: dict[str, object] = {"config": config, "documents": documents}
    if plan.studies:
        content["studies"] = {n: study.model_dump(mode="json") for n, study in plan.studies.items()}
    if plan.contexts:
        content["contexts"] = [(context.name, dict(context.settings)) for context in plan.contexts]
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def _document(document: Document) -> DocumentResult:
    same = {key: getattr(document, key) for key in ("title", "source", "date", "author", "url")}
    return DocumentResult(name=document.document, **same)


def _corrected(claims: Sequence[ClaimResult]) -> tuple[ClaimResult, ...]:
    """The claims, their p values corrected by Holm over all judged ones of their document."""
    tested: dict[str, dict[str, float]] = {}
    for claim in claims:
        if claim.p is not None:
            tested.setdefault(claim.document, {})[claim.id] = claim.p
    adjusted = {
        name: float(p)
        for own in tested.values()
        for name, p in zip(own, holm_adjusted(np.array(list(own.values()))), strict=True)
    }
    return tuple(c.model_copy(update={"p_holm": adjusted.get(c.id)}) for c in claims)


def _claim(
    claim_id: str,
    document: Document,
    claim: Claim,
    evidence: Evidence,
    studies: Mapping[str, StudyResult],
    *,
    so_far: bool,
) -> ClaimResult:
    plan = evidence.plan
    reason, cost = plan.not_run.get(claim_id), _cost(plan, claim_id)
    found = findings(claim_id, claim, evidence) if reason is None else ()
    if so_far and (reason := reason or _reason_open(found)):
        found = ()
    if document.controls:  # what is known beforehand is no less so
        found = tuple(finding.model_copy(update={"flags": ()}) for finding in found)
    deciding = next((finding for finding in found if finding.decides), None)
    verdicts = {(finding.variant, finding.dataset, finding.verdict) for finding in found}
    own = KINDS[claim.kind].status
    status = own if reason is None or own == "qualitative" else "not run"
    general = general_result(claim_id, claim, evidence) if reason is None else None
    answer = wording.answer(deciding, found) if deciding else None
    verdict = deciding.verdict if deciding else None
    shares: tuple[ClaimedShare, ...] = ()
    if claim.shares and reason is None:
        verdict, answer, shares = by_study(claim, studies)
    if general and deciding:
        said = f"{general.sentence}{generality.turned(deciding, general)}"
        general = capped(general.model_copy(update={"sentence": said}), deciding.flags)
    return ClaimResult(
        id=claim_id,
        document=document.document,
        document_title=document.title,
        control=document.controls,
        name=claim_id.partition("/")[2],
        **{name: getattr(claim, name) for name in _REPEATED},
        place=PlaceResult(**claim.place.model_dump()),
        advice=AdviceResult(**claim.advice.model_dump()) if claim.advice else None,
        status=status,
        reason=reason,
        cost_seconds=cost,
        verdict=verdict,
        study=f"{PREFIX}/{claim.shares.study}" if claim.shares and reason is None else None,
        shares=shares,
        p=deciding.p if deciding else None,
        answer=answer or wording.not_run(status, reason or "", seconds=cost),
        how_large=_how_large(claim, deciding, general),
        depends_on_track=len(verdicts) > len({place[:2] for place in verdicts}),
        command=f"nnbench run {claim_id}",
        results=found,
        general=general,
        version=plan.changes.version(claim_id),
        changes=tuple(
            ChangeResult(**change.model_dump(include=set(ChangeResult.model_fields)))
            for change in plan.changes.of(claim_id)
        ),
    )


def _how_large(claim: Claim, deciding: Finding | None, general: GeneralResult | None) -> str:
    metric = told(METRICS[claim.metric], claim.baseline)
    return generality.how_large(deciding, general, metric, factor_there(claim), names_there(claim))


def _reason_open(found: Iterable[Finding]) -> str | None:
    """Why a claim cannot be judged before a run has ended; None: all that decides is measured."""
    deciding = (level for finding in found if finding.decides for level in finding.levels)
    late = [level.level for level in deciding if level.not_measured == NO_RECORD]
    return f"not measured so far: {', '.join(late)} ({NO_RECORD})" if late else None


_REPEATED = (
    "title", "quote", "kind", "factor", "metric", "tier", "claimed", "order", "baseline", "experiment",
    "limits", "caveats", "links", "second_look", "seeds_times",
)  # fmt: skip


def _cost(plan: Plan, claim_id: str) -> float | None:
    """A rough estimate of the core seconds of a claim that this run leaves out."""
    left_out = plan.left_out.get(claim_id, ())
    return sum(estimated_seconds(cell, seeds=seeds) for cell, seeds in left_out) or None
