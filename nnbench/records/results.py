"""``results.json``: every claim beside its measurement, as ``nnbench judge`` writes it and all others read it.

The file is these types on disk (``docs/results-schema.md``); unknown fields, such as those of an older
nnbench, are ignored.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, ValidationError

from nnbench.claims.kinds import Kind
from nnbench.claims.outcomes import FOUND, FlagName, Outcome
from nnbench.errors import NnbenchError
from nnbench.records.general import ContextResult, GeneralResult
from nnbench.records.level import LevelResult, MetricName
from nnbench.records.origin import Count, Provenance, Section
from nnbench.records.pair import PairResult
from nnbench.records.said import AdviceResult, ChangeResult, PlaceResult
from nnbench.records.studies import ClaimedShare, StudyResult
from nnbench.schema import first_problem

SCHEMA_VERSION = 2
_ALPHA = 0.05
_READABLE = (1, SCHEMA_VERSION)  # 1: p values are one-sided, and what came later is missing
_AGAIN = "run `nnbench judge` again with this version of nnbench"

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
ClaimStatus = Literal["judged", "measured", "not run", "qualitative"]


def _unique(kind: str, name: str) -> AfterValidator:
    """No two sections of a list have the same name, which is this attribute of theirs."""

    def checked(sections: tuple[Section, ...]) -> tuple[Section, ...]:
        counts = Counter(getattr(section, name) for section in sections)
        if twice := [value for value, count in counts.items() if count > 1]:
            raise ValueError(f"{kind} {twice[0]!r} stands there twice")
        return sections

    return AfterValidator(checked)


class Flag(Section):
    """What makes a result weaker than its verdict says, of which levels or pairs."""

    name: FlagName
    where: tuple[str, ...]
    text: str


class Finding(Section):
    """A claim on one dataset in one track, as one of its variants reads it, and its verdict."""

    dataset: str
    dataset_title: str
    track: str
    variant: str | None
    variant_title: str | None
    decides: bool
    kind: Kind
    task: Literal["classification", "regression"]
    metric: MetricName
    metric_title: str
    unit: str
    lower_is_better: bool
    directed: bool
    scale: Literal["raw", "log"]
    timing: bool
    derived: str
    conditional: bool
    objective: str | None
    machines: tuple[str, ...]
    notes: tuple[str, ...]
    chance: float | None
    resolution: float | None
    levels: Annotated[tuple[LevelResult, ...], Field(min_length=1), _unique("level", "level")]
    verdict: Outcome | None
    verdict_reason: str | None
    blocks: Count
    looks: tuple[Count, ...] = ()
    """With ``seeds: auto``: blocks at each look, up to the one that decided."""
    most: Count | None = None  # blocks at the last look that there could have been
    p: float | None = None
    pairs: tuple[PairResult, ...]
    flags: tuple[Flag, ...] = ()
    sentence: str | None

    @property
    def of_changes(self) -> bool:
        """Whether levels are compared by their changes from baselines."""
        return any(level.from_baseline for level in self.levels)

    @property
    def key(self) -> tuple[str, str, str | None]:
        """What tells it from the other findings of its claim: dataset, track, variant."""
        return self.dataset, self.track, self.variant


class ClaimResult(Section):
    """One claim of a document: its verdict is that of the finding that decides."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*/[a-z0-9][a-z0-9_-]*$")]
    document: Name
    document_title: str
    control: bool = False
    name: str
    title: str
    quote: str
    place: PlaceResult = Field(default_factory=PlaceResult)
    kind: Kind
    factor: str = ""
    advice: AdviceResult | None = None
    metric: str = "test_loss"
    tier: str = "default"
    claimed: dict[str, float] = Field(default_factory=dict)
    order: tuple[str, ...] = ()
    baseline: dict[str, str] = Field(default_factory=dict)  # what each level's change is from
    status: ClaimStatus
    reason: str | None
    cost_seconds: float | None
    verdict: Outcome | None
    p: float | None = None
    p_holm: float | None = None
    answer: str
    how_large: str = ""
    experiment: str | None
    limits: str | None
    caveats: tuple[str, ...]
    links: tuple[str, ...]
    second_look: str | None
    depends_on_track: bool
    command: str | None
    results: Annotated[tuple[Finding, ...], _unique("result", "key")]
    general: GeneralResult | None = None
    study: str | None = None
    """The id of the study that judges it, where it has no results of its own."""
    shares: tuple[ClaimedShare, ...] = ()
    """What it is judged by then: each factor that it names on each data set that varies it."""
    seeds_times: Count = 1
    """More seeds than the others, by this factor: a result of it was near a threshold."""
    version: Count = 1
    changes: tuple[ChangeResult, ...] = ()

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Those of the finding that decides."""
        return next((finding.flags for finding in self.results if finding.decides), ())

    @property
    def taken(self) -> bool:
        """Whether it belongs to this run's tier and selection."""
        return self.status != "not run"

    @property
    def held(self) -> bool:
        """Of a control: whether it came out as it must."""
        everywhere = self.general is None or self.general.word == "general"
        return self.verdict == "reproduced" and everywhere

    @property
    def stands(self) -> bool:
        """Whether it is reproduced after Holm's correction over the claims of its document, too."""
        return self.verdict in FOUND and self.p_holm is not None and self.p_holm <= _ALPHA


class DocumentResult(Section):
    """A text that claims are from."""

    name: Name
    title: str
    source: str = ""
    date: str = ""
    author: str = ""
    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""


def count_name(word: str) -> str:
    """The field of the summary that counts a verdict or a status."""
    return word.replace(",", "").replace(" ", "_")


class Summary(Section):
    """How many claims came out in which way."""

    claims: Count
    reproduced: Count
    reproduced_small: Count = 0
    partly: Count
    contradicted: Count
    inconclusive: Count
    not_testable_here: Count = 0
    reproduced_after_holm: Count = 0  # of both kinds of reproduced
    measured: Count
    qualitative: Count
    not_run: Count
    general: dict[str, Count] = Field(default_factory=dict)
    """Claims by the word that says how generally they hold."""
    controls: Count = 0
    """Claims of nnbench's own whose outcome is known; all other counts are without them."""
    controls_held: Count = 0
    """Those that were reproduced and, in contexts, general."""

    @classmethod
    def of(cls, found: Sequence[ClaimResult]) -> Self:
        """The summary of some claims."""
        claims = [claim for claim in found if not claim.control]
        controls = [claim for claim in found if claim.control and claim.results]
        outcomes = Counter(claim.verdict for claim in claims)
        states = Counter(claim.status for claim in claims)
        return cls(
            claims=len(claims),
            **{count_name(outcome): outcomes[outcome] for outcome in get_args(Outcome)},
            reproduced_after_holm=sum(claim.stands for claim in claims),
            general=dict(Counter(claim.general.word for claim in claims if claim.general)),
            controls=len(controls),
            controls_held=sum(claim.held for claim in controls),
            measured=states["measured"],
            qualitative=states["qualitative"],
            not_run=states["not run"],
        )


class Results(Section):
    """The whole document: a function of the config and the records alone."""

    schema_version: int
    records_sha256: str = ""
    summary: Summary
    provenance: Provenance
    documents: Annotated[tuple[DocumentResult, ...], _unique("document", "name")] = ()
    contexts: Annotated[tuple[ContextResult, ...], _unique("context", "name")] = ()
    studies: Annotated[tuple[StudyResult, ...], _unique("study", "id")] = ()
    claims: Annotated[tuple[ClaimResult, ...], _unique("claim", "id")]

    def to_json(self) -> bytes:
        """As it is written: the same results give the same bytes."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False)
        return text.encode() + b"\n"


def read_results(path: Path) -> Results:
    """Read ``results.json``, or the one in a folder; NnbenchError if it is not `nnbench judge`'s."""
    file = path / "results.json" if path.is_dir() else path
    try:
        content = file.read_bytes()
        data = json.loads(content, parse_constant=_refused)
    except (OSError, ValueError, RecursionError) as error:
        raise NnbenchError(
            f"{file}: cannot be read ({getattr(error, 'strerror', None) or error})",
            todo="name the folder of a report, or write it anew by `nnbench judge`",
        ) from error
    version = data.get("schema_version") if isinstance(data, Mapping) else None
    if version not in _READABLE:
        raise NnbenchError(
            f"{file} has a schema version that this nnbench cannot show",
            got=repr(version)[:100],
            allowed=" or ".join(map(str, _READABLE)),
            todo=_AGAIN,
        )
    try:
        return Results.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        got = repr(first["input"])[:100] if first["type"] != "missing" else None
        raise NnbenchError(f"{file}: {first_problem(error)}", got=got, todo=_AGAIN) from None


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
