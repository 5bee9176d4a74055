"""The size of an effect in a few words, and which intervals say anything at all."""

import math

from nnbench.claims.kinds import KINDS
from nnbench.metrics import METRICS, Metric, percent_change
from nnbench.records.general import FEWEST
from nnbench.records.results import Finding
from nnbench.text.phrases import lowered
from nnbench.text.rounding import significant, times_text, unit_words

_TIMES = math.log(10.0)  # in both directions at once, an interval of ratios leaves everything open
_FACTOR_FROM = math.log(10.0) - 1e-9  # from which a margin is told as a factor
_TIMES_FROM = math.log(4.0)  # from which a factor is shorter than a percentage


def effect(better: str, worse: str, difference: float, metric: Metric) -> tuple[str, str]:
    """How much better (> 0, analysis scale), and which way, as in: With SGD, test loss is 45 % larger; larger."""
    log = metric.scale == "log"
    first = worse if log and metric.lower_is_better else better
    title = f"With {first}, {lowered(metric.title)} {'are' if metric.plural else 'is'}"
    if log and difference >= _TIMES_FROM:
        return f"{title} {times_text(math.exp(difference))} times as large", metric.more
    than = metric.more if log else "lower" if metric.lower_is_better else "higher"
    return f"{title} {size(difference, metric)} {than}", than


def size(difference: float, metric: Metric) -> str:
    """A difference on the analysis scale, as in: 5 %, 1 point, 0.05 nats."""
    if metric.scale == "log" and difference >= _FACTOR_FROM:
        return f"a factor of {times_text(math.exp(difference)).removesuffix('.0')}"
    if metric.scale == "log":
        return f"{significant(percent_change(difference), 2).removesuffix('.0')} %"
    text = significant(unit_words(metric.unit).factor * difference, 2)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    unit = unit_words(metric.unit).difference
    return f"{text}{unit.removesuffix('s') if unit == ' points' and text == '1' else unit}"


def with_margin(said: str, finding: Finding, *, own: float | None) -> str:
    """A sentence that says what counts: of levels that are equal or small, and where a claim's ``own`` is not the metric's."""
    metric = METRICS[finding.metric]
    known = [pair.margin for pair in finding.pairs if math.isfinite(pair.margin)]
    told = own not in (None, metric.margin) or KINDS[finding.kind].ties or "margin" in said
    if not known or not told:
        return said
    low, high = (size(end(known), metric) for end in (min, max))
    if low == high and "the margin" in said:
        return said.replace("the margin", f"the margin of {low}", 1)
    return f"{said} The margin is {low}." if low == high else f"{said} Margins are {low} to {high}."


def says_nothing(low: float, high: float, metric: Metric) -> bool:
    """Whether an interval leaves everything open, its side of zero too: the whole range of a fraction, or ten times either way."""
    if metric.unit == "fraction":
        return low < 0.0 < high and (low <= -1.0 or high >= 1.0)
    return metric.scale == "log" and low <= -_TIMES and high >= _TIMES


def too_few(datasets: int, what: str = "for an interval") -> str:
    """What stands where an interval over data sets would; empty where they suffice for one, or there are none."""
    if not 0 < datasets < FEWEST:
        return ""
    return f"{'one data set is' if datasets == 1 else 'two data sets are'} too few {what}"
