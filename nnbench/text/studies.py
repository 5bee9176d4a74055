"""Sentences on factor studies: which factor matters most, and what that says of a claim."""

from collections.abc import Sequence

from nnbench.metrics import METRICS
from nnbench.records.studies import FactorOrder, ShareResult, StudyData, StudyResult
from nnbench.text.generality import counted
from nnbench.text.phrases import in_a_row

SMALL = 0.05  # a share below which factors are told together
_DIGITS = 2  # at most, of a percentage


def percent(share: ShareResult | None, *, digits: int = 0) -> str:
    """A share with its interval: ``34 % [28, 41]``."""
    if share is None:
        return "–"
    value, low, high = (_read(x, digits) for x in (share.value, share.low, share.high))
    return f"{value}\u00a0% [{low}, {high}]"


def sentence(metric: str, factors: Sequence[FactorOrder], datasets: Sequence[StudyData]) -> str:
    """Which factors matter, in their order."""
    known = [factor for factor in factors if factor.share is not None]
    if not known:
        return "Not measured so far."
    first, *rest = [f for f in known if f.share and f.share.value >= SMALL] or known[:1]
    close = [f for f in rest if f.share and first.share and f.share.high >= first.share.low]
    names = in_a_row([factor.factor for factor in close])
    how = f"comes first, though its interval overlaps that of {names}" if close else "matters most"
    digits = _digits(first, rest)
    where = counted(sum(bool(data.factors) for data in datasets), "data set")
    text = (
        f"Over {where}, {first.factor} {how}: {percent(first.share, digits=digits)} of what settings vary in "
        f"{METRICS[metric].title.lower()}, interactions included"
    )
    if rest:
        told = (f"{f.factor} ({percent(f.share, digits=digits)})" for f in rest)
        text += f"; then {', '.join(told)}"
    small = [f.factor for f in known if f.share and f.share.value < SMALL and f is not first]
    return (
        f"{text}. Below {SMALL:.0%} each: {', '.join(small)}.".replace("5%", "5\u00a0%")
        if small
        else f"{text}."
    )


def _digits(first: FactorOrder, rest: Sequence[FactorOrder]) -> int:
    """So many that the near ends of two intervals read as one number only where they nearly are."""
    low = first.share.low if first.share else 0.0
    ends = [f.share.high for f in rest if f.share]
    enough = (n for n in range(_DIGITS) if all(_read(low, n) != _read(end, n) for end in ends))
    return next(enough, _DIGITS)


def _read(share: float, digits: int) -> str:
    return f"{100 * share:.{digits}f}"


def answer(study: StudyResult, factors: Sequence[str], beside: str | None, least: float) -> str:
    """What a study says of factors that are claimed to matter."""
    own = {factor.factor: factor for factor in study.factors}
    where = counted(len(study.measured), "data set")
    told = ", ".join(f"{name} {percent(own[name].share)}" for name in factors)
    shares = f"Shares of the variance, mean of {where}, interactions included: {told}"
    other = f"; beside them {beside} {percent(own[beside].share)}" if beside else ""
    return f"{shares}{other}. From {100 * least:.0f}\u00a0% on a factor counts as one that matters."
