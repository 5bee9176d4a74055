"""A claim on one dataset, in one track, as one of its variants reads it: its levels and its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from nnbench.cells.cell import dataset_of
from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS
from nnbench.claims.looks import LOOKS
from nnbench.claims.outcomes import Outcome
from nnbench.metrics import METRICS, Metric
from nnbench.plan.levels import Use
from nnbench.plan.plan import Plan
from nnbench.records.level import LevelResult
from nnbench.records.record import Record
from nnbench.records.results import Finding
from nnbench.text import wording
from nnbench.text.changes import told
from nnbench.text.levels import with_factor
from nnbench.text.rounding import loss_unit
from nnbench.verdicts.alike import alike, alike_text
from nnbench.verdicts.changes import behind
from nnbench.verdicts.evidence import Records
from nnbench.verdicts.flags import flags_of
from nnbench.verdicts.levels import level_result, objective_of, resolution
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.pairs import pair_result, seconds_of_a_block, verdict_of
from nnbench.verdicts.provenance import machine_texts
from nnbench.verdicts.rules import Verdict, finite
from nnbench.verdicts.samples import over_divisions, over_samples

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
        if use.context is not None:
            continue  # see verdicts.contexts
        groups.setdefault((use.variant, use.dataset, use.track), []).append(level)
    found = [_finding(levels, claim, evidence) for levels in groups.values()]
    if len(found) == 1 or not KINDS[claim.kind].any_finding:
        return tuple(found)
    tried = [[pair.p for pair in finding.pairs] for finding in found]
    return _first_shown(
        [
            _finding(levels, claim, evidence, elsewhere=[*tried[:i], *tried[i + 1 :]])
            for i, levels in enumerate(groups.values())
        ]
    )


def _first_shown(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """One finding is enough and decides: the first that reaches the margin, else one below it."""
    shown = [f for word in _BEST_FIRST for f in found if f.verdict == word]
    if not shown:
        return tuple(found)
    return tuple(f.model_copy(update={"decides": f is shown[0]}) for f in found)


_BEST_FIRST: Sequence[Outcome] = ("reproduced", "reproduced, small")


def _finding(
    levels: Sequence[LevelRuns],
    claim: Claim,
    evidence: Evidence,
    *,
    elsewhere: Sequence[Sequence[float | None]] = (),
) -> Finding:
    """``elsewhere``: p values of what was tried in other findings, where these share a correction."""
    records, use = evidence.records, levels[0].use
    reading, dataset = claim.reading(use.variant), dataset_of(use.dataset)
    metric = METRICS[reading.metric]
    lost = {lv.use.level: _why_lost(lv, metric, records) for lv in levels if lv.lost}
    shown = _shown(levels, reading, evidence, lost)
    objective = objective_of(shown, dataset)
    if metric.unit == "nats":  # a loss has the unit of what its networks minimise
        metric = replace(metric, unit=loss_unit(objective, dataset.task))
    blocks = [b for lv in levels for c in lv.use.cells for b in records.of(c, seeds=lv.use.seeds)]
    same = alike(levels, records=records)
    verdict = verdict_of(
        levels,
        reading,
        metric,
        lost=lost,
        same=same,
        blocks=blocks,
        elsewhere=[p for others in elsewhere for p in others if p is not None],
    )
    told = [note for block in blocks for note in _told(block)] + sorted(map(alike_text, same))
    divided = _each_seed_divides(levels, evidence.plan)
    finding = Finding(
        **_place(claim, use),
        kind=reading.kind,
        task=dataset.task,
        metric=metric.name,
        metric_title=wording.title_of(metric),
        **{name: getattr(metric, name) for name in _METRIC_FACTS},
        conditional=dataset.kind == "fixed" and not divided,
        objective=objective,
        machines=machine_texts(blocks),
        notes=tuple(dict.fromkeys(told)),
        chance=_chance(levels, metric, records),
        resolution=None if divided else resolution(shown, metric, dataset),
        levels=shown,
        blocks=verdict.blocks if verdict else max(level.planned for level in shown),
        **_decided(verdict, levels, reading, metric, evidence, divided=divided),
        flags=flags_of(levels, shown, verdict.pairs if verdict else (), reading, records),
        sentence=None,
    )
    return finding.model_copy(update={"sentence": wording.sentence(finding, reading)})


def _shown(
    levels: Sequence[LevelRuns], reading: Claim, evidence: Evidence, lost: Mapping[str, str]
) -> tuple[LevelResult, ...]:
    """The levels as a report shows them, each beside its baseline if it has one."""
    by_name = {level.use.level: level for level in levels}
    return tuple(
        level_result(
            level,
            reading,
            evidence.plan,
            evidence.records,
            reason=lost.get(name),
            base=by_name.get(reading.baseline.get(name, "")),
        )
        for name, level in by_name.items()
    )


def _place(claim: Claim, use: Use) -> dict[str, Any]:
    """Where it is found, and whether that decides."""
    first = (None, next(iter(claim.datasets)), claim.decided_by)
    return {
        "dataset": use.dataset,
        "dataset_title": dataset_of(use.dataset).title,
        "track": use.track,
        "variant": use.variant,
        "variant_title": claim.variants[use.variant].title if use.variant else None,
        "decides": (use.variant, use.dataset, use.track) == first,
        "looks": tuple(n for n in LOOKS if n <= use.seeds) if use.auto else (),
        "most": LOOKS[-1] if use.auto else None,
    }


def _decided(
    verdict: Verdict | None,
    levels: Sequence[LevelRuns],
    reading: Claim,
    metric: Metric,
    evidence: Evidence,
    *,
    divided: bool,
) -> dict[str, Any]:
    """What was decided, pair by pair; ``divided``: each seed drew its own test set."""
    if verdict is None:
        return {"verdict": None, "verdict_reason": "", "p": None, "pairs": ()}
    use, pairs, baseline = levels[0].use, verdict.pairs, reading.baseline
    wider = (
        over_divisions(pairs, levels, metric, dataset_of(use.dataset), baseline=baseline)
        if divided
        else over_samples(pairs, levels, metric, evidence.records, baseline=baseline)
    )
    alone = {lv.use.level: seconds_of_a_block(lv, evidence.plan) for lv in levels}
    seconds = {
        name: {cell: s for one in behind(name, baseline) for cell, s in alone[one].items()}
        for name in alone
    }
    return {
        "verdict": verdict.verdict,
        "verdict_reason": with_factor(
            verdict.reason, [lv.use.level for lv in levels], reading.factor
        ),
        "p": finite(verdict.p),
        "pairs": tuple(
            pair_result(
                pair, told(metric, baseline), seconds, one, repeated=use.auto, factor=reading.factor
            )
            for pair, one in zip(pairs, wider, strict=True)
        ),
    }


def _each_seed_divides(levels: Sequence[LevelRuns], plan: Plan) -> bool:
    """Whether there is no test set that seeds share: each draws its own from all samples."""
    cells = [plan.cells[cell_id] for level in levels for cell_id in level.use.cells]
    return all(cell.settings.split == "each seed" for cell in cells)


def _told(block: Record) -> tuple[str, ...]:
    why = block.not_reproducible
    return (*block.notes, *([f"The numbers are not reproducible: {why}."] if why else []))


_METRIC_FACTS = ("unit", "lower_is_better", "directed", "scale", "timing", "derived")


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
