"""Flags: what makes a result weaker than its verdict says. Set by rule, whatever the verdict is.

A flagged result cannot be more than *depends* in general (docs/contexts.md).
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import FlagName
from nnbench.metrics import METRICS, Metric, log_scale
from nnbench.records.general import GeneralResult
from nnbench.records.level import LevelResult
from nnbench.records.record import Record
from nnbench.records.results import Flag
from nnbench.text import generality
from nnbench.verdicts.changes import read_from, used_by
from nnbench.verdicts.evidence import Records
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.rules import PairTest, mean_interval

EQUAL_LOSSES = 0.05  # a test loss that exceeds the training loss by less than this share
UNSTEADY = 1.5  # times as long as the fastest run of the same level
LEAST_READINGS = 3  # of validation, for one of them to be the last that is best
_LENGTH = ("train_for", "patience", "stop_at_target")
_UNLIKE = ("missing", "label_noise", "shuffled_labels", "outliers", "pseudo_labels", "drift")
_OTHER = {"test_loss": "test_accuracy", "test_accuracy": "test_loss"}
_SHOWN = ("UP", "up", "REV")


def flags_of(
    levels: Sequence[LevelRuns],
    shown: Sequence[LevelResult],
    pairs: Sequence[PairTest],
    reading: Claim,
    records: Records,
) -> tuple[Flag, ...]:
    """The flags of a finding: its ``levels``, the same as they are ``shown``, and its judged ``pairs``."""
    if KINDS[reading.kind].status != "judged" or KINDS[reading.kind].ties:
        return ()  # what is claimed to be equal is no less so
    compared = used_by(pairs, reading.baseline)
    trained = METRICS[reading.metric].source in ("training", "classes", "numbers")  # no probe
    judged = [level for level in levels if trained and level.use.level in compared]
    found: Mapping[FlagName, Sequence[str]] = {
        "not converged": _not_converged(judged, records),
        "budget binds": [lv.use.level for lv in judged if _budget_binds(lv, records)],
        "edge of the grid": [lv.level for lv in shown if lv.search and lv.search.at_edge],
        "loss and accuracy disagree": list(map(_between, _disagreeing(pairs, reading, levels))),
        "below the margin": list(map(_between, _small(pairs))),
        "unsteady times": _unsteady(levels, METRICS[reading.metric]),
    }
    return tuple(
        Flag(
            name=name,
            where=tuple(where),
            text=f"{_listed(where)}: {_text(name, reading.metric)}.",
        )
        for name, where in found.items()
        if where and name not in reading.expected
    )


def _listed(names: Sequence[str]) -> str:
    """Separated so that a comma inside a name separates nothing."""
    return ("; " if any("," in name for name in names) else ", ").join(names)


def capped(general: GeneralResult | None, flags: Sequence[Flag]) -> GeneralResult | None:
    """What contexts show, and no more than *depends* where the deciding result is flagged, for or against the claim.

    That a difference is below the margin here is nothing against its being absent.
    """
    absent = general is not None and general.word == "absent or reversed"
    against = [flag.name for flag in flags if not (absent and flag.name == "below the margin")]
    if general is None or not against or general.word not in generality.WOULD:
        return general
    sentence = generality.flagged(general, "; ".join(against))
    return general.model_copy(update={"word": "depends", "sentence": sentence})


_TEXTS: Mapping[FlagName, str] = {
    "not converged": "in most runs the best validation reading is the last one, so that longer training would go on",
    "budget binds": "training and test loss are equal, so that the length of the training or the size of the "
    "network binds, and not the data",
    "edge of the grid": "the chosen candidate lies at an edge of its grid, so that the best one may lie beyond",
    "unsteady times": f"their slowest run takes more than {UNSTEADY} times as long as their fastest, so that something else "
    "ran on the machine or on its host",
    "below the margin": "the difference is there, and smaller than the smallest one that matters",
}


def _text(name: FlagName, metric: str) -> str:
    if name == "loss and accuracy disagree":
        found, other = (METRICS[m].title.lower() for m in (metric, _OTHER[metric]))
        return f"they differ by {found}; by {other} it is the reverse, or less than the margin"
    return _TEXTS[name]


def _between(pair: PairTest) -> str:
    return f"{pair.better} and {pair.worse}"


def _not_converged(levels: Sequence[LevelRuns], records: Records) -> list[str]:
    """Levels still improving at the end of their training; none where its length is what is compared."""
    found, lengths = [], set()
    for use in [level.use for level in levels]:
        record = records.joined(use.cells[0], seeds=use.seeds) if len(use.cells) == 1 else None
        settings = record.settings_used if record else None
        if record is None or settings is None:
            return []  # a choice in each block, or no training: there is no one length
        lengths.add(tuple(settings.get(name) for name in _LENGTH))
        if settings.get("target") is None and _improves_at_the_end(record):
            found.append(use.level)
    return found if len(lengths) == 1 else []


def _improves_at_the_end(record: Record) -> bool:
    """Whether the validation loss of most runs is lowest at the last reading."""
    rows = record.curves.validation_loss if record.curves else ()
    if len(rows) < LEAST_READINGS:
        return False
    losses = np.array(rows, dtype=float)  # (points, runs); what was not read is NaN
    ends = losses[-1] < np.nanmin(np.where(np.isnan(losses[:-1]), np.inf, losses[:-1]), axis=0)
    return bool(ends.mean() > 1 / 2)


def _budget_binds(level: LevelRuns, records: Records) -> bool:
    """Whether test and training loss are equal, of networks that have learnt something."""
    if level.use.at is not None:
        return False  # another test: its loss may be anything
    test, train = (float(level.runs[name].mean()) for name in ("test_loss", "train_loss"))
    record = records.joined(level.use.cells[0], seeds=level.use.seeds)
    settings = (record and record.settings_used) or {}
    if any(map(settings.get, _UNLIKE)):
        return False  # training samples are no draw of what the test samples are
    chance = ((record and record.untrained) or {}).get("test_loss") or math.inf
    learnt = test < (1 - EQUAL_LOSSES) * chance  # False, too, where nothing was measured
    return learnt and abs(test - train) < EQUAL_LOSSES * train


def _disagreeing(
    pairs: Sequence[PairTest], reading: Claim, levels: Sequence[LevelRuns]
) -> Iterator[PairTest]:
    """Pairs that differ by loss or accuracy, and by the other one are reversed or equal."""
    if reading.metric not in _OTHER:
        return
    other = METRICS[_OTHER[reading.metric]]
    runs = {lv.use.level: lv.runs for lv in read_from(levels, reading.baseline, other)}
    for pair in pairs:
        if pair.status not in _SHOWN:
            continue
        low, high = _interval(runs[pair.better], runs[pair.worse], other)
        if pair.status == "REV":
            low, high = -high, -low
        if high < other.margin_on_scale() and (high < 0 or low > -other.margin_on_scale()):
            yield pair


def _interval(better: pd.DataFrame, worse: pd.DataFrame, metric: Metric) -> tuple[float, float]:
    """95 % interval of the paired difference of a metric, positive where ``better`` is; NaN without one."""
    a, b = (own[metric.name].to_numpy(dtype=float) for own in (better, worse))
    if metric.scale == "log":
        a, b = log_scale(a), log_scale(b)
    differences = (b - a) if metric.lower_is_better else (a - b)
    _, low, high = mean_interval(differences[np.isfinite(differences)])
    return low, high


def _unsteady(levels: Sequence[LevelRuns], metric: Metric) -> list[str]:
    """Levels whose runs, which do the same, take unlike times; these are above zero."""
    if not metric.timing or metric.derived:
        return []
    times = ((level.use.level, level.runs[metric.name].dropna()) for level in levels)
    return [name for name, own in times if own.size and own.max() > UNSTEADY * own.min()]


def _small(pairs: Sequence[PairTest]) -> list[PairTest]:
    """Pairs that are as claimed, also after correction, and by less than the margin."""
    return [pair for pair in pairs if pair.small and pair.status == "UP"]
