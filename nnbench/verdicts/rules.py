"""Verdicts: claimed pairs of levels against paired measurements. Pure statistics, no files.

A block is one seed in which every level ran: levels are compared by their differences in a block,
positive as claimed, on the analysis scale: raw (accuracy) or natural logarithms (loss, time). What
follows from the statuses of a claim's pairs depends on its kind: see ``claims.kinds``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from nnbench.claims.kinds import KINDS, ClaimKind, JudgedPair, Kind, Outcome, PairRule, Status
from nnbench.metrics import Scale, log_scale

ALPHA = 0.05
MIN_BLOCKS = 5  # the fewest with which a one-sided sign test can reach 0.05 (1/32)
_NUMBERS = ("difference", "low", "high", "p_up", "p_down", "p_up_holm", "p_down_holm")
Floats = npt.NDArray[np.float64]
_Paired = tuple[Floats, Floats | None]  # differences [blocks]; their signs if runs were capped


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTest(JudgedPair):
    """A rule and what was measured: analysis scale, positive differences are as claimed."""

    difference: float  # mean paired difference; the median when censored
    low: float  # two-sided 95 % t interval; when censored that of the sign test, which is
    high: float  # infinite where the blocks are too few for one
    p_up: float  # one-sided: the difference is positive
    p_down: float  # one-sided: it is negative
    p_up_holm: float  # corrected over the claim's strict pairs; ties, which are judged by
    p_down_holm: float  # their intervals, repeat the raw values
    n: int  # complete blocks
    censored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on a claim and the clause that says why."""

    verdict: Outcome
    reason: str
    pairs: tuple[PairTest, ...] = ()
    blocks: int = 0  # complete ones


def finite(value: float | None) -> float | None:
    """The value, or None where JSON cannot express it."""
    return None if value is None or not math.isfinite(value) else float(value)


def mean_interval(values: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Mean, low, high of the two-sided t interval; NaN where there is none (n < 2)."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"an interval needs finite values, got {array}: drop failed runs first")
    if array.size < 2:
        return (float(array[0]) if array.size else np.nan, np.nan, np.nan)
    mean = float(array.mean())
    varies = np.ptp(array) > 1e-12 * np.abs(array).max()  # by more than rounding
    error = float(array.std(ddof=1)) / array.size**0.5 if varies else 0.0
    half = float(stats.t.ppf((1 + level) / 2, array.size - 1)) * error
    return mean, mean - half, mean + half


def judge(
    values: Mapping[str, Sequence[float]],
    *,
    rules: Sequence[PairRule],
    kind: Kind,
    lower_is_better: bool,
    scale: Scale,
    censored: Mapping[str, Sequence[bool]] | None = None,
    excluded: Mapping[str, Sequence[bool]] | None = None,
) -> Verdict:
    """The verdict on one claim from ``values[level][block]`` in natural units.

    NaN is a missing run: its block is incomplete for every level in the rules. ``censored`` marks
    runs stopped at their cap, ``excluded`` those that diverged and were scored as untrained.
    """
    levels = list(dict.fromkeys(level for rule in rules for level in (rule.better, rule.worse)))
    blocks = max((len(row) for row in values.values()), default=0)
    none = dict.fromkeys(levels, [False] * blocks)
    natural = _table(values, levels, blocks=blocks)
    capped = _table({**none, **(censored or {})}, levels, blocks=blocks)
    diverged = _table({**none, **(excluded or {})}, levels, blocks=blocks)
    rows = [[levels.index(rule.better), levels.index(rule.worse)] for rule in rules]
    sign = -1 if lower_is_better else 1
    scaled = sign * (log_scale(natural) if scale == "log" else natural)

    def judged(kept: npt.NDArray[np.intp]) -> Verdict:
        pairs = [_paired(scaled[r][:, kept], capped[r][:, kept], sign=sign) for r in rows]
        results = _pair_tests(rules, pairs, kind=KINDS[kind])
        outcome, reason = _outcome(results, kind=KINDS[kind])
        return Verdict(verdict=outcome, reason=reason, pairs=results, blocks=kept.size)

    complete = np.flatnonzero(~np.isnan(natural).any(axis=0))
    clean = complete[~diverged[:, complete].any(axis=0)]
    verdict = judged(complete)
    without = judged(clean) if clean.size < complete.size else verdict
    if without.blocks < min(MIN_BLOCKS, verdict.blocks):
        # So few blocks are inconclusive whatever they show: no evidence against the verdict on all.
        # A level that diverges nearly always (SGD at lr 10) is a finding: say what it rests on.
        share = f"{diverged[:, complete].sum():.0f} of {diverged[:, complete].size} runs diverged"
        return replace(verdict, reason=f"{verdict.reason}; {share}")
    if without.verdict != verdict.verdict:
        return replace(verdict, verdict="inconclusive", reason="depends on diverged runs")
    return verdict


def _table(given: Mapping[str, Sequence[float]], levels: list[str], *, blocks: int) -> Floats:
    """The levels in use, shape [levels, blocks]; refuses what cannot be paired."""
    sizes = {level: len(given[level]) for level in levels if level in given}
    if not levels or list(sizes.values()) != [blocks] * len(levels):
        raise ValueError(f"rules need {levels}, {blocks} blocks each, got {sizes}: pad with NaN")
    if np.isinf(table := np.array([given[level] for level in levels], dtype=np.float64)).any():
        raise ValueError("got an infinite value: score a diverged run as an untrained predictor")
    return table


def _paired(scaled: Floats, capped: Floats, *, sign: int) -> _Paired:
    """Differences of the two rows of ``scaled``, shape [2, blocks], and their signs if capped."""
    observed = scaled[0] - scaled[1]
    if not capped.any():
        return observed, None
    # One run capped: the true difference lies on the ``push`` side of the observed one, so its sign
    # is known unless that is on the other side. Both capped: unknown. Unknown is 0, "no change".
    push = sign * (capped[0] - capped[1])
    signs = np.where(push == 0, np.sign(observed), np.where(push * observed < 0, 0.0, push))
    return observed, np.where(capped.all(axis=0), 0.0, signs)


def _p_values(pair: _Paired) -> tuple[float, float]:
    """One-sided p-values, up and down: paired t test, or sign test where runs were capped."""
    differences, signs = pair
    if signs is not None:
        counts = [int((signs > 0).sum()), int((signs < 0).sum())]
        n = max(sum(counts), 1)  # no sign at all: P(X >= 0) = 1 both ways
        up, down = (stats.binomtest(k, n, alternative="greater").pvalue for k in counts)
        return float(up), float(down)
    mean, low, high = mean_interval(differences)
    if differences.size < 2:
        return 1.0, 1.0
    if low == high:  # no variance
        return float(mean <= 0), float(mean >= 0)
    test = stats.ttest_rel(differences, np.zeros_like(differences))
    tail = float(test.pvalue) / 2
    return (tail, 1 - tail) if test.statistic > 0 else (1 - tail, tail)


def _interval(pair: _Paired, *, level: float) -> tuple[float, float, float]:
    """Estimate, low, high: mean and t interval, or median and sign-test interval where capped."""
    differences, signs = pair
    if signs is None:
        return mean_interval(differences, level=level)
    # Leave out k at each end, the most that P(Binomial(n, 1/2) <= k) <= (1 - level) / 2 allows.
    ordered, n = np.sort(differences), differences.size
    k = int((stats.binom.cdf(np.arange(n), n, 0.5) <= (1 - level) / 2).sum()) - 1
    low, high = (float(ordered[k]), float(ordered[n - 1 - k])) if k >= 0 else (-np.inf, np.inf)
    return float(np.median(ordered)), low, high


def holm_adjusted(p_values: Floats) -> Floats:
    """Holm's step-down adjusted p-values (Holm 1979) over all entries; keeps the shape."""
    order = np.argsort(p_values, axis=None)
    steps = np.maximum.accumulate(p_values.ravel()[order] * np.arange(order.size, 0, -1))
    return np.minimum(steps, 1)[np.argsort(order)].reshape(p_values.shape)


def _pair_tests(
    rules: Sequence[PairRule], pairs: Sequence[_Paired], *, kind: ClaimKind
) -> tuple[PairTest, ...]:
    """Tests and statuses; where either direction is claimed, both are one family."""
    tie = np.array([kind.ties or (rule.tie and not kind.two_sided) for rule in rules])
    p = np.array([_p_values(pair) for pair in pairs])  # [pairs, 2]: up, down
    holm = p.copy()
    for family in [slice(None)] if kind.two_sided else [0, 1]:
        holm[~tie, family] = holm_adjusted(p[~tie, family])
    results = []
    for i, (rule, pair) in enumerate(zip(rules, pairs, strict=True)):
        numbers = (*_interval(pair, level=1 - ALPHA), *p[i].tolist(), *holm[i].tolist())
        result = PairTest(
            **asdict(replace(rule, tie=bool(tie[i]))),
            **dict(zip(_NUMBERS, numbers, strict=True)),
            status="unclear",
            n=pair[0].size,
            censored=pair[1] is not None,
        )
        status = _status(result, pair, ties=int(tie.sum()), kind=kind)
        results.append(replace(result, status=status))
    return tuple(results)


def _status(result: PairTest, pair: _Paired, *, ties: int, kind: ClaimKind) -> Status:
    """`equal` is TOST; several claimed ties share alpha; a two-sided kind has no uncorrected `up`."""
    _, low, high = _interval(pair, level=1 - 2 * ALPHA)
    equal = not result.censored and -result.margin < low and high < result.margin
    if result.tie:
        _, low, high = _interval(pair, level=1 - ALPHA / ties)
        apart = low > result.margin or high < -result.margin
        return "holds" if equal else "violated" if apart else "unclear"
    if equal:
        return "equal"
    if result.p_up_holm <= ALPHA:
        return "UP"
    if result.p_down_holm <= ALPHA:
        return "REV"
    return "up" if result.p_up <= ALPHA and not kind.two_sided else "unclear"


def _outcome(pairs: Sequence[PairTest], *, kind: ClaimKind) -> tuple[Outcome, str]:
    """The verdict and its reason."""
    assert kind.outcome is not None, "only what is judged has pairs"
    if pairs[0].n < MIN_BLOCKS:
        return "inconclusive", f"fewer than five complete blocks ({pairs[0].n})"
    return kind.outcome(pairs)
