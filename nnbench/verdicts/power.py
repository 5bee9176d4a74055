"""What a number of blocks can see: power of the paired t test, by the noncentral t distribution."""

import bisect
import math
from dataclasses import dataclass

from scipy import optimize, stats

POWER = 0.8
MOST = 1000  # blocks, as many as a config may ask for
_FEWEST = 2
_UPPER = 0.8  # confidence of the deviation from which blocks are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What the blocks of an unclear pair could have seen, and how many would settle it."""

    detectable: float  # the smallest difference seen with 80 % power, analysis scale
    blocks: (
        int | None
    )  # that see the margin with 80 % power; None: no more than there are, or > MOST


def power_of(
    deviation: float, blocks: int, *, margin: float, alpha: float, equal: bool = False
) -> Power:
    """Of paired differences with this standard deviation, at a two-sided ``alpha``.

    ``equal``: what is to be shown is no difference, by two one-sided tests at ``alpha`` each, where
    there is none; the smallest difference is then the smallest that could have been excluded.
    """
    if equal:  # both tests pass with 80 % power if each does with 90 %
        alpha, power = 2 * alpha, (1 + POWER) / 2
    else:
        power = POWER
    upper = deviation * math.sqrt((blocks - 1) / stats.chi2.ppf(1 - _UPPER, blocks - 1))
    needed = _blocks(margin / upper, alpha=alpha, power=power)
    return Power(
        detectable=deviation * _effect(blocks, alpha=alpha, power=power),
        blocks=needed if needed and needed > blocks else None,
    )


def seen(effect: float, blocks: int, *, alpha: float) -> float:
    """How likely a two-sided t test sees a difference of so many deviations, with the right sign."""
    limit = stats.t.isf(alpha / 2, blocks - 1)
    return float(stats.nct.sf(limit, blocks - 1, effect * math.sqrt(blocks)))


def _effect(blocks: int, *, alpha: float, power: float) -> float:
    """The smallest difference in deviations that is seen with this power."""
    most = 2 * (stats.t.isf(alpha / 2, blocks - 1) + 2) / math.sqrt(blocks)
    while seen(most, blocks, alpha=alpha) < power:
        most *= 2
    return float(optimize.brentq(lambda e: seen(e, blocks, alpha=alpha) - power, 0.0, most))


def _blocks(effect: float, *, alpha: float, power: float) -> int | None:
    """The fewest blocks that see a difference of so many deviations; None: more than ``MOST``."""
    tried = range(_FEWEST, MOST + 1)
    index = bisect.bisect_left(tried, power, key=lambda n: seen(effect, n, alpha=alpha))
    return tried[index] if index < len(tried) else None
