"""Words for levels that are compared by their changes from baselines."""

from collections.abc import Mapping
from dataclasses import replace

from nnbench.claims.outcomes import named
from nnbench.metrics import METRICS, Metric, percent_change
from nnbench.records.level import FromBaseline
from nnbench.records.results import Finding
from nnbench.text.phrases import lowered
from nnbench.text.rounding import MINUS, signed_percent, significant, unit_words

OF_CHANGES = ", relative to the baselines"  # behind the name of what is compared


def told(metric: Metric, baseline: Mapping[str, str]) -> Metric:
    """The metric as sentences on changes call it, as in: Relative to the baselines, test loss of tanh is larger."""
    title = f"Relative to the baselines, {lowered(metric.title)}"
    return replace(metric, title=title) if baseline else metric


def ranking(finding: Finding) -> str:
    """The levels by their mean changes, as in: MAE (+4 % from “MAE, no outliers”)."""
    shown = [
        (level.from_baseline.mean, f"{level.level} ({_change(level.from_baseline, finding)})")
        for level in finding.levels
        if level.from_baseline and level.from_baseline.mean is not None
    ]
    if not shown:
        return "No change from a baseline was measured."
    shown.sort(key=lambda item: item[0], reverse=not finding.lower_is_better)
    first = "best" if finding.directed else "smallest"
    texts = "; ".join(text for _, text in shown)
    what = lowered(finding.metric_title)
    return f"Change of {what} from each level’s baseline, {first} first: {texts}."


def _change(change: FromBaseline, finding: Finding) -> str:
    """As in: +24 % from “MSE, no outliers”."""
    return f"{size(change.mean or 0.0, METRICS[finding.metric])} from {named(change.baseline)}"


def size(change: float, metric: Metric) -> str:
    """A change on the analysis scale, as in: +24 %, ×14, −2.3 points."""
    if metric.scale == "log":
        return signed_percent(percent_change(change))
    words = unit_words(metric.unit)
    sign = "+" if change > 0 else MINUS if change < 0 else ""
    return f"{sign}{significant(abs(words.factor * change), 2)}{words.difference}"
