"""What ``nnbench compare`` finds: two results, here called A and B, side by side."""

from dataclasses import asdict, dataclass
from typing import Literal

from nnbench.audit.known import Difference
from nnbench.audit.noise import Change, Outcome
from nnbench.experiments.measured import JsonObject
from nnbench.records.origin import Provenance

_ABOUT = {"generated", "git_commit", "git_dirty", "seeds"}  # what ``--json`` tells of a provenance


@dataclass(frozen=True, kw_only=True)
class Where:
    """What identifies a finding."""

    claim: str
    dataset: str
    track: str
    variant: str | None

    @property
    def context(self) -> str:
        """As in: ``mnist1d, tuned``."""
        return ", ".join(filter(None, (self.dataset, self.track, self.variant)))


@dataclass(frozen=True, kw_only=True)
class LevelChange(Where, Change):
    """A level of both: its number of values, how they changed, and what may be the reason."""

    level: str
    metric: str
    unit: str
    scale: str
    n_a: int
    n_b: int
    percent: float | None  # only on a log scale
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LevelInOne(Where):
    """A level that only one of the two has."""

    level: str
    side: Literal["a", "b"]


@dataclass(frozen=True, kw_only=True)
class FindingVerdict(Where):
    """The verdicts of a finding; if they are skipped, a change does not count."""

    decides: bool
    a: str | None
    b: str | None
    counted: bool
    skipped: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChange:
    """A claim whose verdict, or the verdict of one of its findings, changed."""

    claim: str
    a: str | None
    b: str | None
    counted: bool
    skipped: str | None
    levels_moved: int
    study: str | None
    """The id of the study that it rests on, where it has no levels."""
    results: tuple[FindingVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredInOne:
    """A claim that was measured for only one of the two: its status in both."""

    claim: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyChange:
    """Something of a factor study in both: a share on a data set, a number of points, or the order of the factors."""

    study: str = ""
    dataset: str | None = None
    """None: over all of them."""
    what: str
    outcome: Outcome
    a: str = ""
    b: str = ""
    """As text; of orders, the factors that changed places, or all where none did."""
    difference: float | None = None
    """B minus A."""
    p: float | None = None
    p_holm: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Numbers of claims, of changed verdicts that count, of levels by outcome, of studies and of what they tell."""

    claims: int
    verdicts_changed: int
    levels: dict[str, int]
    studies: int
    of_studies: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two results side by side; they differ if a verdict changed, or a level or something of a study moved beyond noise."""

    a: Provenance
    b: Provenance
    differs: bool
    summary: Summary
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    measured_in_one: tuple[MeasuredInOne, ...]
    verdicts: tuple[VerdictChange, ...]
    levels: tuple[LevelChange, ...]
    levels_in_one: tuple[LevelInOne, ...]
    studies: tuple[StudyChange, ...]
    studies_in_one: tuple[str, ...]
    provenance: tuple[Difference, ...]

    def to_json(self) -> JsonObject:
        """Plain data, as ``--json`` prints it; ``docs/audit.md`` explains the fields."""
        data = asdict(self)
        data |= {"a": self.a.model_dump(include=_ABOUT), "b": self.b.model_dump(include=_ABOUT)}
        for entry in data["levels_in_one"]:
            entry["in"] = entry.pop("side")  # `in` cannot be the name of a field
        return data
