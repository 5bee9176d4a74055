"""The kinds of claims, one entry each: what such a claim needs, what it compares, and what decides it.

Statistics are those of ``verdicts.rules``: they give each pair of levels a status. From the statuses
a kind's ``outcome`` (``outcomes``) concludes. Adding a kind: an entry in ``KINDS`` and what it computes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from nnbench.claims.outcomes import (
    Conclusion,
    Judged,
    PairRule,
    Role,
    best_outcome,
    differs_outcome,
    equal_outcome,
    exists_outcome,
    order_outcome,
)
from nnbench.metrics import METRICS, Metric, Scale, log_scale

if TYPE_CHECKING:
    from nnbench.claims.claim import Claim

Kind = Literal["order", "best", "exists", "differs", "equal", "shares", "definition", "qualitative"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimKind:
    """What a claim of this kind means."""

    meaning: str  # for the report
    problems: Callable[[Claim], list[str]] = lambda _: []  # what it lacks, or contradicts
    pairs: Callable[[Claim, Metric], tuple[PairRule, ...]] = lambda *_: ()
    outcome: Callable[[Judged], Conclusion] | None = None  # from statuses; None: it is not judged
    status: Literal["judged", "measured", "qualitative"] = "judged"  # unless the run leaves it out
    ties: bool = False  # every pair is claimed to be equal
    two_sided: bool = False  # a difference in either direction is what is claimed
    any_pair: bool = False  # one pair is enough: only what survives Holm's correction counts
    any_finding: bool = False  # so is one data set, track or variant: all share the correction
    study: bool = False  # a factor study measures it: it has no levels of its own
    lead: str = ""  # the key of the sentence that a verdict begins with
    undirected_lead: str = ""  # the same where neither end of the metric is better

    @property
    def one_sided(self) -> bool:
        """Whether it says which of two levels is better; a tie, or a difference either way, does not."""
        return not (self.ties or self.two_sided)

    def lead_of(self, *, directed: bool) -> str:
        """The key of its leading sentence, for a metric that has a better end or has none."""
        return self.lead if directed else self.undirected_lead or self.lead


# --- what a claim needs


def _needs_shares(claim: Claim) -> list[str]:
    own = bool(claim.levels or claim.datasets)
    return [
        *([] if claim.shares else ["kind shares needs shares: {study: …, matter: [...]}"]),
        *(["kind shares is measured by its study: leave out levels and datasets"] if own else []),
    ]


def _needs_two_levels(claim: Claim) -> list[str]:
    if claim.runs and len(claim.levels) == 1:
        return [f"kind {claim.kind} compares levels: name at least two"]
    return []


def _needs_better(claim: Claim) -> list[str]:
    if claim.runs and not (claim.better and claim.than):
        return [f"kind {claim.kind} needs better: [...] and than: [...]"]
    return []


def _needs_size(claim: Claim) -> list[str]:
    if claim.runs and claim.margin is None:
        why = "some pair out of many nearly always differs a little"
        return [f"kind differs needs margin: the smallest difference that counts ({why})"]
    return _needs_two_levels(claim)


def _needs_count(claim: Claim) -> list[str]:
    wrong = claim.runs and METRICS[claim.metric].unit != "count"
    problems = [f"kind definition needs metric: parameters, got {claim.metric}"] if wrong else []
    return _needs_values(claim, "") + problems


def _needs_order(claim: Claim) -> list[str]:
    if not claim.order:
        return _needs_values(claim, ", or an order") + _needs_two_levels(claim)
    lacking = [name for name in claim.levels if name not in claim.order]
    return [f"order lacks {name!r}" for name in lacking] + _needs_two_levels(claim)


def _needs_values(claim: Claim, otherwise: str) -> list[str]:
    missing = [name for name in claim.levels if name not in claim.claimed]
    needs = f"(kind {claim.kind} needs one per level{otherwise})"
    return [f"claimed lacks a value for {missing} {needs}"] if missing else []


# --- which levels it compares


def order_rules(
    claimed: Mapping[str, float], *, lower_is_better: bool, scale: Scale, default_margin: float
) -> tuple[PairRule, ...]:
    """Neighbours by claimed value, best first, then the ends; margins <= half the claimed gap."""
    if len(claimed) < 2 or not np.isfinite(list(claimed.values())).all():
        raise ValueError(f"an order claim needs two or more finite values, got {dict(claimed)}")
    scaled = {k: float(log_scale(v)) if scale == "log" else v for k, v in claimed.items()}
    levels = sorted(scaled, key=scaled.__getitem__, reverse=not lower_is_better)
    return _chain(levels, lambda a, b: abs(scaled[a] - scaled[b]), default_margin=default_margin)


def _chain(
    levels: Sequence[str], gap_of: Callable[[str, str], float], *, default_margin: float
) -> tuple[PairRule, ...]:
    """Neighbours, best first, then the ends where there are more than two levels."""

    def rule(better: str, worse: str, role: Role) -> PairRule:
        gap = gap_of(better, worse)
        margin = min(default_margin, gap / 2) if gap else default_margin
        return PairRule(better=better, worse=worse, margin=margin, tie=gap == 0, role=role)

    rules = [rule(a, b, "adjacent") for a, b in pairwise(levels)]
    ends = rule(levels[0], levels[-1], "extremes")
    return (*rules, ends) if len(levels) > 2 and not ends.tie else tuple(rules)


def _in_order(claim: Claim, metric: Metric) -> tuple[PairRule, ...]:
    margin = metric.margin_on_scale(claim.margin)
    if claim.order:  # without numbers
        return _chain(claim.order, lambda *_: math.inf, default_margin=margin)
    return order_rules(
        claim.claimed,
        lower_is_better=metric.lower_is_better,
        scale=metric.scale,
        default_margin=margin,
    )


def _better_than(claim: Claim, metric: Metric) -> tuple[PairRule, ...]:
    return _pairs(itertools.product(claim.better, claim.than), claim, metric)


def _all_pairs(claim: Claim, metric: Metric) -> tuple[PairRule, ...]:
    return _pairs(itertools.combinations(claim.levels, 2), claim, metric)


def _pairs(pairs: Iterable[tuple[str, str]], claim: Claim, metric: Metric) -> tuple[PairRule, ...]:
    margin, tie = metric.margin_on_scale(claim.margin), KINDS[claim.kind].ties
    return tuple(PairRule(better=a, worse=b, margin=margin, tie=tie) for a, b in pairs)


KINDS: Mapping[Kind, ClaimKind] = {
    "order": ClaimKind(
        meaning="the order of the levels is claimed",
        problems=_needs_order,
        pairs=_in_order,
        outcome=order_outcome,
        lead="order",
    ),
    "best": ClaimKind(
        meaning="some levels are claimed to be better than others",
        problems=_needs_better,
        pairs=_better_than,
        outcome=best_outcome,
        lead="best",
        undirected_lead="smallest",
    ),
    "exists": ClaimKind(
        meaning="something is claimed to be possible",
        problems=_needs_better,
        pairs=_better_than,
        outcome=exists_outcome,
        any_pair=True,
        any_finding=True,
        lead="exists",
    ),
    "differs": ClaimKind(
        meaning="a difference of some size is claimed, without a direction",
        problems=_needs_size,
        pairs=_all_pairs,
        outcome=differs_outcome,
        two_sided=True,
        any_pair=True,
        lead="differs",
    ),
    "equal": ClaimKind(
        meaning="no difference is expected",
        problems=_needs_two_levels,
        pairs=_all_pairs,
        outcome=equal_outcome,
        ties=True,
        lead="equal",
    ),
    "shares": ClaimKind(
        meaning="factors are claimed to matter: judged by a factor study",
        problems=_needs_shares,
        study=True,
    ),
    "definition": ClaimKind(
        meaning="a number that follows from the model",
        problems=_needs_count,
        status="measured",
    ),
    "qualitative": ClaimKind(meaning="a statement without numbers", status="qualitative"),
}
