"""From a claim and its runs to a verdict: the pairs compared, and their entries in ``results.json``."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd

from nnbench import wording
from nnbench.claims import Claim
from nnbench.levels import finite
from nnbench.metrics import Metric
from nnbench.verdict import PairResult, PairRule, Verdict, judge, order_rules, percent_change


def rules_of(claim: Claim, metric: Metric) -> tuple[PairRule, ...]:
    """The pairs that a claim compares, with their margins."""
    margin = metric.margin_on_scale(claim.margin)
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


def verdict_of(rows: pd.DataFrame, claim: Claim, metric: Metric) -> Verdict:
    """Judge one claim on one dataset in one track; ``rows`` has a row a level and seed."""
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
        rules=rules_of(claim, metric),
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
