"""From a claim and its runs to a verdict: the pairs compared, and their entries in ``results.json``."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd

from nnbench.claims.claim import Claim
from nnbench.metrics import Metric
from nnbench.text import wording
from nnbench.verdicts.levels import finite
from nnbench.verdicts.rules import PairResult, PairRule, Verdict, judge, order_rules, percent_change


def rules_of(claim: Claim, metric: Metric) -> tuple[PairRule, ...]:
    """The pairs that a claim compares, with their margins."""
    margin = metric.margin_on_scale(claim.margin)
    if claim.kind == "order" and claim.order:
        return ranked_rules(claim.order, margin=margin)
    if claim.kind == "order":
        return order_rules(
            claim.claimed,
            lower_is_better=metric.lower_is_better,
            scale=metric.scale,
            default_margin=margin,
        )
    pairs = (
        itertools.product(claim.better, claim.than)
        if claim.kind == "best"
        else itertools.combinations(claim.levels, 2)
    )
    return tuple(
        PairRule(better=better, worse=worse, margin=margin, tie=claim.kind == "equal")
        for better, worse in pairs
    )


def ranked_rules(order: Sequence[str], *, margin: float) -> tuple[PairRule, ...]:
    """Neighbours of an order without numbers, best first, then the ends."""
    rules = [
        PairRule(better=a, worse=b, margin=margin, role="adjacent") for a, b in pairwise(order)
    ]
    ends = PairRule(better=order[0], worse=order[-1], margin=margin, role="extremes")
    return (*rules, ends) if len(order) > 2 else tuple(rules)


def verdict_of(
    rows: pd.DataFrame, claim: Claim, metric: Metric, *, lost: Mapping[str, str]
) -> Verdict:
    """Judge one claim on one dataset in one track; ``rows`` has a row a level and seed.

    ``lost`` says of each level without any value why: a claim about such a level is inconclusive,
    and its other pairs are judged to be shown.
    """
    rules = rules_of(claim, metric)
    gone = [name for name in lost if any(name in (rule.better, rule.worse) for rule in rules)]
    rules = tuple(rule for rule in rules if rule.better not in gone and rule.worse not in gone)
    if not rules:
        return unjudged(lost_text({name: lost[name] for name in gone}))
    verdict = _judged(rows, claim, metric, rules=rules)
    if scoreless := _scoreless(rows, metric, rules=rules):
        runs = "run has" if scoreless == 1 else "runs have"
        note = f"{scoreless} diverged {runs} no score, and such blocks are incomplete"
        verdict = replace(verdict, reason=f"{verdict.reason}; {note}")
    if not gone:
        return verdict
    reason = lost_text({name: lost[name] for name in gone})
    return replace(verdict, verdict="inconclusive", reason=reason)


def _scoreless(rows: pd.DataFrame, metric: Metric, *, rules: Sequence[PairRule]) -> int:
    """How many runs of the levels that are compared diverged and have no score."""
    compared = {level for rule in rules for level in (rule.better, rule.worse)}
    own = rows[rows["level"].isin(compared)]
    return int((own[metric.name].isna() & (own["status"] == "diverged")).sum())


def unjudged(reason: str) -> Verdict:
    """The verdict where there is nothing to compare."""
    return Verdict(verdict="inconclusive", reason=reason, pairs=(), blocks=0)


def lost_text(lost: Mapping[str, str]) -> str:
    """Which levels were not measured, and why, as in: TensorFlow not measured: not installed."""
    levels_by_reason: dict[str, list[str]] = {}
    for level, reason in lost.items():
        levels_by_reason.setdefault(reason, []).append(level)
    return "; ".join(
        f"{', '.join(levels)} not measured: {reason}" for reason, levels in levels_by_reason.items()
    )


def _judged(
    rows: pd.DataFrame, claim: Claim, metric: Metric, *, rules: Sequence[PairRule]
) -> Verdict:
    judged = rows[rows["role"] == "level"]
    duration = metric.unit == "epochs"
    values = _by_level(judged, metric.name, float)
    stopped = _by_level(
        judged.assign(flag=judged["status"].isin(["capped", "diverged"])), "flag", bool
    )
    diverged = _by_level(judged.assign(flag=judged["status"] == "diverged"), "flag", bool)
    assert claim.kind in ("order", "best", "equal", "differs")
    return judge(
        values,
        rules=rules,
        kind=claim.kind,
        lower_is_better=metric.lower_is_better,
        scale=metric.scale,
        censored=stopped if duration else None,
        excluded=None if duration else diverged,
    )


def _by_level(rows: pd.DataFrame, column: str, kind: type) -> dict[str, list[Any]]:
    groups = rows.sort_values("seed").groupby("level", sort=False)[column]
    return {str(level): group.astype(kind).tolist() for level, group in groups}


def pair_entry(pair: PairResult, metric: Metric) -> dict[str, Any]:
    """One entry of ``pairs``."""
    log = metric.scale == "log"
    entry = {
        "a": pair.better,
        "b": pair.worse,
        "difference": finite(pair.difference),
        "low": finite(pair.low),
        "high": finite(pair.high),
        "margin": pair.margin,
        "unit": metric.scale,
        "percent": finite(percent_change(pair.difference)) if log else None,
        "status": pair.status,
        "role": pair.role,
        "p": finite(min(pair.p_up, pair.p_down)),
        "p_holm": finite(min(pair.p_up_holm, pair.p_down_holm)),
        "tie": pair.tie,
        "n": pair.n,
        "censored": pair.censored,
    }
    return {**entry, "text": wording.pair(entry, metric)}
