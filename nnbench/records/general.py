"""What a claim's contexts show together: sections of ``results.json``."""

from collections.abc import Collection
from typing import Literal

from pydantic import Field, field_validator

from nnbench.claims.contexts import unsettled
from nnbench.records.origin import Count, Section

FEWEST = 3
"""Data sets from which an interval over them says something: two leave a single degree of freedom."""
Ends = tuple[float | None, float | None]
Word = Literal["general", "usual", "depends", "absent or reversed", "unknown"]
# What one context shows by itself. "small": as claimed, but below the margin. A claimed tie holds,
# is violated, or neither is shown.
Shown = Literal["as claimed", "small", "equal", "reversed", "holds", "violated", "unclear"]


class ContextResult(Section):
    """A context in which some claim is measured: its value of each factor."""

    name: str
    dataset: str
    dataset_title: str
    values: dict[str, str]
    sets: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By factor: the settings that its value stands for."""

    @field_validator("sets", mode="before")
    @classmethod
    def _of_older_reports(cls, value: object) -> object:
        """Reports of earlier versions name the first setting alone."""
        if not isinstance(value, dict):
            return value
        return {factor: {own: ""} if isinstance(own, str) else own for factor, own in value.items()}

    def told(self, settled: Collection[str]) -> dict[str, str]:
        """The values of the factors, without those whose setting a claim has itself."""
        return unsettled(self.values, self.sets, settled)


class ContextEffect(Section):
    """A pair's difference in one context, with the 95 % interval over its blocks; positive is as claimed."""

    context: str
    difference: float | None
    low: float | None
    high: float | None
    n: Count
    shown: Shown | None  # None: it has no interval, and is not pooled


class Without(Section):
    """What is left of a pooled difference without one data set."""

    dataset: str
    difference: float | None
    low: float | None
    high: float | None


class GeneralPairResult(Section):
    """Two levels over all contexts: the pooled difference, positive as claimed, with 95 % intervals."""

    a: str
    b: str
    role: str
    tie: bool
    margin: float
    unit: Literal["raw", "log"]
    word: Word
    difference: float | None
    low: float | None
    high: float | None
    prediction_low: float | None
    """Of the difference in a new context."""
    prediction_high: float | None
    tau: float | None
    """Standard deviation of the contexts' true differences."""
    i_squared: float | None
    contexts: Count
    datasets: Count
    pointing: Count
    """Contexts whose estimate is on the claimed side."""
    shares: dict[Shown, Count]
    claimed_difference: float | None
    """On the same scale."""
    without: tuple[Without, ...]
    effects: tuple[ContextEffect, ...]
    text: str
    either: bool = False
    """Whether a difference in either direction is what is claimed; ``shown`` and ``word`` are so, too."""

    @property
    def ends(self) -> Ends:
        """The interval of the pooled difference, where data sets suffice for one that says something."""
        return (self.low, self.high) if self.datasets >= FEWEST else (None, None)

    @property
    def new_ends(self) -> Ends:
        """The same of the difference in a new context."""
        known = self.datasets >= FEWEST
        return (self.prediction_low, self.prediction_high) if known else (None, None)


class ValueEffect(Section):
    """The pooled difference in the contexts that share a value of a factor, with its 95 % interval."""

    value: str
    contexts: Count
    difference: float | None
    low: float | None
    high: float | None
    finding: str


class ModeratorResult(Section):
    """A pair's difference by the values of one factor of contexts. Exploratory."""

    factor: str
    p: float | None
    """By a one-way analysis of variance; ``p_holm`` is corrected over the factors."""
    p_holm: float | None
    stable: bool
    """Whether it stays below 0.05, with the same findings, whatever context is left out."""
    values: tuple[ValueEffect, ...]


class ContextFailure(Section):
    """Runs of a level in a context that did not end as planned, out of ``planned``."""

    context: str
    level: str
    planned: Count
    diverged: Count
    capped: Count
    failed: Count
    """Without a record."""


class GeneralResult(Section):
    """A claim in general."""

    word: Word
    sentence: str
    planned: Count
    """Contexts, of which so many are ``measured``."""
    measured: Count
    datasets: Count
    seeds: Count
    found: Count | None
    """Contexts with an example, for kinds that claim no more than one."""
    pairs: tuple[GeneralPairResult, ...]
    depends_on: str = ""
    """A sentence, where a factor of contexts explains the differences of the pair furthest apart."""
    moderators: tuple[ModeratorResult, ...] = ()
    """Of that pair, all factors that take several values."""
    settled: tuple[str, ...] = ()
    """Settings that the claim has itself, whatever those of a context are."""
    failures: tuple[ContextFailure, ...] = ()
    there: str = ""
    """What levels and settings are in contexts, where that is not what they are here."""

    @property
    def leading(self) -> GeneralPairResult | None:
        """The pair that stands for the claim: that furthest apart, or the first."""
        return next((p for p in self.pairs if p.role == "extremes"), (*self.pairs, None)[0])
