"""A claim over its contexts: each pair's effect in every one, and what they show together."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from nnbench.cells.cell import dataset_of
from nnbench.claims.claim import Claim
from nnbench.claims.contexts import unsettled
from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import PairRule
from nnbench.datasets.kinds import input_kind
from nnbench.metrics import METRICS, Metric, log_scale
from nnbench.plan.plan import Plan
from nnbench.records.general import (
    ContextEffect,
    ContextFailure,
    ContextResult,
    GeneralPairResult,
    GeneralResult,
    ModeratorResult,
    ValueEffect,
    Without,
)
from nnbench.text import generality
from nnbench.text.changes import told
from nnbench.text.levels import renamed
from nnbench.text.there import factor_there, names_there, there
from nnbench.verdicts.alike import Pair, alike
from nnbench.verdicts.findings import Evidence
from nnbench.verdicts.general import Claimed, in_general
from nnbench.verdicts.general_pairs import GeneralPair
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.moderators import Factors, Moderator, moderators
from nnbench.verdicts.moderators import sentence as moderated
from nnbench.verdicts.pairs import pairs_of
from nnbench.verdicts.pooling import Effect, effect_of, usable
from nnbench.verdicts.rules import PairTest, finite

KIND_OF_DATA = "kind of data"
Tests = Mapping[str, Mapping[PairRule, PairTest]]  # context -> rule -> what it shows


def context_results(plan: Plan) -> tuple[ContextResult, ...]:
    """The contexts in which some claim of a plan is measured."""
    used = {use.context for use in plan.uses}
    return tuple(
        ContextResult(
            name=context.name,
            dataset=context.dataset,
            dataset_title=dataset_of(context.dataset).title,
            values=dict(context.values),
            sets={factor: dict(own) for factor, own in context.sets.items()},
        )
        for context in plan.contexts
        if context.name in used
    )


def general_result(claim_id: str, claim: Claim, evidence: Evidence) -> GeneralResult | None:
    """What a claim's contexts show; None where it has none."""
    levels: dict[str, list[LevelRuns]] = {}
    for level in evidence.by_claim.get(claim_id, ()):
        if level.use.context is not None:
            levels.setdefault(level.use.context, []).append(level)
    if not levels:
        return None
    reading, metric = claim.in_contexts(), told(METRICS[claim.metric], claim.baseline)
    rules = KINDS[claim.kind].pairs(reading, metric)
    same = alike(*levels.values(), records=evidence.records)
    tests = {name: _tests(own, reading, rules, same) for name, own in levels.items()}
    datasets = {name: own[0].use.dataset for name, own in levels.items()}
    claimed = [(rule, _effects(rule, tests, datasets)) for rule in rules]
    found = in_general(claimed, kind=claim.kind)
    pairs = tuple(_pair(pair, tests, claim, metric) for pair in found.pairs)
    settled = claim.settled()
    factors = _factors(evidence.plan, settled)
    looks = _looks(claimed, factors, directed=KINDS[claim.kind].one_sided)
    measured = {e.context for _, effects in claimed for e in usable(effects)}
    result = GeneralResult(
        word=found.word,
        sentence="",
        planned=len(levels),
        measured=len(measured),
        datasets=len({datasets[name] for name in measured}),
        seeds=evidence.plan.config.context_seeds,
        found=found.found.count if found.found else None,
        pairs=pairs,
        depends_on=moderated(looks),
        moderators=tuple(map(_moderator, looks)),
        settled=tuple(sorted(settled)),
        failures=tuple(_failures(levels)),
        there=there(claim),
    )
    sentence = generality.sentence(result, found.reason, metric, factor_there(claim))
    sentence = renamed(sentence, names_there(claim))
    return result.model_copy(update={"sentence": sentence})


def _failures(levels: Mapping[str, Sequence[LevelRuns]]) -> Iterator[ContextFailure]:
    for context, own in levels.items():
        for level in own:
            counts = Counter(level.runs["status"])
            if counts["ok"] < len(level.runs):
                yield ContextFailure(
                    context=context,
                    level=level.use.level,
                    planned=len(level.runs),
                    diverged=counts["diverged"],
                    capped=counts["capped"],
                    failed=counts["missing"],
                )


def _factors(plan: Plan, settled: AbstractSet[str]) -> Factors:
    """What tells contexts apart where a claim does not settle it, and the kind of their data."""
    return {
        context.name: {
            **unsettled(context.values, context.sets, settled),
            KIND_OF_DATA: input_kind(dataset_of(context.dataset)),
        }
        for context in plan.contexts
    }


def _moderator(look: Moderator) -> ModeratorResult:
    return ModeratorResult(
        factor=look.factor,
        p=finite(look.p),
        p_holm=finite(look.p_holm),
        stable=look.stable,
        values=tuple(
            ValueEffect(
                value=at.value,
                contexts=at.pooled.contexts,
                difference=finite(at.pooled.mean),
                low=finite(at.pooled.independent[0]),
                high=finite(at.pooled.independent[1]),
                finding=at.finding,
            )
            for at in look.values
        ),
    )


def _looks(claimed: Claimed, factors: Factors, *, directed: bool) -> tuple[Moderator, ...]:
    """At what the difference of the pair furthest apart depends on, or that of the first."""
    rule, effects = next(((r, e) for r, e in claimed if r.role == "extremes"), claimed[0])
    return moderators(effects, factors, margin=rule.margin, directed=directed)


def _tests(
    levels: Sequence[LevelRuns], claim: Claim, rules: Sequence[PairRule], same: AbstractSet[Pair]
) -> Mapping[PairRule, PairTest]:
    """What one context shows of each pair; nothing of pairs that were not measured there."""
    tests = {(p.better, p.worse, p.role): p for p in pairs_of(levels, claim, same=same)}
    keys = {rule: (rule.better, rule.worse, rule.role) for rule in rules}
    return {rule: tests[key] for rule, key in keys.items() if key in tests}


def _effects(rule: PairRule, tests: Tests, datasets: Mapping[str, str]) -> list[Effect]:
    return [
        effect_of(own[rule], context=name, dataset=datasets[name])
        for name, own in tests.items()
        if rule in own
    ]


def _claimed_difference(rule: PairRule, claim: Claim, metric: Metric) -> float | None:
    """The claimed difference on the analysis scale, above 0; None without numbers for both."""
    if rule.tie or not {rule.better, rule.worse} <= claim.claimed.keys():
        return None
    better, worse = claim.claimed[rule.better], claim.claimed[rule.worse]
    if metric.scale == "log":
        better, worse = float(log_scale(better)), float(log_scale(worse))
    return abs(better - worse)


def _pair(pair: GeneralPair, tests: Tests, claim: Claim, metric: Metric) -> GeneralPairResult:
    rule, pooled = pair.rule, pair.pooled
    result = GeneralPairResult(
        a=rule.better,
        b=rule.worse,
        role=rule.role,
        tie=rule.tie,
        margin=rule.margin,
        unit=metric.scale,
        word=pair.word,
        difference=finite(pooled.mean),
        low=finite(pooled.low),
        high=finite(pooled.high),
        prediction_low=finite(pooled.prediction_low),
        prediction_high=finite(pooled.prediction_high),
        tau=finite(pooled.tau),
        i_squared=finite(pooled.i_squared),
        contexts=pooled.contexts,
        datasets=pooled.datasets,
        pointing=pair.pointing.count,
        shares={shown: share.count for shown, share in pair.shares.items()},
        claimed_difference=_claimed_difference(rule, claim, metric),
        without=tuple(
            Without(
                dataset=dataset_of(rest.dataset).title,
                difference=finite(rest.mean),
                low=finite(rest.low),
                high=finite(rest.high),
            )
            for rest in pooled.without
        ),
        effects=tuple(
            ContextEffect(
                context=name,
                difference=finite(own[rule].difference),
                low=finite(own[rule].low),
                high=finite(own[rule].high),
                n=own[rule].n,
                shown=pair.shown.get(name),
            )
            for name, own in tests.items()
            if rule in own and math.isfinite(own[rule].difference)
        ),
        text="",
        either=claim.kind == "differs",
    )
    text = generality.pair(result, metric, factor_there(claim))
    return result.model_copy(update={"text": renamed(text, names_there(claim))})
