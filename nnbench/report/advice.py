"""What should I do? For each factor of the claims one piece of advice, made by rule of what contexts show.

Of each claim the best supported pair of levels counts: one whose word is *general*, else *usual*, else
reversed or absent, else *depends*. Each that is settled is an advice, and the best of all has its evidence
beside it. Pairs that are open stand behind it as limits.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import named
from nnbench.metrics import METRICS
from nnbench.records.general import GeneralPairResult
from nnbench.records.results import ClaimResult
from nnbench.report.anchors import Anchors
from nnbench.report.tables import Link
from nnbench.text import generality

_ORDER = ("general", "usual", "absent or reversed", "depends", "unknown")
_MORE = re.compile(r",| and | \(")  # what stands behind it in a factor's name is varied with it
_GIVEN = re.compile(r"shift|class|cause|^labels|noise|wrong")  # is found, not chosen
_SETTLED = 3  # of these words
_FEW = 2  # open pairs that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One factor: what to do, what that rests on, what it leaves open, and where the evidence is."""

    factor: str
    action: str
    evidence: str
    limits: str
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    claim: ClaimResult
    pair: GeneralPairResult

    @property
    def rank(self) -> tuple[int, bool, float]:
        """The best supported first; then the ends of an order; then the largest difference."""
        difference = abs(self.pair.difference or 0.0)
        return _ORDER.index(self.pair.word), self.pair.role != "extremes", -difference

    @property
    def reversed(self) -> bool:
        """Whether the level that is claimed to be worse is better on average."""
        return self.pair.word == "absent or reversed" and (self.pair.high or 0.0) < 0


def advice(claims: Sequence[ClaimResult], anchors: Anchors) -> tuple[Advice, ...]:
    """One entry for each factor that can be chosen and is measured in contexts, by name."""
    by_factor: dict[str, list[_Case]] = {}
    for case in chain.from_iterable(map(_cases, claims)):
        by_factor.setdefault(_factor(case.claim), []).append(case)
    return tuple(_advice(name, by_factor[name], anchors) for name in sorted(by_factor))


def _cases(claim: ClaimResult) -> Iterator[_Case]:
    """The pairs of a claim about something that one chooses, and of which one end is better."""
    kept = METRICS[claim.metric].directed and not claim.control and not KINDS[claim.kind].ties
    if not kept or claim.general is None or _GIVEN.search(claim.factor):
        return
    for pair in claim.general.pairs:
        if pair.difference is not None and not pair.tie:
            yield _Case(claim=claim, pair=pair)


def _factor(claim: ClaimResult) -> str:
    """The factor's name without what is varied beside it."""
    return _MORE.split(claim.factor)[0].strip() or claim.title


def _advice(factor: str, cases: Sequence[_Case], anchors: Anchors) -> Advice:
    ranked = sorted(cases, key=lambda case: case.rank)
    firsts = list({case.claim.id: case for case in reversed(ranked)}.values())[::-1]
    best, *others = sorted(firsts, key=lambda case: case.rank)
    told = [best, *(case for case in others if case.pair.word in _ORDER[:_SETTLED])]
    return Advice(
        factor=f"{factor[:1].upper()}{factor[1:]}",
        action=" ".join(dict.fromkeys(map(_action, told))),
        evidence=_evidence(best),
        limits=" ".join(filter(None, (_open(told, ranked), best.claim.limits))),
        links=tuple(
            Link(text=case.claim.title, target=anchors.claims[case.claim.id])
            for case in (best, *others)
        ),
    )


def _action(case: _Case) -> str:
    a, b = named(case.pair.a), named(case.pair.b)
    if KINDS[case.claim.kind].two_sided:
        return f"The outcome differs between {a} and {b}: try both."
    if case.reversed:
        return f"Take {b} rather than {a}, against the claim."
    return {
        "general": f"Take {a} rather than {b}.",
        "usual": f"Usually take {a} rather than {b}.",
        "absent or reversed": f"Take {a} or {b}: on average they are equal within the margin.",
        "depends": f"Try both {a} and {b}: which is better depends on the context.",
        "unknown": f"Try both {a} and {b}: the contexts cannot tell which is better.",
    }[case.pair.word]


def _evidence(case: _Case) -> str:
    """The effect, in how many contexts, and what to expect in a new one."""
    pair, metric = case.pair, METRICS[case.claim.metric]
    ahead = case.pair.difference is not None and case.pair.difference > 0
    count = pair.pointing if ahead else pair.contexts - pair.pointing
    so = f"so in {count} of {generality.over(pair.contexts, pair.datasets)}"
    depends = f" {case.claim.general.depends_on}" if case.claim.general else ""
    return f"{generality.average(pair, metric)}, {so}{generality.in_a_new_one(pair, metric)}.{depends}".rstrip()


def _open(told: Sequence[_Case], cases: Sequence[_Case]) -> str:
    """The first pairs of the factor that are not settled."""
    said = {"depends": "depends on the context", "unknown": "is unclear"}
    words = [
        f"{named(case.pair.a)} against {named(case.pair.b)} {said[case.pair.word]}"
        for case in cases
        if case not in told and case.pair.word in said
    ]
    shown = list(dict.fromkeys(words))[:_FEW]
    return f"But {', and '.join(shown)}." if shown else ""
