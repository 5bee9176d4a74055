"""From a claim and what its levels read to a verdict: the pairs compared, as ``results.json`` has them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS, PairRule
from nnbench.metrics import Metric, percent_change
from nnbench.records.results import PairResult
from nnbench.text import wording
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.rules import PairTest, Verdict, finite, judge


def verdict_of(
    levels: Sequence[LevelRuns], claim: Claim, metric: Metric, *, lost: Mapping[str, str]
) -> Verdict:
    """Judge one claim on one dataset in one track.

    ``lost`` says of each level without any value why: a claim about such a level is inconclusive,
    and its other pairs are judged to be shown.
    """
    rules = KINDS[claim.kind].pairs(claim, metric)
    gone = [name for name in lost if any(name in (rule.better, rule.worse) for rule in rules)]
    rules = tuple(rule for rule in rules if rule.better not in gone and rule.worse not in gone)
    if not rules:
        return unjudged(lost_text({name: lost[name] for name in gone}))
    compared = {level for rule in rules for level in (rule.better, rule.worse)}
    runs = {lv.use.level: lv.runs for lv in levels if lv.use.level in compared}
    verdict = _judged(runs, claim, metric, rules=rules)
    if scoreless := sum(_scoreless(own, metric) for own in runs.values()):
        have = "run has" if scoreless == 1 else "runs have"
        note = f"{scoreless} diverged {have} no score, and such blocks are incomplete"
        verdict = replace(verdict, reason=f"{verdict.reason}; {note}")
    if not gone:
        return verdict
    reason = lost_text({name: lost[name] for name in gone})
    return replace(verdict, verdict="inconclusive", reason=reason)


def _scoreless(runs: pd.DataFrame, metric: Metric) -> int:
    """How many runs of a level diverged and have no score."""
    return int((runs[metric.name].isna() & (runs["status"] == "diverged")).sum())


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
    runs: Mapping[str, pd.DataFrame], claim: Claim, metric: Metric, *, rules: Sequence[PairRule]
) -> Verdict:
    duration = metric.unit == "epochs"
    ended = ["capped", "diverged"] if duration else ["diverged"]
    marked = {name: own["status"].isin(ended).tolist() for name, own in runs.items()}
    return judge(
        {name: own[metric.name].tolist() for name, own in runs.items()},
        rules=rules,
        kind=claim.kind,
        lower_is_better=metric.lower_is_better,
        scale=metric.scale,
        censored=marked if duration else None,
        excluded=None if duration else marked,
    )


def pair_result(pair: PairTest, metric: Metric) -> PairResult:
    """A pair with its sentence."""
    result = PairResult(
        a=pair.better,
        b=pair.worse,
        difference=finite(pair.difference),
        low=finite(pair.low),
        high=finite(pair.high),
        margin=pair.margin,
        unit=metric.scale,
        percent=finite(percent_change(pair.difference)) if metric.scale == "log" else None,
        status=pair.status,
        role=pair.role,
        p=finite(min(pair.p_up, pair.p_down)),
        p_holm=finite(min(pair.p_up_holm, pair.p_down_holm)),
        tie=pair.tie,
        n=pair.n,
        censored=pair.censored,
        text="",
    )
    return result.model_copy(update={"text": wording.pair(result, metric)})
