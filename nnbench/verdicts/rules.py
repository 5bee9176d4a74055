"""Verdicts: claimed pairs of levels against paired measurements. Pure statistics, no files.

A block is one seed in which every level ran: levels are compared by their differences in a block,
positive as claimed, on the analysis scale: raw (accuracy) or natural logarithms (loss, time). What
follows from the statuses of a claim's pairs depends on its kind: see ``claims.kinds``. Why these rules,
and how often they err: ``docs/statistics.md``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from nnbench.claims.kinds import KINDS, ClaimKind, Kind
from nnbench.claims.looks import over_all
from nnbench.claims.outcomes import FOUND, JudgedPair, Outcome, PairRule, Status
from nnbench.metrics import Scale, log_scale
from nnbench.verdicts.power import Power, power_of

ALPHA = 0.05
MIN_BLOCKS = 5  # for a verdict; a two-sided sign test reaches 0.05 with six (2/64)
ON_DIVERGED = "the verdict depends on diverged runs"
Floats = npt.NDArray[np.float64]
_Paired = tuple[Floats, Floats | None]  # differences [blocks]; their signs if runs were capped


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTest(JudgedPair):
    """A rule and what was measured: analysis scale, positive differences are as claimed."""

    difference: float  # mean paired difference; the median when censored
    low: float  # two-sided 95 % t interval; when censored that of the sign test, which is
    high: float  # infinite where the blocks are too few for one; at a look a repeated one
    p: float  # two-sided: there is a difference; at a look over all looks
    p_holm: float  # corrected over the claim's strict pairs; of a tie the same as p
    p_equal: float  # of a difference within the margin: TOST
    p_claimed: float  # of what is claimed: of the difference if its sign is right; of a tie: TOST
    n: int  # complete blocks
    censored: bool
    power: Power | None = None  # of an unclear pair: what these blocks could have seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on a claim and the clause that says why."""

    verdict: Outcome
    reason: str
    pairs: tuple[PairTest, ...] = ()
    blocks: int = 0  # complete ones
    p: float | None = None  # of the claim as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What shares its errors with the pairs that are judged."""

    elsewhere: Sequence[float] = ()  # p values of further pairs in Holm's correction
    share: float = 1.0  # of every error: what may be spent at one of several looks (claims.looks)


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
    shared: Shared = Shared(),
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
        results = _pair_tests(rules, pairs, kind=KINDS[kind], shared=shared)
        outcome, reason = _outcome(results, kind=KINDS[kind])
        p = _claim_p(results, kind=KINDS[kind])
        return Verdict(verdict=outcome, reason=reason, pairs=results, blocks=kept.size, p=p)

    complete = np.flatnonzero(~np.isnan(natural).any(axis=0))
    clean = complete[~diverged[:, complete].any(axis=0)]
    verdict = judged(complete)
    without = judged(clean) if clean.size < complete.size else verdict
    if without.blocks < min(MIN_BLOCKS, verdict.blocks):
        # So few blocks are inconclusive whatever they show: no evidence against the verdict on all.
        # A level that diverges nearly always (SGD at lr 10) is a finding: say what it rests on.
        share = f"{diverged[:, complete].sum():.0f} of {diverged[:, complete].size} runs diverged"
        return replace(verdict, reason=f"{verdict.reason}; {share}")
    if {verdict.verdict, without.verdict} == FOUND:  # it holds either way, once by less
        small = verdict if verdict.verdict != "reproduced" else without
        return replace(verdict, verdict=small.verdict, reason=small.reason)
    if without.verdict != verdict.verdict:
        return replace(verdict, verdict="inconclusive", reason=ON_DIVERGED)
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


def _p_value(pair: _Paired) -> float:
    """Two-sided: paired t test, or sign test where runs were capped."""
    differences, signs = pair
    if signs is not None:
        above, below = int((signs > 0).sum()), int((signs < 0).sum())
        return float(stats.binomtest(above, max(above + below, 1)).pvalue) if above + below else 1.0
    mean, low, high = mean_interval(differences)
    if differences.size < 2:
        return 1.0
    if low == high:  # no variance
        return float(mean == 0)
    return float(stats.ttest_rel(differences, np.zeros_like(differences)).pvalue)


def _equality_p(pair: _Paired, margin: float) -> float:
    """The larger p value of two one-sided t tests (TOST): the difference lies within the margin."""
    differences, signs = pair
    if signs is not None or differences.size < 2:
        return 1.0
    mean, low, _ = mean_interval(differences)
    if mean == low:  # no variance
        return float(abs(mean) >= margin)
    error = differences.std(ddof=1) / differences.size**0.5
    return float(stats.t.sf((margin - abs(mean)) / error, differences.size - 1))


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
    rules: Sequence[PairRule],
    pairs: Sequence[_Paired],
    *,
    kind: ClaimKind,
    shared: Shared,
) -> tuple[PairTest, ...]:
    """Tests and statuses; the strict pairs are one family, with what was tried elsewhere."""
    elsewhere, share = shared.elsewhere, shared.share
    tie = np.array([kind.ties or (rule.tie and not kind.two_sided) for rule in rules])
    p = np.array([over_all(_p_value(pair), share=share) for pair in pairs])
    holm, strict = p.copy(), int((~tie).sum())
    holm[~tie] = holm_adjusted(np.append(p[~tie], elsewhere))[:strict]
    tests = strict + len(elsewhere) if kind.any_pair else 1
    sizes = _Family(ties=int(tie.sum()), tests=tests, share=share)
    return tuple(
        _pair_test(
            replace(rule, tie=bool(t)), pair, kind=kind, p=(float(raw), float(h)), sizes=sizes
        )
        for rule, pair, t, raw, h in zip(rules, pairs, tie, p, holm, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Family:
    """How many tests share an error."""

    ties: int
    tests: int  # of differences; where every pair has to pass, each stands alone
    share: float  # of that error which may be spent here


def _pair_test(
    rule: PairRule, pair: _Paired, *, kind: ClaimKind, p: tuple[float, float], sizes: _Family
) -> PairTest:
    difference, low, high = _interval(pair, level=1 - sizes.share * ALPHA)
    within = over_all(_equality_p(pair, rule.margin), share=sizes.share)
    as_claimed = p[kind.any_pair] if kind.two_sided or difference > 0 else 1.0
    result = PairTest(
        **asdict(rule),
        difference=difference,
        low=low,
        high=high,
        p=p[0],
        p_holm=p[1],
        p_equal=within,
        p_claimed=within if rule.tie else as_claimed,
        status="unclear",
        n=pair[0].size,
        censored=pair[1] is not None,
    )
    status = _status(result, pair, sizes, kind=kind)
    small = status in ("UP", "up", "REV") and abs(difference) < rule.margin
    power = _power(result, pair, sizes) if status == "unclear" else None
    return replace(result, status=status, small=small, power=power)


def _power(result: PairTest, pair: _Paired, sizes: _Family) -> Power | None:
    """What the blocks of an unclear pair could have seen; None for the sign test or too few blocks."""
    if result.censored or result.n < MIN_BLOCKS:
        return None
    alpha = sizes.share * ALPHA / (sizes.ties if result.tie else sizes.tests)
    deviation = float(pair[0].std(ddof=1))
    return power_of(deviation, result.n, margin=result.margin, alpha=alpha, equal=result.tie)


def _status(result: PairTest, pair: _Paired, sizes: _Family, *, kind: ClaimKind) -> Status:
    """`equal` is TOST; else the 95 % interval decides, with Holm's p for the capitals.

    Several claimed ties share alpha; where one pair is enough, there is no uncorrected `up`.
    """
    alpha = sizes.share * ALPHA
    _, low, high = _interval(pair, level=1 - 2 * alpha)
    equal = not result.censored and -result.margin < low and high < result.margin
    if result.tie:
        _, low, high = _interval(pair, level=1 - alpha / sizes.ties)
        apart = low > result.margin or high < -result.margin
        return "holds" if equal else "violated" if apart else "unclear"
    if equal:
        return "equal"
    up, down = result.low > 0, result.high < 0
    if (up or down) and result.p_holm <= ALPHA:
        return "UP" if up else "REV"
    return "up" if up and result.p <= ALPHA and not kind.any_pair else "unclear"


def _claim_p(pairs: Sequence[PairTest], *, kind: ClaimKind) -> float:
    """The p value of a claim: of its weakest step, or of its best pair where one is enough."""
    if kind.any_pair:
        return min(pair.p_claimed for pair in pairs)
    # first against last is no step, unless what lies between was not measured
    return max(pair.p_claimed for pair in pairs if pair.role != "extremes" or len(pairs) == 1)


def _outcome(pairs: Sequence[PairTest], *, kind: ClaimKind) -> tuple[Outcome, str]:
    """The verdict and its reason."""
    assert kind.outcome is not None, "only what is judged has pairs"
    if pairs[0].n < MIN_BLOCKS:
        return "inconclusive", f"fewer than five complete blocks ({pairs[0].n})"
    return kind.outcome(pairs)
