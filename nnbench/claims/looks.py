"""``seeds: auto``: looks after numbers of blocks that are fixed beforehand, until a claim's pairs are settled.

Each look spends of every error the share that its new blocks are of the most there may be (the spending
function of Kim and DeMets 1987 with power 1, in the sense of Lan and DeMets 1983). The shares sum to one, so
that the error of all looks together is at most the whole, whatever the test and whatever ends a series of looks.
"""

from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

LOOKS = (5, 10, 20, 40)
"""Blocks: the first are as many as a verdict needs at least, and each look has twice those of the one before."""
AUTO: Literal["auto"] = "auto"
Given = int | Literal["auto"]
MOST = 1000  # seeds that a config may ask for


def _checked(value: object, *, least: int) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool) and least <= value <= MOST
    if value != AUTO and not whole:
        spelled = isinstance(value, str) and any(map(str.isdigit, value))
        how = ", with digits and a point alone: 1024, 0.5, 1e-3" if spelled else ""
        raise ValueError(f"should be a whole number from {least} to {MOST}, or auto{how}")
    return value


Seeds = Annotated[
    Annotated[int, Field(ge=1, le=MOST)] | Literal["auto"],
    BeforeValidator(partial(_checked, least=1)),
]
EnoughSeeds = Annotated[
    Annotated[int, Field(ge=LOOKS[0], le=MOST)] | Literal["auto"],
    BeforeValidator(partial(_checked, least=LOOKS[0])),
]
"""As many as a verdict needs, or more."""


def first_of(seeds: Given) -> int:
    """How many to measure before anything is known."""
    return LOOKS[0] if seeds == AUTO else seeds


def number_of(blocks: int) -> int:
    """Which look it is after so many blocks, from 1."""
    return LOOKS.index(blocks) + 1


def share_of(blocks: int) -> float:
    """The share of an error that the look after so many blocks may spend."""
    number = number_of(blocks)
    before = LOOKS[number - 2] if number > 1 else 0
    return (blocks - before) / LOOKS[-1]


def over_all(p: float, *, share: float) -> float:
    """The p value of one look over all of them: the least error at which that look would show it."""
    return min(p / share, 1.0)


def fewer(general: Given, own: Given | None) -> Given:
    """The seeds of a claim that has a number of its own, which is the most; too few for a verdict stay that."""
    if own is None or (general != AUTO and general < LOOKS[0]):
        return general
    if isinstance(general, int) and isinstance(own, int):
        return min(general, own)
    return own
