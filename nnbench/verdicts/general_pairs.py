"""In general: one claimed pair of levels over its contexts, and the word for it. No files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from nnbench.claims.outcomes import PairRule
from nnbench.records.general import FEWEST, Shown, Word
from nnbench.verdicts.pooling import (
    MIN_CONTEXTS,
    Effect,
    Pooled,
    Share,
    pool,
    share_of,
    usable,
    within,
)
from nnbench.verdicts.rules import ALPHA, Floats, holm_adjusted

Mask = npt.NDArray[np.bool_]
_BROAD_CONTEXTS, BROAD_DATASETS = 8, 4  # the fewest that can be called general
_MOST = 2 / 3  # of the contexts, for "usual"
_UP, _DOWN, _EQUAL, _APART = range(4)  # columns of p-values


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralPair:
    """A claimed pair of levels over its contexts."""

    rule: PairRule
    pooled: Pooled
    shown: Mapping[str, Shown]  # what each pooled context shows, without correction
    shares: Mapping[Shown, Share]  # how many show it
    pointing: Share  # contexts whose estimate is on the claimed side, however unsure
    holds_in: tuple[str, ...]  # as claimed, beyond the margin, after Holm's correction
    fails_in: tuple[str, ...]  # reversed beyond the margin, or a tie violated, after Holm's
    equal_in: tuple[str, ...]  # no practical difference, after Holm's
    word: Word


def judged(claimed: Sequence[tuple[PairRule, Sequence[Effect]]]) -> tuple[GeneralPair, ...]:
    """The pairs with their words; Holm's correction runs over all contexts of all pairs."""
    used = [usable(effects) for _, effects in claimed]
    raw = [
        _p_values(effects, rule.margin) for (rule, _), effects in zip(claimed, used, strict=True)
    ]
    sizes = [len(effects) for effects in used]
    ties = np.repeat([rule.tie for rule, _ in claimed], sizes)
    holm = np.concatenate(raw)
    for family, columns in ((~ties, (_UP, _DOWN, _EQUAL)), (ties, (_EQUAL, _APART))):
        for column in columns:
            holm[family, column] = holm_adjusted(holm[family, column])
    corrected = np.split(holm, np.cumsum(sizes)[:-1])
    return tuple(
        _pair(rule, effects, p=p, holm=h)
        for (rule, effects), p, h in zip(claimed, raw, corrected, strict=True)
    )


def enough(datasets: Collection[str]) -> bool:
    """Whether contexts on these data sets, one each, say anything of others."""
    return len(datasets) >= MIN_CONTEXTS and len(set(datasets)) > 1


def broad(datasets: Collection[str]) -> bool:
    """Whether contexts on these data sets, one each, can be called general."""
    return len(datasets) >= _BROAD_CONTEXTS and len(set(datasets)) >= BROAD_DATASETS


def most(share: Share) -> bool:
    """Whether it is two thirds of the contexts or more."""
    return share.count >= _MOST * share.total > 0


def _pair(rule: PairRule, effects: Sequence[Effect], *, p: Floats, holm: Floats) -> GeneralPair:
    used = usable(effects)
    shown = {e.context: _shown(e, rule, row) for e, row in zip(used, p, strict=True)}
    sure = holm <= ALPHA
    far = np.array([e.difference for e in used]) / rule.margin  # in margins
    holds = sure[:, _EQUAL] if rule.tie else sure[:, _UP] & (far >= 1)
    fails = sure[:, _APART] if rule.tie else sure[:, _DOWN] & (far <= -1)
    pointing = (abs(far) < 1) if rule.tie else far > 0

    def contexts(where: Mask) -> tuple[str, ...]:
        return tuple(e.context for e, chosen in zip(used, where, strict=True) if chosen)

    pair = GeneralPair(
        rule=rule,
        pooled=pool(effects),
        shown=shown,
        shares=shares_of(shown),
        pointing=share_of(int(pointing.sum()), len(used)),
        holds_in=contexts(holds),
        fails_in=contexts(fails),
        equal_in=contexts(sure[:, _EQUAL]),
        word="unknown",
    )
    if not enough(datasets := [e.dataset for e in used]):
        return pair
    either_way = bool((fails & (far > 0)).any() and (fails & (far < 0)).any())
    return replace(pair, word=_word(pair, broad=broad(datasets), either_way=either_way))


def shares_of(shown: Mapping[str, Shown]) -> dict[Shown, Share]:
    """How many contexts show each."""
    values = list(shown.values())
    return {s: share_of(values.count(s), len(values)) for s in get_args(Shown) if s in values}


def _word(pair: GeneralPair, *, broad: bool, either_way: bool) -> Word:
    """The first that holds; ``either_way``: contexts fail on both sides of zero."""
    rule, pooled = pair.rule, pair.pooled
    means = pooled.robust
    new = as_claimed(pooled.prediction_low, pooled.prediction_high, rule)
    found = all(as_claimed(each.low, each.high, rule) for each in means)
    if broad and new and found:
        return "general"
    if pair.holds_in and pair.fails_in:
        return "depends"
    if pooled.datasets < FEWEST:
        return "unknown"
    if found and most(pair.pointing):
        return "usual"
    if rule.tie:
        above = all(m.low > rule.margin for m in means)
        absent = either_way or above or all(m.high < -rule.margin for m in means)
    else:
        absent = all(m.high < rule.margin for m in means)
    return "absent or reversed" if absent else "unknown"


def as_claimed(low: float, high: float, rule: PairRule) -> bool:
    """Whether an interval lies where it is claimed to: above zero, or a tie's within the margin."""
    return within(low, high, rule.margin) if rule.tie else low > 0


def _shown(effect: Effect, rule: PairRule, p: Floats) -> Shown:
    up, down, equal, apart = p <= ALPHA
    if rule.tie:
        return "holds" if equal else "violated" if apart else "unclear"
    if equal:
        return "equal"
    if up:
        return "as claimed" if effect.difference >= rule.margin else "small"
    return "reversed" if down else "unclear"


def _p_values(effects: Sequence[Effect], margin: float) -> Floats:
    """Of t tests, shape [contexts, 4]; by the sign where blocks do not vary.

    At 5 % they agree with the 95 % interval of each context, or for no difference (TOST) with the 90 % interval.
    """
    difference = np.array([e.difference for e in effects], dtype=np.float64)
    error = np.array([e.standard_error for e in effects], dtype=np.float64)
    df = np.array([e.blocks - 1 for e in effects], dtype=np.float64)

    def above(values: Floats, bound: float) -> Floats:
        excess = values - bound
        t = np.divide(excess, error, out=np.copysign(np.inf, excess), where=error > 0)
        return np.where((error == 0) & (excess == 0), 1.0, stats.t.sf(t, df))

    up, down = 2 * above(difference, 0), 2 * above(-difference, 0)
    equal = np.maximum(above(difference, -margin), above(-difference, -margin))  # TOST
    apart = 2 * np.minimum(above(difference, margin), above(-difference, margin))
    columns: Floats = np.stack((up, down, equal, apart), axis=1)
    return columns.clip(max=1.0)
