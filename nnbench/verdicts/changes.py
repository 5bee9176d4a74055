"""Levels read as their change from a baseline, for claims about an interaction: seed by seed, on the analysis scale.

Pairs of such levels are judged like any others: the difference of two changes is a difference of differences,
which is what the interaction of a linear model estimates.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from nnbench.claims.outcomes import PairRule, named
from nnbench.metrics import Metric, log_scale
from nnbench.verdicts.alike import Pair
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.rules import Floats, PairTest

Baseline = Mapping[str, str]  # by level: the level or control that it is read from
_WORST_FIRST = ("missing", "diverged", "capped", "ok")


def read_from(
    levels: Sequence[LevelRuns], baseline: Baseline, metric: Metric
) -> Sequence[LevelRuns]:
    """The levels, with changes in place of a metric's values where they have a baseline.

    In natural units a change is the ratio to the baseline's run of the same seed where the metric is judged by
    logarithms, else the difference; a run's status is the worse of both.
    """
    if not baseline:
        return levels
    by_name = {level.use.level: level for level in levels}
    bases = (by_name.get(baseline.get(level.use.level, "")) for level in levels)
    return tuple(
        _change(level, base, metric) if base else level
        for level, base in zip(levels, bases, strict=True)
    )


def _change(level: LevelRuns, base: LevelRuns, metric: Metric) -> LevelRuns:
    own, other = (on_scale(one, metric) for one in (level, base))
    change = np.exp(own - other) if metric.scale == "log" else own - other
    both = zip(level.runs["status"], base.runs["status"], strict=True)
    status = [min(pair, key=_WORST_FIRST.index) for pair in both]
    return replace(level, runs=level.runs.assign(**{metric.name: change, "status": status}))


def on_scale(level: LevelRuns, metric: Metric) -> Floats:
    """What a level reads in each seed, on the analysis scale."""
    natural = level.runs[metric.name].to_numpy(dtype=np.float64)
    return log_scale(natural) if metric.scale == "log" else natural


def behind(level: str, baseline: Baseline) -> tuple[str, ...]:
    """The levels whose runs a level is read from: itself, and its baseline."""
    return (level, baseline[level]) if level in baseline else (level,)


def used_by(pairs: Iterable[PairTest], baseline: Baseline) -> set[str]:
    """The levels whose runs these pairs rest on."""
    compared = {name for pair in pairs for name in (pair.better, pair.worse)}
    return {name for level in compared for name in behind(level, baseline)}


def lost_with(lost: Mapping[str, str], baseline: Baseline) -> Mapping[str, str]:
    """Why levels have no value, by level; without its baseline a level has no change."""
    lacking = {
        level: f"its baseline {named(base)}: {lost[base]}"
        for level, base in baseline.items()
        if base in lost
    }
    return {**lacking, **lost}


def runs_of(rule: PairRule, baseline: Baseline) -> list[Pair]:
    """The pairs of levels that a rule compares: its own two, and each with its baseline."""
    own = [behind(level, baseline) for level in (rule.better, rule.worse)]
    pairs = [(rule.better, rule.worse), *(pair for pair in own if pair[1:])]
    return [frozenset(pair) for pair in pairs]
