"""The report's sentences, made from numbers: one plain sentence for a pair, a result, a claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS
from nnbench.metrics import METRICS, Metric, percent_change
from nnbench.records.results import Finding, LevelResult, PairResult
from nnbench.text.rounding import MINUS, significant, unit_factor, value_text

_TIMES_FROM = 900.0  # percent from which "ten times" reads better than "900 % larger"
_BEHIND: Mapping[str, str] = {"fraction": " %", "seconds": " s", "hours": " h", "per second": "/s"}


def not_run(status: str, reason: str, *, seconds: float | None = None) -> str:
    """Why there is no measurement, and what it would take."""
    if status == "qualitative":
        return "Quoted, not judged."
    return f"Not run: {reason}{'' if seconds is None else f' ({cost(seconds)})'}."


def cost(seconds: float) -> str:
    """An estimate, as in: about 3 h of core time."""
    hours, minutes = seconds / 3600, math.ceil(seconds / 60)
    if hours >= 1:
        return f"about {hours:,.{int(hours < 10)}f}".removesuffix(".0") + "\u00a0h of core time"
    return f"about {minutes}\u00a0min of core time"


def title_of(metric: Metric) -> str:
    """A metric's title; a quantity that follows from another one says so wherever it stands."""
    return f"{metric.title} (derived)" if metric.derived else metric.title


def number(value: float | None, unit: str) -> str:
    """A measured value with three significant digits and, where it is short, its unit."""
    return value_text(value, unit) + (_BEHIND.get(unit, "") if value is not None else "")


def pair(entry: PairResult, metric: Metric) -> str:
    """One pair, as in: Test loss of tanh is 11 % larger than that of ReLU (95 % CI 8 to 14 %).

    ``difference`` is positive where ``a`` is better. On the log scale the level with the larger
    values is compared to the other, whichever is better; on the raw one the better to the worse.
    """
    a, b, difference = entry.a, entry.b, entry.difference
    if difference is None:
        return f"{a} against {b}: not measured"
    ends = [difference, entry.low, entry.high]
    if difference < 0:  # turned round, so that the difference reads as a positive one
        a, b = b, a
        ends = [None if end is None else -end for end in (ends[0], ends[2], ends[1])]
    if metric.scale == "log":
        larger, smaller = (b, a) if metric.lower_is_better else (a, b)
        return _compared(metric, larger, smaller, _log_words(ends, metric))
    word = "lower" if metric.lower_is_better else "higher"
    return _compared(metric, a, b, _raw_words(ends, metric, word=word))


def _compared(metric: Metric, first: str, second: str, words: tuple[str, str]) -> str:
    how, interval = words
    verb, that = ("are", "those") if metric.plural else ("is", "that")
    return f"{title_of(metric)} of {first} {verb} {how} {that} of {second}{interval}"


def _log_words(ends: Sequence[float | None], metric: Metric) -> tuple[str, str]:
    """How much larger, and the interval: in percent, or as a factor where that is large."""
    middle, low, high = ends
    assert middle is not None
    known = low is not None and high is not None
    if percent_change(middle) >= _TIMES_FROM:
        texts = [significant(math.exp(end), 2) for end in ends if end is not None]
        interval = f" (95 % CI {texts[1]} to {texts[2]} times)" if known else ""
        return f"{texts[0]} times", interval
    texts = [_fixed(percent_change(end), 1) for end in ends if end is not None]
    interval = f" (95 % CI {texts[1]} to {texts[2]} %)" if known else ""
    return f"{texts[0]} % {metric.more} than", interval


def _raw_words(ends: Sequence[float | None], metric: Metric, *, word: str) -> tuple[str, str]:
    """How much lower or higher, in points or in the metric's unit, and the interval."""
    points = metric.unit == "fraction"
    factor, digits = unit_factor(metric.unit), 2 if points else 3
    texts = [_fixed(factor * end, digits) for end in ends if end is not None]
    label = {"fraction": " points", "nats": " nats"}.get(metric.unit, "")
    interval = f" (95 % CI {texts[1]} to {texts[2]})" if len(texts) == len(ends) else ""
    return f"{texts[0]}{label} {word} than", interval


def _fixed(value: float, digits: int) -> str:
    """Fixed digits, with a real minus sign."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def sentence(finding: Finding, reading: Claim) -> str:
    """What one finding says; ``reading`` is the claim as the finding's variant reads it."""
    verdict, reason = finding.verdict, finding.verdict_reason
    if verdict is None:
        return _counted(finding, reading)
    measured = _ranking(finding)
    if verdict == "inconclusive":
        return f"The runs do not settle it: {reason}. {measured}"
    lead = KINDS[reading.kind].lead_of(directed=finding.directed)
    return f"{_LEADS[lead][verdict].format(reason=reason)} {measured}"


def _counted(result: Finding, claim: Claim) -> str:
    """The counts beside the claimed ones, and which of them agree by the margin."""
    missing = [lv.level for lv in result.levels if lv.mean is None]
    if missing:
        return f"Not every network has been built: {', '.join(missing)} not measured."
    what = result.metric_title[:1].lower() + result.metric_title[1:]
    counts = ", ".join(_beside_claimed(lv) for lv in result.levels)
    return f"Counted ({what}): {counts}.{_agreement(result, claim)}"


def _beside_claimed(level: LevelResult) -> str:
    count = f"{level.level} {number(level.mean, 'count')}"
    claimed = level.claimed
    return count if claimed is None else f"{count} (claimed {number(claimed, 'count')})"


def _agreement(result: Finding, claim: Claim) -> str:
    """Which counts differ from the claimed ones by no more than the margin, a ratio."""
    levels = [lv for lv in result.levels if lv.claimed is not None]
    if not levels:
        return ""
    margin = claim.margin or METRICS[result.metric].margin
    far = []
    for level in levels:
        low, high = sorted(value for value in (level.mean, level.claimed) if value is not None)
        if high > (1 + margin) * low:
            far.append(level.level)
    within = f"within {100 * margin:.3g} % of the claimed number"
    if not far:
        return f" Each is {within}."
    if len(far) == len(levels):
        return f" None is {within}."
    return f" Not {within}: {', '.join(far)}."


_LEADS: Mapping[str, Mapping[str, str]] = {
    "order": {
        "reproduced": "The claimed order holds.",
        "partly": "Part of the claimed order holds ({reason}).",
        "contradicted": "The claimed order does not hold: {reason}.",
    },
    "best": {
        "reproduced": "It is better, as claimed.",
        "partly": "It is better only in part ({reason}).",
        "contradicted": "It is not better: {reason}.",
    },
    "smallest": {  # of a metric of which no end is better
        "reproduced": "It is smaller, as claimed.",
        "partly": "It is smaller only in part ({reason}).",
        "contradicted": "It is not smaller: {reason}.",
    },
    "differs": {
        "reproduced": "The levels change the outcome, as claimed.",
        "contradicted": "The levels do not change the outcome: {reason}.",
    },
    "equal": {
        "reproduced": "No difference, as expected.",
        "partly": "Only some pairs are shown to be equal ({reason}).",
        "contradicted": "They differ, where no difference was expected: {reason}.",
    },
}


def _ranking(result: Finding) -> str:
    """The levels by their means, as in: measured, best first: ReLU 0.223, tanh 0.262."""
    means = [
        (lv.mean, lv.level) for lv in result.levels if lv.role == "level" and lv.mean is not None
    ]
    if not means:
        return "Nothing was measured."
    means.sort(key=lambda item: item[0], reverse=not result.lower_is_better)
    shown = ", ".join(f"{level} {number(mean, result.unit)}" for mean, level in means)
    first = "best" if result.directed else "smallest"
    return f"Measured, {first} first: {shown}."


def answer(deciding: Finding, results: Sequence[Finding]) -> str:
    """The claim's one-paragraph answer: the deciding result, then where others disagree."""
    others = [r for r in results if r.verdict not in (None, deciding.verdict)]
    if not others:
        return str(deciding.sentence)
    named = [f"{r.verdict} on {_place(r)}" for r in others]
    lead = "Elsewhere the verdict differs" if deciding.verdict else "Other readings are judged"
    return f"{deciding.sentence} {lead}: {', '.join(named)}."


def _place(result: Finding) -> str:
    parts = [result.dataset_title, result.track, result.variant_title]
    return f"{parts[0]} ({', '.join(part for part in parts[1:] if part)})"
