"""What is wrong with a claim's numbers and its baselines, in the words of whoever writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nnbench.claims.kinds import KINDS
from nnbench.errors import nearest
from nnbench.metrics import METRICS

if TYPE_CHECKING:
    from nnbench.claims.claim import Claim


def choice(name: str, known: Iterable[str]) -> str:
    """The nearest known name, then all of them."""
    guess = nearest(name, known)
    names = (repr(one) if "," in one else one for one in known)
    return (f"did you mean {guess!r}? " if guess else "") + f"allowed: {', '.join(names) or 'none'}"


def claimed_problems(claim: Claim) -> Iterator[str]:
    """What is wrong with the document's numbers, or with its order."""
    for name in claim.claimed:
        if name not in claim.levels:
            yield f"claimed has {name!r}, which is no level; {choice(name, claim.levels)}"
    if claim.order and claim.claimed:
        yield "give claimed numbers or an order, not both"
    if claim.order and claim.kind != "order":
        yield f"order belongs to kind order, got kind {claim.kind}"
    for name, value in claim.claimed.items():
        metric = METRICS[claim.metric]
        if metric.scale == "log" and value <= 0:
            yield f"claimed {name!r} must be positive, got {value}"
        if metric.unit == "fraction" and not metric.possible(value, by=0.0):
            yield f'claimed {name!r} is an accuracy: write 0.85 or "85 %", got {value}'


def baseline_problems(claim: Claim) -> Iterator[str]:
    """What is wrong with the levels that levels are read from."""
    if not claim.baseline:
        return
    known = [*claim.levels, *claim.controls]
    for level, base in claim.baseline.items():
        if level not in claim.levels:
            yield f"baseline has {level!r}, which is no level; {choice(level, claim.levels)}"
        if base not in known:
            what = "neither a level nor a control"
            yield f"baseline of {level!r} is {base!r}, which is {what}; {choice(base, known)}"
        if base == level:
            yield f"baseline of {level!r} is {level!r} itself: name another level, or a control"
    judged = {*claim.better, *claim.than} or claim.levels.keys()
    if lacking := [name for name in claim.levels if name in judged - claim.baseline.keys()]:
        yield f"baseline lacks {', '.join(map(repr, lacking))}: give one to each level that is judged, or to none"
    yield from _not_comparable(claim)


def _not_comparable(claim: Claim) -> Iterator[str]:
    """What changes from a baseline cannot be: numbers of a document, or of a metric that ends at a cap."""
    if KINDS[claim.kind].status != "judged":
        yield f"baseline belongs to claims that are judged, got kind {claim.kind}"
    if METRICS[claim.metric].source == "target":
        yield (
            f"baseline: {claim.metric} stops at a cap, and a run that was capped has no change; "
            "compare the levels themselves, or use another metric"
        )
    if claim.claimed:
        yield "claimed numbers are those of levels, baseline compares their changes: give an order instead"
    if "tuned" in claim.tracks and (fixed := {*claim.baseline.values()} & claim.controls.keys()):
        yield (
            f"baseline names controls, which are never tuned, beside tuned levels: {', '.join(map(repr, sorted(fixed)))}; "
            "write tracks: [as-written]"
        )
