"""Sentences on what holds in general: a pair of levels over its contexts, and the claim."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median

from nnbench.claims.outcomes import named
from nnbench.metrics import Metric, percent_change
from nnbench.records.general import GeneralPairResult, GeneralResult, Word
from nnbench.records.results import Finding
from nnbench.text import wording
from nnbench.text.effects import says_nothing, too_few
from nnbench.text.levels import renamed, with_factor
from nnbench.text.phrases import lowered
from nnbench.text.rounding import MINUS, significant, times_text, unit_words

_LEADS: Mapping[Word, str] = {
    "general": "It holds in general",
    "usual": "It usually holds",
    "depends": "It depends on the context",
    "absent or reversed": "On average it does not hold",
    "unknown": "These contexts cannot tell",
}
WOULD: Mapping[Word, str] = {
    "general": "hold in general",
    "usual": "usually hold",
    "absent or reversed": "not hold on average",
}
_Text = Callable[[float], str]
_TIMES_FROM = math.log(4.0)  # on the log scale, from which a factor is shorter than a percentage
_LARGEST = 700.0  # whose exponential a float still holds
_ANYTHING = "anything"  # what an interval says that leaves everything open
_BY_PAIR = "It holds for some of the levels"


def counted(count: int, what: str) -> str:
    """As in: 1 context, 12 contexts."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def over(contexts: int, datasets: int) -> str:
    """As in: 12 contexts on 5 data sets."""
    return f"{counted(contexts, 'context')} on {counted(datasets, 'data set')}"


def sentence(result: GeneralResult, reason: str, metric: Metric, factor: str = "") -> str:
    """What a claim's contexts show, and by how much on average."""
    # some pairs hold and others do not, whatever the context
    by_pair = result.word == "depends" and not any(p.word == "depends" for p in result.pairs)
    said = _BY_PAIR if by_pair and result.found is None else _LEADS[result.word]
    names = [name for pair in result.pairs for name in (pair.a, pair.b)]
    reason = with_factor(reason, names, factor)
    lead = f"{said} ({over(result.measured, result.datasets)}): {reason}."
    shown = result.leading
    largest = (
        f" {average(shown, metric, factor)}." if shown and shown.difference is not None else ""
    )
    late = result.planned - result.measured
    lost = len({one.context for one in result.failures if one.diverged})
    ends = (
        f" In {counted(lost, 'context')} runs diverged." if lost else "",
        f" {counted(late, 'context')} without a value." if late else "",
    )
    return lead + largest + "".join(ends)


def flagged(result: GeneralResult, why: str) -> str:
    """The sentence of a claim that its contexts alone would settle, where the result here is flagged."""
    would = WOULD[result.word]
    alone = result.sentence.removeprefix(_LEADS[result.word])
    return f"It depends: the result here is flagged ({why}). By its contexts alone it would {would}{alone}"


def turned(here: Finding, general: GeneralResult) -> str:
    """That a pair is the other way round here than over the contexts, each beyond its interval; else nothing."""
    found = {(pair.a, pair.b): (pair.low, pair.high) for pair in here.pairs}
    for pair in general.pairs:
        low, high = found.get((pair.a, pair.b), (None, None))
        near, far = pair.ends
        if low is None or high is None or near is None or far is None:
            continue
        if (high < 0 < near) or (far < 0 < low):
            what = f"{named(pair.a)} against {named(pair.b)}" if len(general.pairs) > 1 else "it"
            return f" Here {what} is the other way round."
    return ""


def how_large(
    here: Finding | None, general: GeneralResult | None, metric: Metric, factor: str = "",
    names: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """The effect of the pair furthest apart, here and on average, in plain units and as a share of the claimed one.

    ``names`` are those of levels in contexts, where they are others there.
    """
    if here is None or not here.pairs:
        return ""
    against = [p for p in here.pairs if p.status == "REV" and here.verdict == "contradicted"]
    ends = [p for p in here.pairs if p.role == "extremes"]
    pair = (ends or against or here.pairs)[0]
    if pair.tie or pair.difference is None:
        return ""
    claimed = _claimed_difference(here, pair.a, pair.b)
    pairs = general.pairs if general else ()
    everywhere = next((p for p in pairs if (p.a, p.b) == (pair.a, pair.b)), None)
    texts = [f"{pair.text}{_share(pair.difference, claimed, metric)}."]
    if everywhere is not None and everywhere.difference is not None:
        number = f" over {counted(everywhere.contexts, 'context')}"
        mean = average(everywhere, metric, factor, over=number)
        share = "" if both_ways(everywhere) else _share(everywhere.difference, claimed, metric)
        texts.append(f"{renamed(mean, names or {})}{share}.")
    return " ".join(texts)


def _claimed_difference(here: Finding, a: str, b: str) -> float | None:
    """The claimed difference of two levels on the analysis scale, above 0; None without numbers for both."""
    claimed = {level.level: level.claimed for level in here.levels}
    first, second = claimed.get(a), claimed.get(b)
    if first is None or second is None:
        return None
    if here.scale == "log":
        first, second = math.log(first), math.log(second)
    return abs(first - second) or None


def _share(difference: float, claimed: float | None, metric: Metric) -> str:
    """As in: , 12 % of the claimed 75 % (in logarithms); one the other way round says so."""
    if claimed is None:
        return ""
    whole = _size(claimed, metric).removeprefix("a ")
    size = f"{100 * abs(difference) / claimed:,.0f} % of the claimed {whole}"
    logs = " (in logarithms)" if metric.scale == "log" else ""
    return f", {size}{logs}" + (", but the other way round" if difference < 0 else "")


def average(result: GeneralPairResult, metric: Metric, factor: str = "", *, over: str = "") -> str:
    """The pooled difference, as in: On average, test loss of tanh is 11 % larger than that of ReLU.

    Where a difference in either direction is claimed and contexts differ in it, their average would hide both.
    """
    if both_ways(result):
        return with_factor(_either_way(result, metric), (result.a, result.b), factor)
    low, high = result.ends
    open_ended = low is not None and high is not None and says_nothing(low, high, metric)
    pooled = {} if open_ended else {"95 % CI": (low, high)}
    text = wording.compared(result.a, result.b, result.difference, pooled, metric)
    text = with_factor(text, (result.a, result.b), factor)
    lacking = too_few(result.datasets) or ("95 % CI: anything" if open_ended else "")
    return f"On average{over}, {lowered(text)}{f' ({lacking})' if lacking else ''}"


def both_ways(result: GeneralPairResult) -> bool:
    """Whether a difference in either direction is claimed, and contexts show both."""
    found = _differences(result)
    return result.either and min(found, default=0.0) < 0 < max(found, default=0.0)


def _either_way(result: GeneralPairResult, metric: Metric) -> str:
    """As in: In the median context test loss of ReLU and of tanh differs by 24 %; that of tanh is larger in 7 of 12."""
    found = _differences(result)
    more = metric.more if metric.scale == "log" else "lower" if metric.lower_is_better else "higher"
    # a ratio is told of the larger value, which is the worse loss
    turned = metric.scale == "log" and metric.lower_is_better
    first, second = (result.b, result.a) if turned else (result.a, result.b)
    differ, that = ("differ", "those") if metric.plural else ("differs", "that")
    return (
        f"In the median context {lowered(wording.title_of(metric))} {wording.of(second)} and {wording.of(first)} {differ} by "
        f"{_median(found, metric)}; {that} {wording.of(first)} {'are' if metric.plural else 'is'} {more} in "
        f"{sum(value > 0 for value in found)} of {len(found)}"
    )


def either_way(result: GeneralPairResult, metric: Metric) -> str:
    """The same for a table, as in: 24 % either way (median)."""
    return f"{_median(_differences(result), metric)} either way (median)"


def _differences(result: GeneralPairResult) -> list[float]:
    return [e.difference for e in result.effects if e.difference is not None]


def _median(differences: Sequence[float], metric: Metric) -> str:
    """How large they are in the median, whatever their signs."""
    return _size(median(map(abs, differences)), metric)


def _size(difference: float, metric: Metric) -> str:
    """A difference without a sign, as in: 24 %, a factor of 11, 2.10 points."""
    text, _, unit = wording.difference_words(difference, metric)
    if unit == " times":
        return f"a factor of {text(difference)}"
    words = unit if metric.scale == "log" else unit_words(metric.unit).difference
    return text(difference) + words


def pair(result: GeneralPairResult, metric: Metric, factor: str = "") -> str:
    """One pair over its contexts: on average, in how many, and in a new one."""
    if result.difference is None:
        return f"{named(result.a)} against {named(result.b)}: too few contexts"
    there = f"{result.pointing} of {counted(result.contexts, 'context')}"
    within = "differ by less than the margin" if result.tie else "point as claimed"
    if both_ways(result):
        return f"{average(result, metric, factor)}."
    if result.either:
        within = "point the same way"
    return f"{average(result, metric, factor)}; {there} {within}{in_a_new_one(result, metric)}."


def interval(middle: float | None, low: float | None, high: float | None, metric: Metric) -> str:
    """A difference for a table: percent, or how many times, on the log scale; else in the metric's unit."""
    low, high = _possible(low, metric), _possible(high, metric)
    known = [value for value in (middle, low, high) if value is not None]
    if not known:
        return "–"
    text, _, unit = wording.difference_words(max(map(abs, known)), metric)
    unit = unit or unit_words(metric.unit).difference
    shown = text if unit == " times" else lambda value: _signed(text(value))
    ends = "" if low is None or high is None else f"{shown(low)} to {shown(high)}"
    if low is not None and high is not None and says_nothing(low, high, metric):
        ends = _ANYTHING
    if middle is None:
        return ends + (unit if ends != _ANYTHING else "")
    return f"{shown(middle)}{unit}" + (f" [{ends}]" if ends else "")


def brief(middle: float | None, low: float | None, high: float | None, metric: Metric) -> str:
    """A difference beside its bar, as in: +12 % [3, 21], ×15 [0.2, 1,008]."""
    low, high = _possible(low, metric), _possible(high, metric)
    known = [value for value in (middle, low, high) if value is not None]
    if not known:
        return "–"
    times = metric.scale == "log" and max(map(abs, known)) >= _TIMES_FROM
    text, lead, unit = _brief_words(metric, times=times)
    ends = "" if low is None or high is None else f"[{text(low)}, {text(high)}]"
    if low is not None and high is not None and says_nothing(low, high, metric):
        return _ANYTHING if middle is None else f"{lead(middle)}{text(middle)}{unit} [{_ANYTHING}]"
    if middle is None:
        return (
            f"{text(low)} to {text(high)} times"
            if times and low is not None and high is not None
            else ends + unit
        )
    return f"{lead(middle)}{text(middle)}{unit} {ends}".rstrip()


def _possible(end: float | None, metric: Metric) -> float | None:
    """The end of an interval; no two fractions differ by more than one."""
    return end if end is None or metric.unit != "fraction" else max(-1.0, min(1.0, end))


def _brief_words(metric: Metric, *, times: bool) -> tuple[_Text, _Text, str]:
    """How a value is written, what stands before the first one, and what behind."""
    if times:
        return lambda v: times_text(math.exp(min(v, _LARGEST))), lambda _: "×", ""
    if metric.scale == "log":
        return lambda v: significant(percent_change(v), 2), _plus, "\u00a0%"
    factor = unit_words(metric.unit).factor
    return lambda v: significant(factor * v, 2), _plus, ""


def _plus(value: float) -> str:
    return "+" if value > 0 else ""


def in_a_new_one(result: GeneralPairResult, metric: Metric) -> str:
    """What to expect elsewhere, turned as the pair's sentence is."""
    (low, high), middle = result.new_ends, result.difference
    if low is None or high is None or middle is None:
        return ""
    if says_nothing(low, high, metric):
        return "; a new context may show anything"
    if middle < 0:
        low, high = -high, -low
    return f"; expect {interval(None, low, high, metric)} in a new context"


def _signed(text: str) -> str:
    return f"+{text}" if not text.startswith(MINUS) and wording.shows(text) else text
