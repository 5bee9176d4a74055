"""What is said of a pair of levels, and what follows from the pairs of a claim: its outcome and why."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["adjacent", "extremes", "pair"]
Status = Literal["equal", "UP", "up", "REV", "unclear", "violated", "holds"]
Outcome = Literal[
    "reproduced", "reproduced, small", "partly", "contradicted", "inconclusive", "not testable here"
]  # fmt: skip
FlagName = Literal[
    "not converged", "budget binds", "edge of the grid", "loss and accuracy disagree", "below the margin",
    "unsteady times",
]  # fmt: skip
NOT_TESTABLE: Outcome = "not testable here"
FOUND: frozenset[Outcome | None] = frozenset({"reproduced", "reproduced, small"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRule:
    """What a claim says about two levels."""

    better: str  # the level with the better claimed value; for a tie merely the first of the two
    worse: str
    margin: float  # the smallest difference that matters, analysis scale, > 0
    tie: bool = False
    role: Role = "pair"  # extremes: first against last of an order claim with > 2 levels


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair(PairRule):
    """A rule and what the measurements say about it."""

    status: Status
    small: bool = False  # real, in either direction, and by less than the margin


Judged = Sequence[JudgedPair]
_FEW = 3  # pairs that a reason names
Conclusion = tuple[Outcome, str]


_WORD = re.compile(r"[^\W\d][\w-]*")
_NO_NAMES = frozenset({"none", "both", "all", "other", "plain", "raw", "default", "no", "same"})


def named(level: str) -> str:
    """A level as a sentence names it: in quotation marks, unless it is one word that reads as a name."""
    bare = _WORD.fullmatch(level) and level.lower() not in _NO_NAMES
    return level if bare else f"“{level}”"


# --- the outcome of each kind of claim: the first that holds


def order_outcome(pairs: Judged) -> Conclusion:
    """All neighbours have to be as claimed; the ends can contradict on their own."""
    if all(pair.tie for pair in pairs):
        return equal_outcome(pairs)  # an order of nothing but ties claims just that
    ends = [pair for pair in pairs if pair.role == "extremes" or len(pairs) == 1]
    return _strict_outcome([p for p in pairs if p.role != "extremes"], pairs=pairs, ends=ends)


def best_outcome(pairs: Judged) -> Conclusion:
    """Every pair has to be as claimed, and each can contradict."""
    return _strict_outcome(pairs, pairs=pairs, ends=pairs)


def _strict_outcome(steps: Judged, *, pairs: Judged, ends: Judged) -> Conclusion:
    """All ``steps`` have to hold; ``ends``, the pairs furthest apart, can contradict on their own."""
    failed = [pair for pair in steps if pair.status not in ("UP", "up", "holds")]
    if not failed:
        return _all_as_claimed(steps)
    some = any(pair.status == "UP" for pair in pairs)
    against = [pair for pair in ends if pair.status == "REV"]
    if not against and not some:
        # Beyond the design: no practical difference anywhere contradicts `best` as it does an order.
        equal = ends if all(pair.status == "equal" for pair in ends) else ()
        against = [pair for pair in pairs if pair.status == "REV"] or list(equal)
    if against:
        return "contradicted", _clause(against)
    if some:
        return "partly", _clause(failed)
    return "inconclusive", _clause(_unsettled(failed) or _unsettled(pairs) or failed)


def _unsettled(pairs: Judged) -> Judged:
    return [pair for pair in pairs if pair.status in ("unclear", "up")]


def _all_as_claimed(steps: Judged) -> Conclusion:
    small = [pair for pair in steps if pair.small]
    if small:
        return "reproduced, small", f"below the margin: {_listed(small)}"
    return "reproduced", "every pair is as claimed"


def differs_outcome(pairs: Judged) -> Conclusion:
    """One pair that differs is enough; no practical difference between any two contradicts."""
    if apart := [pair for pair in pairs if pair.status in ("UP", "REV")]:
        outcome, shown = _largest(apart)
        return outcome, f"{named(shown[0].better)} and {named(shown[0].worse)} differ"
    return best_outcome(pairs)


def exists_outcome(pairs: Judged) -> Conclusion:
    """One case is enough; that none was found does not say that there is none."""
    if cases := [pair for pair in pairs if pair.status == "UP"]:
        outcome, shown = _largest(cases)
        return outcome, _listed(shown)
    return "inconclusive", _clause(pairs)


def _largest(found: Judged) -> tuple[Outcome, Judged]:
    """Those of the pairs that reach the margin; where none does, all of them, which are small."""
    large = [pair for pair in found if not pair.small]
    return ("reproduced", large) if large else ("reproduced, small", found)


def equal_outcome(pairs: Judged) -> Conclusion:
    """Every pair has to be equal within the margin."""
    failed = [pair for pair in pairs if pair.status != "holds"]
    if not failed:
        return "reproduced", "every pair is as claimed"
    if against := [pair for pair in pairs if pair.status == "violated"]:
        return "contradicted", _clause(against)
    return "partly" if len(failed) < len(pairs) else "inconclusive", _clause(failed)


_CLAUSES: Mapping[str, str] = {
    "unclear": "{0} against {1} is unclear",
    "up": "{0} is ahead of {1}, but no longer after Holm’s correction",
    "REV": "{1} came out ahead of {0}",
    "equal": "{0} and {1} differ by less than the margin",
    "violated": "{0} and {1} differ by more than the margin",
}


def _clause(pairs: Judged) -> str:
    """What was found, for the first few pairs."""
    return first_few(
        [
            _CLAUSES[p.status].format(named(p.better), named(p.worse))
            + (", by less than the margin" if p.status == "REV" and p.small else "")
            for p in pairs
        ]
    )


def _listed(pairs: Judged) -> str:
    """The first few pairs by their names."""
    return first_few([f"{named(pair.better)} against {named(pair.worse)}" for pair in pairs])


def first_few(clauses: Sequence[str]) -> str:
    """The first few clauses of a sentence, and how many more there are."""
    more = len(clauses) - _FEW
    return "; ".join(clauses[:_FEW]) + (f"; and {more} more" if more > 0 else "")
