"""Sentences on factor studies: which factor matters most, and what that says of a claim."""

from collections.abc import Sequence

from nnbench.metrics import METRICS
from nnbench.records.studies import FactorOrder, ShareResult, StudyData, StudyResult
from nnbench.text.generality import counted

SMALL = 0.05  # a share below which factors are told together


def percent(share: ShareResult | None) -> str:
    """A share with its interval: ``34 % [28, 41]``."""
    if share is None:
        return "–"
    return f"{100 * share.value:.0f}\u00a0% [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def sentence(metric: str, factors: Sequence[FactorOrder], datasets: Sequence[StudyData]) -> str:
    """Which factors matter, in their order."""
    known = [factor for factor in factors if factor.share is not None]
    if not known:
        return "Not measured so far."
    first, *rest = [f for f in known if f.share and f.share.value >= SMALL] or known[:1]
    settled = not any(f.share and first.share and f.share.high >= first.share.low for f in rest)
    how = "matters most" if settled else "comes first, which these intervals do not settle"
    where = counted(sum(bool(data.factors) for data in datasets), "data set")
    text = (
        f"Over {where}, {first.factor} {how}: {percent(first.share)} of what settings vary in "
        f"{METRICS[metric].title.lower()}, interactions included"
    )
    if rest:
        text += f"; then {', '.join(f'{f.factor} ({percent(f.share)})' for f in rest)}"
    small = [f.factor for f in known if f.share and f.share.value < SMALL and f is not first]
    return (
        f"{text}. Below {SMALL:.0%} each: {', '.join(small)}.".replace("5%", "5\u00a0%")
        if small
        else f"{text}."
    )


def answer(study: StudyResult, factors: Sequence[str], beside: str | None, least: float) -> str:
    """What a study says of factors that are claimed to matter."""
    own = {factor.factor: factor for factor in study.factors}
    where = counted(len(study.measured), "data set")
    told = ", ".join(f"{name} {percent(own[name].share)}" for name in factors)
    shares = f"Shares of the variance, mean of {where}, interactions included: {told}"
    other = f"; beside them {beside} {percent(own[beside].share)}" if beside else ""
    return f"{shares}{other}. From {100 * least:.0f}\u00a0% on a factor counts as one that matters."
