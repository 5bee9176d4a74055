"""The report's sentences, made from numbers: one plain sentence for a pair, a finding, a claim."""

import math
from collections.abc import Callable, Mapping, Sequence

from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS, Kind
from nnbench.claims.outcomes import named
from nnbench.metrics import METRICS, Metric, percent_change
from nnbench.progress.durations import rounded
from nnbench.records.level import LevelResult
from nnbench.records.pair import PairResult
from nnbench.records.results import Finding
from nnbench.text import changes, effects
from nnbench.text.levels import with_factor
from nnbench.text.phrases import capitalised, in_a_row, lowered
from nnbench.text.rounding import MINUS, times_text, unit_words, value_text, with_units

# how differences are written, what follows the first one, and what follows an interval
Words = tuple[Callable[[float], str], str, str]
_WHOLE_FROM = 100.0  # percent from which decimals say nothing
_TIMES_FROM = 900.0  # percent from which "ten times" reads better than "900 % larger"


def not_run(status: str, reason: str, *, seconds: float | None = None) -> str:
    """Why there is no measurement, and what one would take."""
    if status == "qualitative":
        return "Quoted, not judged."
    return f"Not run: {reason}{'' if seconds is None else f' ({cost(seconds)})'}."


def cost(seconds: float) -> str:
    """An estimate, as in: about 3 h of core time."""
    return f"about {with_units(rounded(seconds))} of core time"


def power(pair: PairResult, size: Callable[[float], str]) -> str:
    """What an unclear pair could have shown, as in: 7.1 % or more; 34 blocks would settle it.

    ``size`` writes a difference on the analysis scale.
    """
    if pair.detectable is None:
        return "–"
    text = f"{size(pair.detectable)} or more"
    if pair.blocks_needed is None:
        return text
    more = f"{pair.blocks_needed - pair.n} more"
    if pair.seconds_needed is not None:
        more = f"{more}, {cost(pair.seconds_needed)}"
    return f"{text}; {pair.blocks_needed} blocks would settle it ({more})"


def title_of(metric: Metric) -> str:
    """A metric's title; a quantity that follows from another one is marked as derived."""
    return f"{metric.title} (derived)" if metric.derived else metric.title


def number(value: float | None, unit: str) -> str:
    """A measured value with three significant digits and, where it is short, its unit."""
    return value_text(value, unit) + (unit_words(unit).value if value is not None else "")


_Ends = tuple[float | None, float | None]


def pair(result: PairResult, metric: Metric, factor: str = "") -> str:
    """One pair, as in: Test loss of tanh is 11 % larger than that of ReLU (95 % CI 8 to 14 %)."""
    intervals = {
        f"95 % {'repeated ' * result.repeated}CI": (result.low, result.high),
        "over new test samples too": (result.low_samples, result.high_samples),
    }
    text = compared(result.a, result.b, result.difference, intervals, metric)
    text = with_factor(text, (result.a, result.b), factor)
    return _below(text, result) if result.small and metric.unit == "fraction" else text


def _below(text: str, result: PairResult) -> str:
    """A difference below its margin that rounds to it, with the digit that shows the difference."""
    size, margin = 100 * abs(result.difference or 0.0), round(100 * result.margin, 9)
    finer = next((f"{size:.{d}f}" for d in range(2, 7) if float(f"{size:.{d}f}") != margin), "")
    return text.replace(f" {size:.2f} points", f" {finer} points", 1) if finer else text


def compared(
    a: str, b: str, middle: float | None, intervals: Mapping[str, _Ends], metric: Metric
) -> str:
    """Two levels and their difference, with its intervals by what they are.

    The difference is positive where ``a`` is better. On the log scale the level with the larger
    values is compared to the other, whichever is better; on the raw one the better to the worse.
    """
    if middle is None:
        return f"{named(a)} against {named(b)}: not measured"
    if middle < 0:  # swap the levels, so that the difference reads as a positive one
        a, b, middle = b, a, -middle
        intervals = {what: _negative(*ends) for what, ends in intervals.items()}
    if metric.scale == "log" and metric.lower_is_better:
        a, b = b, a
    verb, that = ("are", "those") if metric.plural else ("is", "that")
    highest = max(middle, *(high for _, high in intervals.values() if high is not None), middle)
    text, how, unit = difference_words(highest, metric)
    said = [
        f"{what} {text(low)} to {text(high)}{unit}"
        for what, (low, high) in intervals.items()
        if low is not None and high is not None and (shows(text(low)) or shows(text(high)))
    ]
    shown = f" ({'; '.join(said)})" if said else ""
    size = f"{text(middle)}{how}"
    if not shows(text(middle)):  # rounded to nothing, it has no direction: 0.00 points higher than
        size = f"within {text(middle)[:-1]}1{how.rsplit(' ', 2)[0]} of"
    return f"{title_of(metric)} {of(a)} {verb} {size} {that} {of(b)}{shown}"


def of(level: str) -> str:
    """As in: of ReLU, at “20 %”; an accuracy of 20 % would be something else."""
    return f"{'at' if level.endswith('%') else 'of'} {named(level)}"


def shows(text: str) -> bool:
    """Whether a rounded number is more than nothing."""
    return any(digit in text for digit in "123456789")


def _negative(low: float | None, high: float | None) -> _Ends:
    return None if high is None else -high, None if low is None else -low


def difference_words(middle: float, metric: Metric) -> Words:
    """How a difference on the analysis scale is written, where it is about as large as ``middle``."""
    return _ratio(middle, metric) if metric.scale == "log" else _distance(metric)


def _ratio(largest: float, metric: Metric) -> Words:
    """How much larger: in percent, or as a factor where that is large."""
    percent = percent_change(largest)
    if percent >= _TIMES_FROM:
        return lambda end: times_text(math.exp(min(end, 700.0))), " times", " times"
    digits = 0 if percent >= _WHOLE_FROM else 1
    return lambda end: _fixed(percent_change(end), digits), f" % {metric.more} than", " %"


def _distance(metric: Metric) -> Words:
    """How much lower or higher, in points or in the metric's unit."""
    words, digits = unit_words(metric.unit), 2 if metric.unit == "fraction" else 3
    better = "lower" if metric.lower_is_better else "higher"
    return lambda end: _fixed(words.factor * end, digits), f"{words.difference} {better} than", ""


def _fixed(value: float, digits: int) -> str:
    """Fixed digits, with a real minus sign; what rounds to nothing has none."""
    return f"{value:z.{digits}f}".replace("-", MINUS)


def sentence(finding: Finding, reading: Claim) -> str:
    """What one finding says; ``reading`` is the claim as the finding's variant reads it."""
    verdict, reason = finding.verdict, finding.verdict_reason
    if verdict is None:
        return _counted(finding, reading)
    leads = leads_of(reading.kind, directed=finding.directed)
    said = leads[verdict].format(
        reason=reason,
        better=listed(reading.better) or "it",
        than=listed(reading.than) or "the others",
    )
    said = with_factor(said, [level.level for level in finding.levels], reading.factor)
    said = effects.with_margin(said, finding, own=reading.margin)
    ranked = changes.ranking(finding) if reading.baseline else _ranking(finding, reading.factor)
    return f"{capitalised(said)} {ranked}"


def leads_of(kind: Kind, *, directed: bool) -> Mapping[str, str]:
    """How the sentence of each verdict begins, for a metric that has a better end or has none."""
    return {**_OPEN, **_LEADS.get(KINDS[kind].lead_of(directed=directed), {})}


def listed(names: Sequence[str], *, most: int = 6) -> str:
    """Some levels, as in: L1, L2 and dropout; of many the first ones."""
    shown = [named(name) for name in names[:most]]
    if more := len(names) - most if len(names) > most else 0:
        shown.append(f"{more} more")
    return in_a_row(shown)


def _counted(finding: Finding, reading: Claim) -> str:
    """The counts beside the claimed ones, and which of them agree by the margin."""
    missing = [named(level.level) for level in finding.levels if level.mean is None]
    if missing:
        return f"Some networks could not be built, and have no count: {', '.join(missing)}."
    what = lowered(finding.metric_title)
    counts = ", ".join(_beside_claimed(level) for level in finding.levels)
    return f"Counted ({what}): {counts}.{_agreement(finding, reading)}"


def _beside_claimed(level: LevelResult) -> str:
    count = f"{named(level.level)} = {number(level.mean, 'count')}"
    return (
        count if level.claimed is None else f"{count} (claimed: {number(level.claimed, 'count')})"
    )


def _agreement(finding: Finding, reading: Claim) -> str:
    """Which counts differ from the claimed ones by no more than the margin, a ratio."""
    margin = reading.margin or METRICS[finding.metric].margin
    pairs = [
        (named(level.level), sorted((level.mean, level.claimed)))
        for level in finding.levels
        if level.claimed is not None and level.mean is not None
    ]
    far = [name for name, (low, high) in pairs if high > (1 + margin) * low]
    size = f"{100 * margin:.3g} %"
    if not pairs:
        return ""
    if not far:
        return f" Each is within {size} of the claimed number."
    if len(far) == len(pairs):
        return f" All are further than {size} from the claimed number."
    return f" Further than {size} from the claimed number: {', '.join(far)}."


_OPEN: Mapping[str, str] = {  # of every kind
    "inconclusive": "These runs cannot tell: {reason}.",
    "not testable here": "This machine cannot decide it: {reason}.",
}
_LEADS: Mapping[str, Mapping[str, str]] = {
    "order": {
        "reproduced": "Yes, the claimed order holds.",
        "reproduced, small": "Yes, the claimed order holds, though some steps are small ({reason}).",
        "partly": "Part of the claimed order holds, but not all of it: {reason}.",
        "contradicted": "No: {reason}.",
    },
    "best": {
        "reproduced": "Yes, {better} came out ahead of {than}, as claimed.",
        "reproduced, small": "Yes, {better} came out ahead of {than}, though only a little ({reason}).",
        "partly": "{better} came out ahead of {than} only in part: {reason}.",
        "contradicted": "No: {reason}.",
    },
    "smallest": {  # of a metric of which no end is better
        "reproduced": "Yes, {better} came out smaller than {than}, as claimed.",
        "reproduced, small": "Yes, {better} came out smaller than {than}, though only a little ({reason}).",
        "partly": "{better} came out smaller than {than} only in part: {reason}.",
        "contradicted": "No: {reason}.",
    },
    "exists": {
        "reproduced": "Yes, there is such a case: {reason}.",
        "reproduced, small": "Yes, there is such a case, though a small one: {reason}.",
        "inconclusive": "No case that was tried here shows it: {reason}.",
    },
    "differs": {
        "reproduced": "Yes, the outcome changes, as claimed: {reason}.",
        "reproduced, small": "Yes, the outcome changes, though by less than what counts: {reason}.",
        "contradicted": "No, the outcome does not change by as much as counts: {reason}.",
    },
    "equal": {
        "reproduced": "Yes, there is no practical difference, as expected.",
        "partly": "Only some of the levels are shown to be equal: {reason}.",
        "contradicted": "No: {reason}.",
    },
}


def _ranking(finding: Finding, factor: str) -> str:
    """The levels by their means, as in: Test loss by activation, best first: ReLU (0.223), tanh (0.262)."""
    means = [
        (level.mean, level.level)
        for level in finding.levels
        if level.role == "level" and level.mean is not None
    ]
    if not means:
        return "Nothing was measured."
    means.sort(key=lambda item: item[0], reverse=not finding.lower_is_better)
    end = "; " if any("," in name for _, name in means) else ", "
    shown = end.join(f"{name} ({number(mean, finding.unit)})" for mean, name in means)
    by = f" by {factor}" if factor else ""
    first = "best" if finding.directed else "smallest"
    return f"{finding.metric_title}{by}, {first} first: {shown}."


def answer(deciding: Finding, findings: Sequence[Finding]) -> str:
    """The claim's one-paragraph answer: the deciding finding, then where others disagree."""
    others = [f for f in findings if f.verdict not in (None, deciding.verdict)]
    if not others:
        return deciding.sentence or ""
    lead = "Elsewhere the verdict differs" if deciding.verdict else "Other readings are judged"
    alike: dict[tuple[str | None, str], list[str]] = {}
    for finding in others:
        how = ", ".join(filter(None, (finding.track.replace("-", " "), finding.variant_title)))
        alike.setdefault((finding.verdict, how), []).append(finding.dataset_title)
    said = "; ".join(f"{v} on {in_a_row(titles)} ({how})" for (v, how), titles in alike.items())
    return f"{deciding.sentence} {lead}: {said}."
