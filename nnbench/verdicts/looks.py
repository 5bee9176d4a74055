"""Looks: with ``seeds: auto``, whether the pairs of a claim are settled or take more seeds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nnbench.cells.cell import blocks_of
from nnbench.claims.claim import Claim
from nnbench.claims.config import Config
from nnbench.claims.kinds import KINDS, Kind
from nnbench.claims.looks import LOOKS
from nnbench.claims.outcomes import FOUND, Outcome
from nnbench.plan.levels import Use
from nnbench.plan.looks import Decision, Looks, made_of
from nnbench.plan.plan import Plan, make_plan
from nnbench.records.pair import PairResult
from nnbench.records.results import Finding
from nnbench.records.store import record_path
from nnbench.verdicts.findings import findings
from nnbench.verdicts.judge import gather
from nnbench.verdicts.rules import MIN_BLOCKS, ON_DIVERGED, PairTest


def look(config: Config, *, code: str = "") -> Looks:
    """Look at every claim with ``seeds: auto`` from its first look on, as far as there are records.

    ``code`` is kept beside the decisions: a hash of what makes them.
    """
    places: dict[str, Decision] = {}
    for _ in LOOKS:
        plan = make_plan(config, looks=Looks(places=places))
        due, waiting = _due(plan), plan.undecided()
        evidence = gather(_only(plan, due))
        for claim_id, _, claim in plan.claims():
            if claim_id in due:
                found = findings(claim_id, claim, evidence)
                new = _decided(plan.uses_of(claim_id), found, claim, config)
                places |= {name: new[name] for name in waiting if name in new}
    return Looks(code=code, places=places)


def is_settled(
    kind: Kind, outcome: Outcome | None, reason: str | None, pairs: Sequence[PairTest | PairResult]
) -> bool:
    """Whether more blocks would be for nothing: every pair is known, or one that is enough."""
    if KINDS[kind].any_pair and outcome in FOUND:
        return True
    if (reason or "").startswith(ON_DIVERGED):
        return False
    return all(pair.status != "unclear" and pair.n >= MIN_BLOCKS for pair in pairs)


def _due(plan: Plan) -> set[str]:
    """The claims of which some place waits for a look, and all records are there."""
    waiting, results = set(plan.undecided()), Path(plan.config.results)
    auto = [use for use in plan.uses if use.auto]
    needed = {(use.claim, cell, use.seeds) for use in auto for cell in use.cells}
    lacking = {
        claim
        for claim, cell, seeds in needed
        if not all(record_path(results, cell, block).exists() for block in blocks_of(seeds))
    }
    return {use.claim for use in auto if use.place in waiting} - lacking


def _only(plan: Plan, claims: set[str]) -> Plan:
    """The part of a plan that belongs to the reference of these claims."""
    uses = tuple(use for use in plan.uses if use.claim in claims and use.context is None)
    used = {cell for use in uses for cell in use.cells}
    return replace(
        plan,
        uses=uses,
        cells={cell_id: cell for cell_id, cell in plan.cells.items() if cell_id in used},
        seeds={cell_id: count for cell_id, count in plan.seeds.items() if cell_id in used},
    )


def _decided(
    uses: Sequence[Use], found: Sequence[Finding], claim: Claim, config: Config
) -> dict[str, Decision]:
    """What is decided in each place of a claim; where one finding is enough, in all at once."""
    one_is_enough = KINDS[claim.kind].any_finding
    enough = one_is_enough and any(finding.verdict in FOUND for finding in found)
    places: dict[tuple[str, str, str | None], list[Use]] = {}
    for use in uses:
        if use.auto:
            places.setdefault((use.dataset, use.track, use.variant), []).append(use)
    return {
        own[0].place: Decision(
            seeds=own[0].seeds,
            settled=enough
            or is_settled(finding.kind, finding.verdict, finding.verdict_reason, finding.pairs),
            made_of=made_of(own, claim, config, seeds=own[0].seeds),
        )
        for finding in found
        if (own := places.get(finding.key))
    }
