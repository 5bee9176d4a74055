"""The verdict of a finding, and the pairs of levels that it rests on."""

from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import pandas as pd

from nnbench.cells.cost import estimated_seconds
from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import FOUND, NOT_TESTABLE, PairRule
from nnbench.metrics import METRICS, Metric, percent_change
from nnbench.plan.plan import Plan
from nnbench.records.pair import PairResult
from nnbench.records.record import Record
from nnbench.text import wording
from nnbench.verdicts.alike import Pair, alike_text
from nnbench.verdicts.changes import Baseline, lost_with, read_from, runs_of
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.provenance import machine_texts
from nnbench.verdicts.rules import PairTest, Shared, Verdict, finite, judge
from nnbench.verdicts.samples import Interval


def verdict_of(
    levels: Sequence[LevelRuns],
    reading: Claim,
    metric: Metric,
    *,
    lost: Mapping[str, str],
    same: AbstractSet[Pair],
    blocks: Sequence[Record],
    elsewhere: Sequence[float],
) -> Verdict | None:
    """None where nothing is judged. Timings of different machines are not pooled, and so not compared."""
    if KINDS[reading.kind].status != "judged":
        return None
    if lacking := _lacking(reading, blocks):
        reason = f"it takes {' and '.join(lacking)}"
        return Verdict(verdict=NOT_TESTABLE, reason=reason)
    machines = machine_texts(blocks)
    if metric.timing and len(machines) > 1:
        reason = f"measured on different machines, which are not pooled: {'; '.join(machines)}"
        return Verdict(verdict="inconclusive", reason=reason)
    return _judged_pairs(levels, reading, metric, lost=lost, same=same, elsewhere=elsewhere)


def pairs_of(
    levels: Sequence[LevelRuns], claim: Claim, *, same: AbstractSet[Pair]
) -> tuple[PairTest, ...]:
    """What levels in one place show of each pair that a claim names; nothing of pairs that were not measured."""
    lost = {level.use.level: "" for level in levels if level.lost}
    metric = METRICS[claim.metric]
    return _judged_pairs(levels, claim, metric, lost=lost, same=same, elsewhere=()).pairs


def _lacking(claim: Claim, blocks: Sequence[Record]) -> list[str]:
    """What the machines of some records lack to decide a claim."""
    if claim.testable is None:
        return []
    machines = [b.machine.model_dump(include={"cores", "memory_gb", "device"}) for b in blocks]
    return list(dict.fromkeys(what for m in machines for what in claim.testable.lacking(**m)))


def _judged_pairs(
    levels: Sequence[LevelRuns],
    claim: Claim,
    metric: Metric,
    *,
    lost: Mapping[str, str],
    same: AbstractSet[Pair],
    elsewhere: Sequence[float],
) -> Verdict:
    """Judge one claim on one dataset in one track.

    ``lost`` says of each level without any value why, ``same`` are pairs of levels that are one run. A
    claim about either is inconclusive, and its other pairs are judged to be shown: only what is
    claimed of some pair may still be found in another.
    """
    rules, baseline = KINDS[claim.kind].pairs(claim, metric), claim.baseline
    compared, lost = _levels_of(rules), lost_with(lost, baseline)
    gone = {name: why for name, why in lost.items() if name in compared}
    one = [pair for rule in rules for pair in runs_of(rule, baseline) if pair in same]
    reason = "; ".join(filter(None, (lost_text(gone), *map(alike_text, dict.fromkeys(one)))))
    rules = tuple(rule for rule in rules if not _left_out(rule, gone, one, baseline))
    if not rules:
        return Verdict(verdict="inconclusive", reason=reason)
    read = read_from(levels, baseline, metric)
    runs = {lv.use.level: lv.runs for lv in read if lv.use.level in _levels_of(rules)}
    shared = Shared(elsewhere=elsewhere, share=levels[0].use.share)
    verdict = _judged(runs, claim, metric, rules=rules, shared=shared)
    unscored = [own["status"].eq("diverged") & own[metric.name].isna() for own in runs.values()]
    if scoreless := sum(int(marks.sum()) for marks in unscored):
        have = "run has" if scoreless == 1 else "runs have"
        note = f"{scoreless} diverged {have} no score, and such blocks are incomplete"
        verdict = replace(verdict, reason=f"{verdict.reason}; {note}")
    found = verdict.verdict in FOUND and KINDS[claim.kind].any_pair and not gone
    return (
        replace(verdict, verdict="inconclusive", reason=reason, p=None)
        if reason and not found
        else verdict
    )


def _left_out(
    rule: PairRule, gone: Container[str], same: Sequence[Pair], baseline: Baseline
) -> bool:
    lacking = any(level in gone for level in (rule.better, rule.worse))
    return lacking or any(pair in same for pair in runs_of(rule, baseline))


def _levels_of(rules: Sequence[PairRule]) -> set[str]:
    return {level for rule in rules for level in (rule.better, rule.worse)}


def lost_text(lost: Mapping[str, str]) -> str:
    """Which levels were not measured, and why, as in: TensorFlow not measured: not installed."""
    levels_by_reason: dict[str, list[str]] = {}
    for level, reason in lost.items():
        levels_by_reason.setdefault(reason, []).append(level)
    return "; ".join(
        f"{', '.join(levels)} not measured: {reason}" for reason, levels in levels_by_reason.items()
    )


def _judged(
    runs: Mapping[str, pd.DataFrame],
    claim: Claim,
    metric: Metric,
    *,
    rules: Sequence[PairRule],
    shared: Shared,
) -> Verdict:
    duration = metric.source == "target"
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
        shared=shared,
    )


def seconds_of_a_block(level: LevelRuns, plan: Plan) -> Mapping[str, float]:
    """A rough estimate of the core seconds that one more block takes, by cell."""
    planned = level.use.seeds
    return {c: estimated_seconds(plan.cells[c], seeds=planned) / planned for c in level.use.cells}


_REPEATED = ("margin", "status", "small", "role", "tie", "n", "censored")


def pair_result(
    pair: PairTest,
    metric: Metric,
    seconds: Mapping[str, Mapping[str, float]],
    wider: Interval | None,
    *,
    repeated: bool,
    factor: str,
) -> PairResult:
    """A pair with its sentence.

    Args:
        pair: What was measured.
        metric: The claim's.
        seconds: What one more block costs, by level and cell.
        wider: The interval over new test samples too.
        repeated: It was measured at one of several looks.
        factor: What the claim varies.
    """
    power = pair.power
    more = power.blocks - pair.n if power and power.blocks else 0
    cost = sum({**seconds[pair.better], **seconds[pair.worse]}.values())
    result = PairResult(
        a=pair.better,
        b=pair.worse,
        difference=finite(pair.difference),
        low=finite(pair.low),
        high=finite(pair.high),
        repeated=repeated,
        low_samples=wider and wider[0],
        high_samples=wider and wider[1],
        **{name: getattr(pair, name) for name in _REPEATED},
        unit=metric.scale,
        percent=finite(percent_change(pair.difference)) if metric.scale == "log" else None,
        p=finite(pair.p),
        p_holm=finite(pair.p_holm),
        p_equal=finite(pair.p_equal),
        detectable=power.detectable if power else None,
        blocks_needed=power.blocks if power else None,
        seconds_needed=more * cost if more else None,
        text="",
    )
    return result.model_copy(update={"text": wording.pair(result, metric, factor)})
