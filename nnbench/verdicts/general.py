"""In general: the word for a claim, from the effects of its pairs in many contexts. No files.

Each claimed pair gets a word of its own (``general_pairs``); what follows for the claim depends on
its kind. How often the words are right is simulated: see docs/statistics.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from nnbench.claims.outcomes import PairRule, first_few, named
from nnbench.records.general import FEWEST, Shown, Word
from nnbench.verdicts.general_pairs import (
    BROAD_DATASETS,
    GeneralPair,
    as_claimed,
    broad,
    enough,
    judged,
    most,
    shares_of,
)
from nnbench.verdicts.pooling import MIN_CONTEXTS, Effect, Pooled, Share, share_of, usable, within

Claimed = Sequence[tuple[PairRule, Sequence[Effect]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class General:
    """What holds in general, and the clause that says why."""

    word: Word
    reason: str
    pairs: tuple[GeneralPair, ...]
    found: Share | None = None  # contexts with an example, for kinds that claim no more than one


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A pooled effect as a share of the claimed one, 1 being as large as claimed; 95 % interval."""

    share: float
    low: float
    high: float


def how_large(pooled: Pooled, *, claimed: float) -> Size | None:
    """The pooled effect over the claimed gap (> 0, analysis scale); None without a claimed gap."""
    if not 0 < claimed < math.inf:
        return None
    share, low, high = (v / claimed for v in (pooled.mean, pooled.low, pooled.high))
    return Size(share=share, low=low, high=high)


def in_general(claimed: Claimed, *, kind: str) -> General:
    """The word for a claim of this kind: its pairs, each with its effects, positive as claimed."""
    if kind in ("differs", "exists"):
        return _example(claimed, either=kind == "differs")
    pairs = judged(claimed)
    ends = [p for p in pairs if p.rule.role == "extremes"] if kind == "order" else ()
    word, deciding = _all_hold(pairs, ends=ends or pairs)
    return General(word=word, reason=_because(deciding), pairs=pairs)


def _all_hold(
    pairs: Sequence[GeneralPair], *, ends: Sequence[GeneralPair]
) -> tuple[Word, Sequence[GeneralPair]]:
    """The word where all pairs are claimed together, and the pairs that decide it; first match.

    ``ends`` are the pairs furthest apart: one of them reversed is enough against the claim.
    """
    steps = [p for p in pairs if p.rule.role != "extremes"]
    good = [p for p in steps if p.word in ("general", "usual")]
    against = [p for p in pairs if p.word == "absent or reversed"]
    if all(p.word == "general" for p in steps):
        return "general", steps
    if mixed := [p for p in pairs if p.word == "depends"]:
        return "depends", mixed
    if len(good) == len(steps):
        return "usual", steps
    opposite = [p for p in against if p.rule.tie or p.pooled.high < 0]
    furthest = [p for p in opposite if p in ends]
    if furthest or (not good and (opposite or all(p in against for p in ends))):
        return "absent or reversed", furthest or against
    if against and good:
        return "depends", [*good, *against]  # on which levels are compared
    return "unknown", [p for p in steps if p not in good]


def _example(claimed: Claimed, *, either: bool) -> General:
    """Where one pair that differs is enough; ``either``: in whatever direction."""
    mirrored = [(_swapped(rule), [_negated(e) for e in found]) for rule, found in claimed]
    pairs = judged([*claimed, *mirrored] if either else claimed)
    contexts = {e.context: e.dataset for _, effects in claimed for e in usable(effects)}
    found = share_of(len({c for p in pairs for c in p.holds_in}), len(contexts))
    datasets = list(contexts.values())
    if not enough(datasets):
        word: Word = "unknown"
    elif broad(datasets) and found.count == found.total:
        word = "general"
    else:
        equal = [c for c in contexts if all(c in p.equal_in for p in pairs if c in p.shown)]
        word = _difference(pairs, found, equal=bool(equal)) if either else _chance(pairs, found)
    alone = sum(any(p.shown.get(c) == "as claimed" for p in pairs) for c in contexts)
    reason = f"found in {_corrected(found.count, alone, of=f' of {found.total} contexts')}"
    own = pairs[: len(claimed)]
    if either:
        own = tuple(map(_undirected, own, pairs[len(claimed) :]))
    elif against := sum(
        all(p.shown.get(c, "reversed") == "reversed" for p in own) for c in contexts
    ):
        reason += f", and the reverse in {against}"
    return General(word=word, reason=reason, pairs=own, found=found)


def _undirected(pair: GeneralPair, mirrored: GeneralPair) -> GeneralPair:
    """A pair that may differ in either direction: what is seen from the side from which it is more general."""
    words = get_args(Word)
    best = min(pair, mirrored, key=lambda p: words.index(p.word))
    shown: dict[str, Shown] = {
        context: "as claimed" if found == "reversed" else found
        for context, found in pair.shown.items()
    }
    return replace(
        pair, word=best.word, pointing=best.pointing, shown=shown, shares=shares_of(shown)
    )


def _difference(pairs: Sequence[GeneralPair], found: Share, *, equal: bool) -> Word:
    """The word where a difference is claimed; ``equal``: in some contexts there is none."""
    words = {p.word for p in pairs}
    if "general" in words:
        return "general"
    if found.count and equal:
        return "depends"
    if "usual" in words or most(found):
        return "usual"
    none = [p for p in pairs if all(within(m.low, m.high, p.rule.margin) for m in p.pooled.robust)]
    return "absent or reversed" if not found.count and len(none) == len(pairs) else "unknown"


def _chance(pairs: Sequence[GeneralPair], found: Share) -> Word:
    """The word where it is claimed that something can happen, which nothing can disprove."""
    words = {p.word for p in pairs}
    if "general" in words:
        return "general"
    if "usual" in words or most(found):
        return "usual"
    return "depends" if found.count else "unknown"


def _swapped(rule: PairRule) -> PairRule:
    return replace(rule, better=rule.worse, worse=rule.better)


def _negated(effect: Effect) -> Effect:
    return replace(effect, difference=-effect.difference)


def _because(pairs: Sequence[GeneralPair]) -> str:
    """What decided, for the first few pairs."""
    return first_few(
        [f"{named(p.rule.better)} against {named(p.rule.worse)} is {_clause(p)}" for p in pairs]
    )


def _clause(pair: GeneralPair) -> str:
    """What decided the word of one pair."""
    if pair.word == "depends":
        return _divided(pair)
    pooled, tie = pair.pooled, pair.rule.tie
    pointing = f"{pair.pointing.count} of {pair.pointing.total} contexts"
    few = " and ".join(
        f"{where} ({count})"
        for where, count, least in (
            ("in too few contexts", pair.pointing.total, MIN_CONTEXTS),
            ("on too few data sets", pooled.datasets, FEWEST),
        )
        if count < least
    )
    found = "as claimed on average" if pooled.mean >= pair.rule.margin else "small on average"
    carried = as_claimed(pooled.low, pooled.high, pair.rule) and most(pair.pointing)
    absent = "reversed on average" if pooled.high < 0 else "below the margin on average"
    return {
        "general": "as claimed, also to be expected in a new context",
        "usual": f"within the margin on average, and so are the estimates in {pointing}"
        if tie
        else f"{found}, and {pointing} point that way",
        "absent or reversed": "different by more than the margin" if tie else absent,
        "unknown": f"measured {few}"
        if few
        else f"{'within the margin' if tie else 'as claimed'} on average, but not if one of the data sets is left out"
        if carried
        else f"unclear on average, and {pointing} {'are within the margin' if tie else 'point as claimed'}"
        + (f", on {pooled.datasets} data sets" if pooled.datasets < BROAD_DATASETS else ""),
    }[pair.word]


def _divided(pair: GeneralPair) -> str:
    """As in: as claimed in 5 of 12 contexts (3 after correction for their number) and reversed in 4 (2)."""
    words = ("holds", "violated") if pair.rule.tie else ("as claimed", "reversed")
    alone = [sum(shown == word for shown in pair.shown.values()) for word in words]
    total = f" of {pair.pointing.total} contexts"
    return (
        f"as claimed in {_corrected(len(pair.holds_in), alone[0], of=total)} and "
        f"{'different' if pair.rule.tie else 'reversed'} in {_corrected(len(pair.fails_in), alone[1])}"
    )


def _corrected(count: int, alone: int, *, of: str = "") -> str:
    """So many contexts by themselves, and how many of them withstand Holm's correction."""
    return f"{alone}{of}" + (
        f" ({count} after correction for their number)" if count < alone else ""
    )
