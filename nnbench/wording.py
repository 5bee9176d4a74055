"""The report's sentences, made from numbers: one plain sentence for a pair, a result, a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnbench.claims import Claim
from nnbench.metrics import Metric
from nnbench.rounding import MINUS, value_text
from nnbench.verdict import percent_change


def not_run(status: str, reason: str) -> str:
    """Why there is no measurement."""
    return "Quoted, not judged." if status == "qualitative" else f"Not run yet: {reason}."


def number(value: float | None, unit: str) -> str:
    """A measured value with three significant digits and, if it is a fraction, as %."""
    return value_text(value, unit) + (" %" if unit == "fraction" else "")


def pair(entry: Mapping[str, Any], metric: Metric) -> str:
    """One pair, as in: test loss of tanh is 11 % larger than that of ReLU (95 % CI 8 to 14 %)."""
    if entry["difference"] is None:
        return f"{entry['a']} against {entry['b']}: not measured"
    better, worse, sign = entry["a"], entry["b"], 1.0
    if entry["difference"] < 0 and not entry["tie"]:
        better, worse, sign = worse, better, -1.0
    log = metric.scale == "log"

    def shown(value: float) -> str:
        value *= sign
        return _signed(percent_change(value), 1) if log else _signed(100 * value, 2)

    middle = shown(entry["difference"])
    interval = ""
    if entry["low"] is not None and entry["high"] is not None:
        low, high = sorted((entry["low"], entry["high"]), key=lambda value: sign * value)
        interval = f" (95 % CI {shown(low)} to {shown(high)}{' %' if log else ''})"
    if log:
        # positive = better = lower: e^d - 1 is how much larger the worse one is
        return f"{metric.title} of {worse} is {middle} % larger than that of {better}{interval}"
    word = "lower" if metric.lower_is_better else "higher"
    return f"{metric.title} of {better} is {middle} points {word} than that of {worse}{interval}"


def _signed(value: float, digits: int) -> str:
    """Fixed digits, with a real minus sign."""
    return f"{value:.{digits}f}".replace("-", MINUS)


def sentence(result: Mapping[str, Any], claim: Claim) -> str:
    """What one result says."""
    if claim.kind == "definition":
        if any(lv["mean"] is None for lv in result["levels"]):
            return "Not every network has been built: a record is missing."
        counts = [f"{lv['level']} {number(lv['mean'], 'count')}" for lv in result["levels"]]
        return f"Networks of the claimed sizes can be built: {', '.join(counts)} parameters."
    verdict, reason = result["verdict"], result["verdict_reason"]
    measured = _ranking(result)
    if verdict == "inconclusive":
        return f"The runs do not settle it: {reason}. {measured}"
    return f"{_LEADS[claim.kind][verdict].format(reason=reason)} {measured}"


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


def _ranking(result: Mapping[str, Any]) -> str:
    """The levels by their means, as in: measured, best first: ReLU 0.223, tanh 0.262."""
    levels = [lv for lv in result["levels"] if lv["role"] == "level" and lv["mean"] is not None]
    if not levels:
        return "Nothing was measured."
    levels.sort(key=lambda lv: lv["mean"], reverse=not result["lower_is_better"])
    shown = ", ".join(f"{lv['level']} {number(lv['mean'], result['unit'])}" for lv in levels)
    return f"Measured, best first: {shown}."


def answer(deciding: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> str:
    """The claim's one-paragraph answer: the deciding result, then where others disagree."""
    others = [r for r in results if r is not deciding and r["verdict"] != deciding["verdict"]]
    if not others:
        return str(deciding["sentence"])
    named = [f"{r['verdict']} on {_place(r)}" for r in others]
    return f"{deciding['sentence']} Elsewhere the verdict differs: {', '.join(named)}."


def _place(result: Mapping[str, Any]) -> str:
    parts = [result["dataset_title"], result["track"], result["variant_title"]]
    return f"{parts[0]} ({', '.join(part for part in parts[1:] if part)})"
