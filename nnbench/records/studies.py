"""Factor studies in ``results.json``: what each factor's share of the variance is, and the runs behind it."""

from typing import Literal

from nnbench.claims.shares import Weight
from nnbench.records.level import Seed
from nnbench.records.origin import Count, Section
from nnbench.schema import Bounded


class ShareResult(Section):
    """A share of the variance, from 0 to 1, with its 95 % interval over points and seeds."""

    value: float
    low: float
    high: float


class FactorResult(Section):
    """A factor on one data set."""

    factor: str
    rank: Count
    """By ``share``, from 1."""
    share: ShareResult
    """Of its effect and all interactions that it takes part in: what would be left if all else were fixed."""
    alone: ShareResult
    """Of its effect on average over all other factors."""
    levels: dict[str, float]
    """That effect, level by level: the difference from the mean over all settings, on the metric's scale."""


class PairShareResult(Section):
    """What two factors do together beyond what each does alone."""

    a: str
    b: str
    share: ShareResult


class PointResult(Section):
    """A combination of levels, and its runs by seed."""

    point: str
    cell: str
    values: dict[str, str]
    runs: dict[Seed, Bounded | None]
    status: dict[Seed, str]

    @property
    def has_runs(self) -> bool:
        """Whether any seed was measured."""
        return any(value is not None for value in self.runs.values())


class StudyData(Section):
    """A study on one data set. ``not_measured`` says why there are no shares."""

    dataset: str
    dataset_title: str
    planned: Count
    """Points, of which so many are ``measured``."""
    measured: Count
    diverged: Count
    """Runs; they score as an untrained predictor."""
    missing: Count
    """Runs."""
    not_measured: str | None
    not_varied: tuple[str, ...]
    """Factors that do not act there."""
    mean: float | None
    """Over all settings that there are, on the metric's scale."""
    deviation: float | None
    """Standard deviation between settings, on the metric's scale."""
    noise: ShareResult | None
    """What seeds vary, of all that single runs vary. All other shares are of what settings vary."""
    higher: ShareResult | None
    """Interactions of three and more factors."""
    factors: tuple[FactorResult, ...]
    pairs: tuple[PairShareResult, ...]
    """The largest first."""
    points: tuple[PointResult, ...]


class FactorOrder(Section):
    """A factor over all data sets on which it is varied."""

    factor: str
    rank: Count | None
    """By ``share``, from 1; None: it is measured nowhere."""
    share: ShareResult | None
    """The mean over data sets of the share with all interactions; its interval is that of these data sets."""
    alone: ShareResult | None
    highest: str | None
    """The title of the data set on which it has the largest share."""
    claims: tuple[str, ...]


class ClaimedShare(Section):
    """What a data set says of a factor that a claim names: its share, held against the claim's threshold."""

    factor: str
    role: Literal["claimed", "beside"]
    """Whether it is said to matter, or others beside it."""
    dataset: str
    dataset_title: str
    share: ShareResult
    threshold: float
    weight: Weight


class StudyResult(Section):
    """A factor study."""

    id: str
    title: str
    metric: str
    scale: Literal["raw", "log"]
    seeds: Count
    sentence: str
    limits: str
    factors: tuple[FactorOrder, ...]
    """The one that matters most first."""
    datasets: tuple[StudyData, ...]

    @property
    def measured(self) -> tuple[StudyData, ...]:
        """The data sets that have shares."""
        return tuple(data for data in self.datasets if data.factors)
