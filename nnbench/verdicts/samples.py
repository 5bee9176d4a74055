"""A pair's difference over new seeds and new test samples, where seeds share theirs: ``docs/statistics.md``.

Seeds that score the same samples are moved together by whatever samples those are, which an interval over seeds
cannot see. With every sample's score in every run, both parts are estimated. Seeds that each divide the same samples
anew share most of them, and are corrected for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from nnbench.datasets.base import Dataset
from nnbench.experiments.samples import groups_in, hits_in, losses_in
from nnbench.metrics import Metric, log_scale
from nnbench.records.record import Record
from nnbench.verdicts.changes import Baseline, behind, read_from, used_by
from nnbench.verdicts.evidence import Records
from nnbench.verdicts.measurements import LevelRuns
from nnbench.verdicts.rules import ALPHA, PairTest

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]
Interval = tuple[float, float]
_WHOLE = ("test_loss", "test_accuracy")  # means over the samples that records keep


def crossed_interval(differences: Floats, *, level: float = 0.95) -> Interval | None:
    """The interval of the mean of ``differences`` [seeds, samples] over new seeds and new samples.

    Variance components of a two-way crossed random-effects model by analysis of variance, with Satterthwaite's
    degrees of freedom, not below those of seeds; never narrower than the t interval over seeds alone. None below two of either.
    """
    n, m = differences.shape
    if min(n, m) < 2:
        return None
    mean, by_seed, by_sample = (differences.mean(axis=axis) for axis in (None, 1, 0))
    rest = differences - by_seed[:, np.newaxis] - by_sample + mean
    squares = [m * by_seed.var(ddof=1), n * by_sample.var(ddof=1)]  # mean squares
    squares.append(np.square(rest).sum() / ((n - 1) * (m - 1)))
    seeds, samples = squares[0], max(squares[1] - squares[2], 0.0)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * np.sqrt(seeds / (n * m))
    if samples > 0:
        freedom = [n - 1, m - 1, (n - 1) * (m - 1)]
        own = (seeds + samples) ** 2 / sum(s**2 / f for s, f in zip(squares, freedom, strict=True))
        # where hardly more than the rest is left of the samples, the approximation gives far too few
        wider = stats.t.ppf((1 + level) / 2, max(own, n - 1)) * np.sqrt((seeds + samples) / (n * m))
        half = max(half, float(wider))
    return float(mean - half), float(mean + half)


def resplit_interval(
    differences: Floats, *, test_per_train: float, level: float = 0.95
) -> Interval | None:
    """The interval of the mean over seeds that each divide the same samples anew, over other samples.

    The corrected resampled t interval of Nadeau and Bengio (2003): ``test_per_train`` is the ratio of the numbers of test
    samples and others, which accounts for what the divisions share. None below two seeds.
    """
    n = differences.size
    if n < 2:
        return None
    error = float(differences.std(ddof=1)) * (1 / n + test_per_train) ** 0.5
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return float(differences.mean()) - half, float(differences.mean()) + half


def over_samples(
    pairs: Sequence[PairTest],
    levels: Sequence[LevelRuns],
    metric: Metric,
    records: Records,
    *,
    baseline: Baseline,
) -> list[Interval | None]:
    """Of each judged pair, on the analysis scale and positive as claimed; None where it is not known.

    It is known of the loss and the accuracy on a whole fixed test set whose samples are in the records. Levels are those
    that were run; those with a ``baseline`` are read from it sample by sample.
    """
    if metric.name not in _WHOLE:
        return [None] * len(pairs)
    runs = _judged(pairs, levels, baseline)
    blocks = _complete(runs, metric).index.tolist()
    tests = {name: _test_set(level, records) for name, level in runs.items()}
    scores = {n: _scores(lv, tests[n], blocks, metric, records) for n, lv in runs.items()}
    level = 1 - ALPHA * levels[0].use.share

    def interval(a: str, b: str) -> Interval | None:
        better, worse, test_set = (
            _change(a, scores, baseline),
            _change(b, scores, baseline),
            tests[a],
        )
        used = {tests[name] for level in (a, b) for name in behind(level, baseline)}
        if better is None or worse is None or test_set is None or used != {test_set}:
            return None
        differences = worse - better if metric.lower_is_better else better - worse
        return crossed_interval(by_group(differences, test_set.groups), level=level)

    return [interval(pair.better, pair.worse) for pair in pairs]


def _change(level: str, scores: Mapping[str, Floats | None], baseline: Baseline) -> Floats | None:
    """What a level scores, or by how much more than its baseline; None where that is not known."""
    own = [scores[name] for name in behind(level, baseline)]
    first, base = own[0], own[-1]
    if first is None or base is None:
        return None
    return first - base if level in baseline else first


def over_divisions(
    pairs: Sequence[PairTest],
    levels: Sequence[LevelRuns],
    metric: Metric,
    dataset: Dataset,
    *,
    baseline: Baseline,
) -> list[Interval | None]:
    """The same where each seed divides the samples anew: of whatever the test samples score."""
    if not metric.name.startswith("test_"):
        return [None] * len(pairs)
    values = _complete(_judged(pairs, read_from(levels, baseline, metric), {}), metric)
    scale = log_scale if metric.scale == "log" else np.asarray
    scaled = {name: np.asarray(scale(values[name]), np.float64) for name in values}
    sign = -1.0 if metric.lower_is_better else 1.0
    ratio = dataset.test_size / (dataset.train_size + dataset.validation_size)
    differences = [sign * (scaled[pair.better] - scaled[pair.worse]) for pair in pairs]
    return [resplit_interval(one, test_per_train=ratio) for one in differences]


def _judged(
    pairs: Sequence[PairTest], levels: Sequence[LevelRuns], baseline: Baseline
) -> Mapping[str, LevelRuns]:
    used = used_by(pairs, baseline)
    return {level.use.level: level for level in levels if level.use.level in used}


def _complete(runs: Mapping[str, LevelRuns], metric: Metric) -> pd.DataFrame:
    """The values of each level in the blocks that have one of every level."""
    return pd.DataFrame({name: level.runs[metric.name] for name, level in runs.items()}).dropna()


def by_group(values: Floats, groups: Groups | None) -> Floats:
    """Values [seeds, samples] of groups in place of samples, which are not drawn alone; seeds keep their means."""
    if groups is None:
        return values
    means = values.mean(axis=1, keepdims=True)
    found, at = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(found), len(values)))
    np.add.at(sums, at, (values - means).T)
    totals: Floats = means + sums.T * (len(found) / values.shape[1])
    return totals


@dataclass(frozen=True, slots=True)
class _TestSet:
    classes: tuple[int, ...]
    size: int
    packed_groups: str | None

    @property
    def groups(self) -> Groups | None:
        return None if self.packed_groups is None else groups_in(self.packed_groups)


def _test_set(level: LevelRuns, records: Records) -> _TestSet | None:
    """The whole test set that all cells of a level share; None if there is none."""
    cells = [records.joined(cell_id, seeds=level.use.seeds) for cell_id in level.use.cells]
    found = {
        _TestSet(cell.cell.settings.classes, cell.test_samples or 0, cell.samples.groups)
        for cell in cells
        if cell and cell.samples
    }
    return found.pop() if len(found) == 1 and level.use.at is None else None


def _scores(
    level: LevelRuns,
    test_set: _TestSet | None,
    blocks: Sequence[int],
    metric: Metric,
    records: Records,
) -> Floats | None:
    """What a level scores [seeds, samples] on the analysis scale: the mean of a row is the run's value."""
    if test_set is None or not blocks:
        return None
    runs = level.runs.loc[list(blocks)]
    natural = runs[metric.name].to_numpy(dtype=np.float64)
    values = log_scale(natural) if metric.scale == "log" else natural
    found = [
        # one that diverged scores as an untrained predictor, here on all samples alike
        np.zeros(test_set.size)
        if status == "diverged"
        else _deviations(
            records.joined(cell_id, seeds=level.use.seeds), str(block), metric, test_set.size
        )
        for block, status, cell_id in zip(blocks, runs["status"], runs["cell"], strict=True)
    ]
    rows = [value + own for value, own in zip(values, found, strict=True) if own is not None]
    return np.array(rows) if len(rows) == len(blocks) else None


def _deviations(record: Record | None, seed: str, metric: Metric, size: int) -> Floats | None:
    """By how much each sample of a run differs from their mean, on the analysis scale."""
    kept = record.samples if record else None
    accuracy = metric.name == "test_accuracy"
    if kept is None or seed not in (kept.hits if accuracy else kept.losses):
        return None
    own = hits_in(kept.hits[seed], size) if accuracy else losses_in(kept.losses[seed])
    if own.size != size or not np.isfinite(own).all():
        return None
    mean = float(own.mean())
    if accuracy:
        return own - mean
    # the delta method: by how much each sample moves the logarithm of the mean
    return own / mean - 1.0 if mean > 0 else None
