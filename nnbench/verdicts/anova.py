"""Variance shares: how much of what a quantity varies over a design is due to each factor (functional ANOVA).

A function of factors with finitely many levels, each level as likely as another, is the sum of a mean, an effect of
each factor, of each pair of factors, and so on; these are uncorrelated, so that their variances add up (Hoeffding
1948, Sobol 1993). A Gaussian process whose kernel has just these parts (Durrande et al. 2013) is fitted to the
means of the points; its variances follow in closed form, without a sample of the design space.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]  # (points, factors): which level of each factor a point has
Part = tuple[int, ...]  # the factors of an effect: (2,) a main effect, (0, 2) an interaction

_SMALLEST, _LARGEST = 1e-4, 1e2  # of the variances, where those of the points' means are 1
# A weight is lognormal beforehand, so widely that points decide; without that, a small effect that few points show is
# estimated to be none at all, and its interval says so (in simulations 64 points then cover 67 % of such shares, not 95 %).
_USUAL, _SPREAD = 0.05, 2.0  # its median, and the deviation of its logarithm
_STARTS = (0.1, 1.0)  # of each factor's weight: no draw of starts, so that results repeat
_LEAST_NOISE = 1e-6  # of the points' variance: what keeps the matrix invertible


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """Variances of the parts of a function: expected values, given the points, over all that it may be."""

    mean: float  # over all combinations of levels
    total: float
    parts: Mapping[Part, float]  # main effects and pairs
    with_others: tuple[float, ...]  # of each factor: all parts that it is in
    levels: tuple[Numbers, ...]  # of each factor: its levels' effects, in the function's own unit
    fitted: tuple[float, ...] = ()  # the process: its scale and the weight of each factor

    def share(self, part: Part) -> float:
        """A part's share of the variance; 0 where nothing varies."""
        return self.parts[part] / self.total if self.total > 0 else 0.0

    def total_share(self, factor: int) -> float:
        """The share that would be left if all other factors were fixed, on average: its effect and interactions."""
        return self.with_others[factor] / self.total if self.total > 0 else 0.0

    @property
    def higher_share(self) -> float:
        """The share of interactions of three and more factors."""
        rest = self.total - sum(self.parts.values())
        return max(0.0, rest / self.total) if self.total > 0 else 0.0


def decomposed(
    codes: Codes,
    values: Numbers,
    counts: Sequence[int],
    noise: float,
    *,
    start: tuple[float, ...] | None = None,
) -> Decomposition:
    """The variances of a function over all combinations of levels, from its values at some points.

    Args:
        codes: Level of each factor at each point, from 0.
        values: One at each point, a mean of runs.
        counts: Levels of each factor.
        noise: Variance of such a mean.
        start: The process fitted to nearly the same points, to begin with.
    """
    spread = float(values.std())
    if spread <= 1e-12:
        return _constant(counts, float(values.mean()))
    signals = [_signals(codes[:, k], count) for k, count in enumerate(counts)]
    own_noise = max(noise / spread**2, _LEAST_NOISE)
    scaled = (values - values.mean()) / spread
    starts = [start] if start else [(1.0, *[weight] * len(counts)) for weight in _STARTS]
    fitted = _fitted(np.array(signals), scaled, own_noise, starts)
    found = _Fit(signals, fitted, counts, own_noise).decompose(codes, scaled, spread)
    return replace(found, mean=float(values.mean()) + found.mean)


def _constant(counts: Sequence[int], mean: float) -> Decomposition:
    mains, pairs = _parts(len(counts))
    return Decomposition(
        mean=mean,
        total=0.0,
        parts=dict.fromkeys((*mains, *pairs), 0.0),
        with_others=(0.0,) * len(counts),
        levels=tuple(np.zeros(count) for count in counts),
    )


def _parts(factors: int) -> tuple[list[Part], list[Part]]:
    """Main effects and pairs."""
    mains: list[Part] = [(k,) for k in range(factors)]
    return mains, list(itertools.combinations(range(factors), 2))


def _signals(codes: Codes, count: int) -> Numbers:
    """The kernel of one factor (points, points): 1 at equal levels, and 0 on average over all levels."""
    same = codes[:, None] == codes[None, :]
    return np.asarray((count * same - 1.0) / (count - 1))


class _Fit:
    """A fitted process: 1 + scale · (∏ (1 + weight · signal) − 1), with values of unit variance."""

    def __init__(
        self,
        signals: Sequence[Numbers],
        fitted: tuple[float, ...],
        counts: Sequence[int],
        noise: float,
    ) -> None:
        scale, *weights = self.fitted = fitted
        self.scale, self.counts = scale, counts
        self.kernels = [w * z for w, z in zip(weights, signals, strict=True)]
        self.weights = np.array(weights)
        # how much two points have in common of one factor's effect, on average over its levels
        self.common = [
            w * w * z / (c - 1) for w, z, c in zip(weights, signals, counts, strict=True)
        ]
        covariance = 1.0 + scale * (np.prod([1.0 + k for k in self.kernels], axis=0) - 1.0)
        self.inverse = np.linalg.inv(covariance + noise * np.eye(len(covariance)))

    def decompose(self, codes: Codes, values: Numbers, spread: float) -> Decomposition:
        """The variances of all parts, for values of this standard deviation."""
        alpha = self.inverse @ values
        mains, pairs = _parts(len(self.kernels))
        unit = spread**2

        def variance(common: Numbers, prior: float) -> float:
            """Of the mean of what is known of a part, and what is not known of it (both over its levels)."""
            shared = self.scale**2 * common
            return unit * float(
                alpha @ shared @ alpha + self.scale * prior - np.sum(self.inverse * shared)
            )

        whole = np.prod([1.0 + c for c in self.common], axis=0) - 1.0
        all_weights = float(np.prod(1.0 + self.weights))
        total = variance(whole, all_weights - 1.0)
        return Decomposition(
            fitted=self.fitted,
            mean=spread * float(alpha.sum()),  # of the constant, whose prior variance is 1
            total=total,
            parts={
                part: variance(
                    np.prod([self.common[k] for k in part], axis=0),
                    float(np.prod(self.weights[list(part)])),
                )
                for part in (*mains, *pairs)
            },
            with_others=tuple(
                variance(c * others, float(w * all_weights / (1.0 + w)))
                for c, others, w in zip(
                    self.common, _of_others(1.0 + np.array(self.common)), self.weights, strict=True
                )
            ),
            levels=tuple(
                spread * self.scale * (self._at_levels(k, codes) @ alpha)
                for k in range(len(self.kernels))
            ),
        )

    def _at_levels(self, factor: int, codes: Codes) -> Numbers:
        """One factor's kernel between its levels and the points."""
        count = self.counts[factor]
        same = np.arange(count)[:, None] == codes[None, :, factor]
        return np.asarray(self.weights[factor] * (count * same - 1.0) / (count - 1))


def _fitted(
    signals: Numbers, values: Numbers, noise: float, starts: Sequence[tuple[float, ...]]
) -> tuple[float, ...]:
    """The most probable scale and weight of each factor, given the values."""
    from scipy.optimize import minimize  # noqa: PLC0415 - half a second to import

    bounds = [(np.log(_SMALLEST), np.log(_LARGEST))] * (1 + len(signals))
    tries = [
        minimize(
            _unlikely,
            np.log(start),
            args=(signals, values, noise),
            jac=True,
            bounds=bounds,
            method="L-BFGS-B",
        )
        for start in starts
    ]
    best = min(tries, key=lambda found: float(found.fun))
    return tuple(map(float, np.exp(best.x)))


def _unlikely(
    logarithms: Numbers, signals: Numbers, values: Numbers, noise: float
) -> tuple[float, Numbers]:
    """The negative log posterior density of a scale and weights, but for a constant, and its gradient."""
    scale, *weights = np.exp(logarithms)
    kernels = np.array(weights)[:, None, None] * signals
    others = _of_others(1.0 + kernels)
    product = others[0] * (1.0 + kernels[0])
    covariance = 1.0 + scale * (product - 1.0) + noise * np.eye(len(values))
    inverse = np.linalg.inv(covariance)
    alpha = inverse @ values
    slopes = scale * np.array([product - 1.0, *(kernels * others)])
    gradient = 0.5 * np.sum((inverse - np.outer(alpha, alpha)) * slopes, axis=(1, 2))
    away = (logarithms[1:] - np.log(_USUAL)) / _SPREAD
    gradient[1:] += away / _SPREAD
    misfit = values @ alpha + np.linalg.slogdet(covariance)[1] + away @ away
    return 0.5 * float(misfit), gradient


def _of_others(terms: Numbers) -> Numbers:
    """For each of some arrays, the product of all the others; none is divided by, since it may be zero."""
    before = np.cumprod(np.concatenate([np.ones_like(terms[:1]), terms[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([np.ones_like(terms[:1]), terms[:0:-1]]), axis=0)[::-1]
    return np.asarray(before * after)
