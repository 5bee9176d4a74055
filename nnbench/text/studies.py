"""Sentences on factor studies: which factor matters most, and what that says of a claim."""

from collections.abc import Sequence

from nnbench.metrics import METRICS
from nnbench.records.studies import FactorOrder, ShareResult, StudyData, StudyResult
from nnbench.text.generality import counted
from nnbench.text.phrases import in_a_row

SMALL = 0.05  # a share below which factors are told together


def percent(share: ShareResult | None) -> str:
    """A share with its interval: ``34 % [28, 41]``."""
    if share is None:
        return "–"
    value, low, high = map(_read, (share.value, share.low, share.high))
    return f"{value}\u00a0% [{low}, {high}]"


def _read(share: float) -> int:
    """The percentage that is printed."""
    return round(100 * share)


def sentence(metric: str, factors: Sequence[FactorOrder], datasets: Sequence[StudyData]) -> str:
    """Which factors matter, in their order."""
    known = [factor for factor in factors if factor.share is not None]
    if not known:
        return "Not measured so far."
    first, *rest = [f for f in known if f.share and f.share.value >= SMALL] or known[:1]
    how = _how(first, rest)
    where = counted(sum(bool(data.factors) for data in datasets), "data set")
    text = (
        f"Over {where}, {first.factor} {how}: {percent(first.share)} of the variance of "
        f"{METRICS[metric].title.lower()} between settings, interactions included"
    )
    if rest:
        text += f"; then {', '.join(f'{f.factor} ({percent(f.share)})' for f in rest)}"
    small = [f.factor for f in known if f.share and f.share.value < SMALL and f is not first]
    return (
        f"{text}. Below {SMALL:.0%} each: {', '.join(small)}.".replace("5%", "5\u00a0%")
        if small
        else f"{text}."
    )


def _how(first: FactorOrder, rest: Sequence[FactorOrder]) -> str:
    """Whether the first one is settled, by the numbers as they are printed, and else by which others it is not."""
    low = _read(first.share.low) if first.share else 0
    near = {f.factor: _read(f.share.high) for f in rest if f.share and _read(f.share.high) >= low}
    if not near:
        return "matters most"
    meets = "touches" if set(near.values()) == {low} else "overlaps"
    those = "that" if len(near) == 1 else "those"
    return f"comes first, though its interval {meets} {those} of {in_a_row(list(near))}"


def answer(study: StudyResult, factors: Sequence[str], beside: str | None, least: float) -> str:
    """What a study says of factors that are claimed to matter."""
    own = {factor.factor: factor for factor in study.factors}
    where = counted(len(study.measured), "data set")
    told = ", ".join(f"{name} {percent(own[name].share)}" for name in factors)
    shares = f"Shares of the variance, mean of {where}, interactions included: {told}"
    other = f"; beside them {beside} {percent(own[beside].share)}" if beside else ""
    return f"{shares}{other}. A factor counts as one that matters where its interval on a data set is above {100 * least:.0f}\u00a0%."
