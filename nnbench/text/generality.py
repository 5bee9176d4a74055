"""Sentences on what holds in general: a pair of levels over its contexts, and the claim."""

from collections.abc import Mapping

from nnbench.metrics import Metric
from nnbench.records.general import GeneralPairResult, GeneralResult, Word
from nnbench.text import wording
from nnbench.text.rounding import MINUS

_LEADS: Mapping[Word, str] = {
    "general": "It holds in general",
    "usual": "It usually holds",
    "depends": "It depends on the context",
    "absent or reversed": "It does not hold on average",
    "unknown": "The contexts do not settle it",
}


def counted(count: int, what: str) -> str:
    """As in: 1 context, 12 contexts."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def over(contexts: int, datasets: int) -> str:
    """As in: 12 contexts on 5 data sets."""
    return f"{counted(contexts, 'context')} on {counted(datasets, 'data set')}"


def sentence(result: GeneralResult, reason: str, metric: Metric) -> str:
    """What a claim's contexts show, and by how much on average."""
    lead = f"{_LEADS[result.word]}, over {over(result.measured, result.datasets)}: {reason}."
    shown = [p for p in result.pairs if p.role == "extremes"] or list(result.pairs[:1])
    largest = f" {average(shown[0], metric)}." if shown and shown[0].difference is not None else ""
    late = result.planned - result.measured
    return lead + largest + (f" {counted(late, 'context')} not measured." if late else "")


def average(result: GeneralPairResult, metric: Metric) -> str:
    """The pooled difference, as in: On average, test loss of tanh is 11 % larger than that of ReLU."""
    text = wording.pair(result, metric)
    return f"On average, {text[:1].lower()}{text[1:]}"


def pair(result: GeneralPairResult, metric: Metric) -> str:
    """One pair over its contexts: on average, in how many, and in a new one."""
    if result.difference is None:
        return f"{result.a} against {result.b}: too few contexts"
    there = f"{result.pointing} of {counted(result.contexts, 'context')}"
    within = "differ by less than the margin" if result.tie else "point as claimed"
    return f"{average(result, metric)}; {there} {within}{_in_a_new_one(result, metric)}."


def _in_a_new_one(result: GeneralPairResult, metric: Metric) -> str:
    """What to expect elsewhere, turned as the pair's sentence is."""
    low, high, middle = result.prediction_low, result.prediction_high, result.difference
    if low is None or high is None or middle is None:
        return ""
    if middle < 0:
        low, high = -high, -low
    text, _, unit = wording.difference_words(abs(middle), metric)
    if not unit:  # of a distance in the metric's own unit
        unit = " points" if metric.unit == "fraction" else ""
    return f"; expect {_signed(text(low))} to {_signed(text(high))}{unit} in a new one"


def _signed(text: str) -> str:
    return text if text.startswith(MINUS) else f"+{text}"
