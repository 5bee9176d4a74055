"""MNIST-1D: signals of 40 points in ten classes, generated in any number.

A vectorised rewrite of ``mnist1d`` 0.0.2.post1 (Greydanus and Kobak, "Scaling down deep learning with
MNIST-1D", ICML 2024) with that package's default arguments; tests compare the two. A sample is its class's
template, padded, stretched, scaled and rolled, with correlated noise wherever the template is absent, plus
white noise, minus a random slope, interpolated from 72 to 40 points.

There are two differences. The package's last step, standardising the whole set, is left to ``scaling``, which
uses training statistics; and classes are balanced in every ten samples, not only over the set.

Each chunk is computed as ``(points, samples)`` so that all steps work on long, contiguous rows. No step is a
matrix product, whose bits would depend on the BLAS library and its number of threads.
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Dataset, Labels
from nnbench.datasets.streams import CHUNK, draw_chunks

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
AnyFloats = TypeVar("AnyFloats", Floats, Doubles)

# The package's get_dataset_args().
PADDING = (36, 60)
MAX_TRANSLATION = 48
SCALE_COEFF = 0.4
CORR_NOISE_SCALE = 0.25
IID_NOISE_SCALE = 0.02
SHEAR_SCALE = 0.75
FINAL_LENGTH = 40

# In the package's functions: transform(eps=), gaussian_filter(sigma) with SciPy's truncate=4.
EPSILON = 1e-8
SIGMA = 2.0
RADIUS = 8

CLASSES = 10
PADS = PADDING[1] - PADDING[0] + 1
LENGTH = 12 + PADDING[1]
POSITIONS = PADS * MAX_TRANSLATION
POINTS = np.array(
    [
        [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
        [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
        [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
        [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
        [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
        [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
        [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
        [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Randomness:
    """The random numbers of ``n`` samples, one column each."""

    label: Integers  # (n,) class
    pad: Integers  # (n,) zeros after the template, minus 36; in 0 ... 24
    shift: Integers  # (n,) points to roll by, in 0 ... 47
    scale: Floats  # (n,) uniform in [0, 1)
    slope: Floats  # (n,) uniform in [0, 1)
    correlated: Floats  # (72, n) standard normal, not yet smoothed
    white: Floats  # (72, n) standard normal


def templates() -> Doubles:
    """The ten templates ``(10, 12)``, whitened; each begins and ends at 0."""
    points: Doubles = POINTS - POINTS.mean(1, keepdims=True)
    points /= points.std(1, keepdims=True)
    points -= points[:, :1].copy()
    return points / 6.0


@cache
def tables() -> tuple[Floats, npt.NDArray[np.bool_]]:
    """What needs no random numbers, by position (``pad * 48 + shift``): 2 MB, computed once in 0.05 s.

    ``(40, 10 * 1200)``, the clean signal of each class, in double precision until the last step; and
    ``(72, 1200)``, True where noise replaces the template.
    """
    padded = np.array([[_stretch(one, PADDING[0] + p) for p in range(PADS)] for one in templates()])
    to_the_right = (np.arange(LENGTH) - np.arange(MAX_TRANSLATION)[:, None]) % LENGTH
    rolled = padded[:, :, to_the_right].transpose(3, 0, 1, 2)
    signal = _resample(rolled).reshape(FINAL_LENGTH, CLASSES * POSITIONS).astype(np.float32)
    return signal, (rolled[:, 0] == 0).reshape(LENGTH, POSITIONS)


def render(randomness: Randomness) -> Floats:
    """Turn random numbers into signals ``(40, n)``, the same ones as the package."""
    clean, silent = tables()
    position = randomness.pad * MAX_TRANSLATION + randomness.shift
    noise = _smooth(randomness.correlated)
    noise *= silent.take(position, axis=1)
    noise += randomness.white * np.float32(IID_NOISE_SCALE)
    signal = clean.take(randomness.label * POSITIONS + position, axis=1)
    signal *= np.float32(SCALE_COEFF) * (randomness.scale - np.float32(0.5)) + np.float32(1)
    signal += _resample(noise)
    signal -= _SLOPE * (np.float32(SHEAR_SCALE) * (randomness.slope - np.float32(0.5)))
    return signal


def _fill(rng: np.random.Generator, out: Floats) -> Labels:
    randomness = _randomness(rng)
    out[:] = render(randomness).T
    return randomness.label


def _randomness(rng: np.random.Generator) -> Randomness:
    each_class_once = np.tile(np.arange(CLASSES), (CHUNK // CLASSES, 1))
    return Randomness(
        label=rng.permuted(each_class_once, axis=1).reshape(CHUNK),
        pad=rng.integers(0, PADS, CHUNK),
        shift=rng.integers(0, MAX_TRANSLATION, CHUNK),
        scale=rng.random(CHUNK, dtype=np.float32),
        slope=rng.random(CHUNK, dtype=np.float32),
        correlated=rng.standard_normal((LENGTH, CHUNK), dtype=np.float32),
        white=rng.standard_normal((LENGTH, CHUNK), dtype=np.float32),
    )


def _stretch(template: Doubles, pad: int) -> Doubles:
    """Pad ``(12,)`` with zeros and stretch to ``(72,)``; epsilon distinguishes the template's own zeros."""
    padded = np.concatenate([template + EPSILON, np.zeros(pad)])
    old, new = np.linspace(0, 1, len(padded)), np.linspace(0, 1, LENGTH)
    stretched: Doubles = np.interp(new, old, padded)
    return stretched


def _smooth(noise: Floats) -> Floats:
    """SciPy's ``gaussian_filter(noise, 2)`` along the first axis of ``(72, n)``, scaled."""
    padded = np.concatenate([noise[RADIUS - 1 :: -1], noise, noise[: -RADIUS - 1 : -1]])
    result: Floats = noise * _WEIGHTS[0]
    pair = np.empty_like(result)
    for offset, weight in enumerate(_WEIGHTS[1:], start=1):
        before, after = RADIUS - offset, RADIUS + offset
        np.add(padded[before : before + LENGTH], padded[after : after + LENGTH], out=pair)
        pair *= weight
        result += pair
    return result


def _resample(points: AnyFloats) -> AnyFloats:
    """Interpolate the first axis linearly from 72 to 40 points."""
    right = _FRACTION.reshape(-1, *[1] * (points.ndim - 1)).astype(points.dtype)
    result: AnyFloats = points[_LEFT] * (1 - right)
    result += points[_LEFT + 1] * right
    return result


def _gaussian_weights() -> Floats:
    """Weights ``(9,)`` for distances 0 ... 8, times the scale of the correlated noise."""
    distance = np.arange(-RADIUS, RADIUS + 1)
    weights: Doubles = np.exp(-0.5 * (distance / SIGMA) ** 2)
    weights *= CORR_NOISE_SCALE / weights.sum()
    return weights[RADIUS:].astype(np.float32)


_WEIGHTS = _gaussian_weights()
# Point j of 40 lies at j * 71 / 39 of the 72: a whole number (left) and a fraction.
_LEFT = np.minimum(np.arange(FINAL_LENGTH) * (LENGTH - 1) // (FINAL_LENGTH - 1), LENGTH - 2)
_FRACTION = np.arange(FINAL_LENGTH) * (LENGTH - 1) / (FINAL_LENGTH - 1) - _LEFT
_SLOPE = np.linspace(-0.5, 0.5, FINAL_LENGTH, dtype=np.float32)[:, None]


DATASET = Dataset(
    name="mnist1d",
    title="MNIST-1D",
    source="Greydanus, Kobak: Scaling down deep learning with MNIST-1D, ICML 2024; regenerated",
    licence="Apache-2.0 (templates and procedure of the package mnist1d)",
    input_shape=(FINAL_LENGTH,),
    class_names=tuple("0123456789"),
    scaling="global",
    train_size=4_000,
    validation_size=1_000,
    test_size=5_000,
    draw=partial(draw_chunks, "mnist1d", (FINAL_LENGTH,), _fill),
)
