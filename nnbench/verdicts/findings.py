"""A claim on one dataset, in one track, as one of its variants reads it: its levels and its verdict."""

from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from nnbench.cells.cell import dataset_of
from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS, PairRule
from nnbench.metrics import METRICS, Metric, percent_change
from nnbench.plan.plan import Plan
from nnbench.records.record import Record
from nnbench.records.results import Finding, PairResult
from nnbench.text import wording
from nnbench.text.rounding import loss_unit
from nnbench.verdicts.alike import Pair, alike, alike_text
from nnbench.verdicts.evidence import Records
from nnbench.verdicts.levels import level_result, objective_of, resolution
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.provenance import machine_texts
from nnbench.verdicts.rules import PairTest, Verdict, finite, judge
from nnbench.verdicts.samples import Interval, over_samples

_ALIKE = 0.01  # relative spread of untrained scores that one line in a figure can stand for


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A plan, its records, and what every level reads from them."""

    plan: Plan
    records: Records
    levels: tuple[LevelRuns, ...]

    @cached_property
    def by_claim(self) -> Mapping[str, list[LevelRuns]]:
        """What the levels of each claim read."""
        found: dict[str, list[LevelRuns]] = {}
        for level in self.levels:
            found.setdefault(level.use.claim, []).append(level)
        return found


def findings(claim_id: str, claim: Claim, evidence: Evidence) -> tuple[Finding, ...]:
    """What is found on each dataset, in each track and variant, in the plan's order."""
    groups: dict[tuple[str | None, str, str], list[LevelRuns]] = {}
    for level in evidence.by_claim.get(claim_id, ()):
        use = level.use
        groups.setdefault((use.variant, use.dataset, use.track), []).append(level)
    return tuple(_finding(levels, claim, evidence) for levels in groups.values())


def _finding(levels: Sequence[LevelRuns], claim: Claim, evidence: Evidence) -> Finding:
    plan, records, use = evidence.plan, evidence.records, levels[0].use
    reading, dataset = claim.reading(use.variant), dataset_of(use.dataset)
    metric = METRICS[reading.metric]
    first = (None, next(iter(claim.datasets)), claim.decided_by)
    decides = (use.variant, use.dataset, use.track) == first
    lost = {lv.use.level: _why_lost(lv, metric, records) for lv in levels if lv.lost}
    shown = tuple(
        level_result(level, reading, plan, records, reason=lost.get(level.use.level))
        for level in levels
    )
    objective = objective_of(shown, dataset)
    if metric.unit == "nats":  # a loss has the unit of what its networks minimise
        metric = replace(metric, unit=loss_unit(objective, dataset.task))
    blocks = [b for lv in levels for c in lv.use.cells for b in records.of(c, seeds=lv.use.seeds)]
    machines = machine_texts(blocks)
    same = alike(levels, records)
    verdict = _verdict(levels, reading, metric, lost=lost, same=same, machines=machines)
    told = [note for block in blocks for note in _told(block)] + sorted(map(alike_text, same))
    pairs = verdict.pairs if verdict else ()
    wider = over_samples(pairs, levels, metric, records)
    finding = Finding(
        dataset=use.dataset,
        dataset_title=dataset.title,
        track=use.track,
        variant=use.variant,
        variant_title=claim.variants[use.variant].title if use.variant else None,
        decides=decides,
        kind=reading.kind,
        task=dataset.task,
        metric=metric.name,
        metric_title=wording.title_of(metric),
        **{name: getattr(metric, name) for name in _METRIC_FACTS},
        conditional=dataset.kind == "fixed",
        objective=objective,
        machines=machines,
        notes=tuple(dict.fromkeys(told)),
        chance=_chance(levels, metric, records),
        resolution=resolution(shown, metric, dataset),
        levels=shown,
        verdict=verdict.verdict if verdict else None,
        verdict_reason=verdict.reason if verdict else "",
        blocks=verdict.blocks if verdict else max(level.planned for level in shown),
        pairs=tuple(_pair_result(p, metric, w) for p, w in zip(pairs, wider, strict=True)),
        sentence=None,
    )
    return finding.model_copy(update={"sentence": wording.sentence(finding, reading)})


def _told(block: Record) -> tuple[str, ...]:
    why = block.not_reproducible
    return (*block.notes, *([f"The numbers are not reproducible: {why}."] if why else []))


_METRIC_FACTS = ("unit", "lower_is_better", "directed", "scale", "timing", "derived")


def _verdict(
    levels: Sequence[LevelRuns],
    reading: Claim,
    metric: Metric,
    *,
    lost: Mapping[str, str],
    same: AbstractSet[Pair],
    machines: Sequence[str],
) -> Verdict | None:
    """None where nothing is judged. Timings of different machines are not pooled, and so not compared."""
    if KINDS[reading.kind].status != "judged":
        return None
    if metric.timing and len(machines) > 1:
        reason = f"measured on different machines, which are not pooled: {'; '.join(machines)}"
        return Verdict(verdict="inconclusive", reason=reason)
    return _judged_pairs(levels, reading, metric, lost=lost, same=same)


def _why_lost(level: LevelRuns, metric: Metric, records: Records) -> str:
    """Why a level has no value at all."""
    use = level.use
    for cell_id in use.cells:
        record = records.joined(cell_id, seeds=use.seeds)
        if record and use.at in record.missing:
            # what reads it says so itself
            return record.missing[use.at].removeprefix("not measured: ")
    reasons = [records.missing[cell_id] for cell_id in use.cells if cell_id in records.missing]
    if reasons:
        return reasons[0]
    if (level.runs["status"] == "diverged").all():
        return "every run diverged, which gives no score here"
    where = f" at {use.at}" if use.at else ""
    return f"its record has no {metric.title.lower()}{where}"


def _chance(levels: Sequence[LevelRuns], metric: Metric, records: Records) -> float | None:
    """What an untrained predictor scores; None where it has no score or levels differ in it."""
    found: list[float | None] = []
    for use in [level.use for level in levels]:
        for cell_id in use.cells:
            record = records.joined(cell_id, seeds=use.seeds)
            scores = (record.untrained if record else None) or {}
            there = scores.get(f"{metric.name}@{use.at}")
            found.append(scores.get(metric.name) if there is None else there)
    known = [score for score in found if score is not None]
    if not known or len(known) < len(found):
        return None
    alike = max(known) - min(known) <= _ALIKE * max(map(abs, known))
    return sum(known) / len(known) if alike else None


# --- the verdict, and the pairs that it rests on


def _judged_pairs(
    levels: Sequence[LevelRuns],
    claim: Claim,
    metric: Metric,
    *,
    lost: Mapping[str, str],
    same: AbstractSet[Pair],
) -> Verdict:
    """Judge one claim on one dataset in one track.

    ``lost`` says of each level without any value why, ``same`` are pairs of levels that are one run. A
    claim about either is inconclusive, and its other pairs are judged to be shown: only a difference
    that is claimed of some pair may still be found in another.
    """
    rules = KINDS[claim.kind].pairs(claim, metric)
    compared = _levels_of(rules)
    gone = {name: why for name, why in lost.items() if name in compared}
    one = [pair for rule in rules if (pair := frozenset((rule.better, rule.worse))) in same]
    reason = "; ".join(filter(None, (lost_text(gone), *map(alike_text, dict.fromkeys(one)))))
    rules = tuple(rule for rule in rules if not _left_out(rule, gone, one))
    if not rules:
        return Verdict(verdict="inconclusive", reason=reason)
    runs = {lv.use.level: lv.runs for lv in levels if lv.use.level in _levels_of(rules)}
    verdict = _judged(runs, claim, metric, rules=rules)
    unscored = [own["status"].eq("diverged") & own[metric.name].isna() for own in runs.values()]
    if scoreless := sum(int(marks.sum()) for marks in unscored):
        have = "run has" if scoreless == 1 else "runs have"
        note = f"{scoreless} diverged {have} no score, and such blocks are incomplete"
        verdict = replace(verdict, reason=f"{verdict.reason}; {note}")
    found = verdict.verdict == "reproduced" and KINDS[claim.kind].two_sided and not gone
    return (
        replace(verdict, verdict="inconclusive", reason=reason) if reason and not found else verdict
    )


def _left_out(rule: PairRule, gone: Container[str], same: Sequence[Pair]) -> bool:
    pair = (rule.better, rule.worse)
    return any(level in gone for level in pair) or frozenset(pair) in same


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


_REPEATED = ("margin", "status", "role", "tie", "n", "censored")


def _pair_result(pair: PairTest, metric: Metric, wider: Interval | None) -> PairResult:
    """A pair with its sentence; ``wider`` is its interval over new test samples too."""
    result = PairResult(
        a=pair.better,
        b=pair.worse,
        difference=finite(pair.difference),
        low=finite(pair.low),
        high=finite(pair.high),
        low_samples=wider and wider[0],
        high_samples=wider and wider[1],
        **{name: getattr(pair, name) for name in _REPEATED},
        unit=metric.scale,
        percent=finite(percent_change(pair.difference)) if metric.scale == "log" else None,
        p=finite(min(pair.p_up, pair.p_down)),
        p_holm=finite(min(pair.p_up_holm, pair.p_down_holm)),
        text="",
    )
    return result.model_copy(update={"text": wording.pair(result, metric)})
