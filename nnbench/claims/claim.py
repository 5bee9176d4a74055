"""A document's claims as typed values; whatever a claim can get wrong by itself is checked here."""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from nnbench.claims.advised import Advised
from nnbench.claims.contexts import TRAIN_SHARE, InContexts
from nnbench.claims.kinds import KINDS, Kind
from nnbench.claims.looks import EnoughSeeds
from nnbench.claims.outcomes import FlagName
from nnbench.claims.problems import baseline_problems, choice, claimed_problems
from nnbench.claims.shares import Shares
from nnbench.claims.testable import Needs
from nnbench.datasets.own.spelling import named_once
from nnbench.errors import unknown_name
from nnbench.metrics import METRICS
from nnbench.schema import Strict, is_name

Track = Literal["as-written", "tuned"]
Tier = Literal["default", "full"]
RunTier = Literal["quick", "default", "full"]
Overrides = dict[str, object]
Datasets = Annotated[dict[str, Overrides], AfterValidator(named_once)]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _number(value: object) -> object:
    """A claimed value; "85 %" becomes 0.85."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else value


Claimed = dict[str, Annotated[float, BeforeValidator(_number)]]


class Variant(Strict):
    """Another reading of a claim, judged on its own: what it gives replaces what the claim says."""

    title: str
    levels: dict[str, Overrides] | None = None
    controls: dict[str, Overrides] | None = None
    kind: Kind | None = None
    metric: str | None = None
    claimed: Claimed | None = None
    order: tuple[str, ...] | None = None
    better: tuple[str, ...] | None = None
    than: tuple[str, ...] | None = None
    baseline: dict[str, str] | None = None
    margin: Annotated[float, Field(gt=0.0)] | None = None
    datasets: Datasets | None = None
    settings: Overrides | None = None
    tracks: tuple[Track, ...] | None = None


class Place(Strict):
    """Where a document says it: the heading above it, a table's own column names, and the line of its file."""

    section: str = ""
    columns: str = ""
    line: Annotated[int, Field(ge=1)] | None = None


class Claim(Strict):
    """One table or sentence of a document, and the experiment that answers it.

    ``levels`` are what the document compares, ``controls`` what nnbench adds to show beside them;
    ``claimed`` holds the document's own numbers, by level, ``order`` the levels from best to worst
    where it gives none. ``config/README.md`` explains each key.
    """

    title: str
    quote: str
    place: Place = Place()
    kind: Kind
    metric: str = "test_loss"
    factor: str = ""
    advice: Advised | None = None
    """What contexts may be read as advice on; None: nothing that one would choose."""
    levels: dict[str, Overrides] = Field(default_factory=dict)
    controls: dict[str, Overrides] = Field(default_factory=dict)
    variants: dict[str, Variant] = Field(default_factory=dict)
    claimed: Claimed = Field(default_factory=dict)
    order: tuple[str, ...] = ()
    better: tuple[str, ...] = ()
    than: tuple[str, ...] = ()
    baseline: dict[str, str] = Field(default_factory=dict)
    """From which level or control each level is read, as its change: for sentences on interactions."""
    margin: Annotated[float, Field(gt=0.0)] | None = None
    datasets: Datasets = Field(default_factory=dict)
    settings: Overrides = Field(default_factory=dict)
    seeds: EnoughSeeds | None = None
    seeds_times: Annotated[int, Field(ge=1, le=10)] = 1
    """More replicates of what decides, by this factor, for results near their threshold."""
    tracks: tuple[Track, ...] = ("as-written",)
    decided_by: Track = "as-written"
    tune: dict[str, list[object]] = Field(default_factory=dict)
    shares: Shares | None = None
    """Of kind shares: which factors of which study are claimed to matter."""
    contexts: InContexts | None = None
    """Measured in contexts, too: ``{}`` where there is nothing else to say."""
    tier: Tier = "default"
    not_run: str | None = None
    testable: Needs | None = None
    """What can decide it; a machine without that measures it and gives no verdict."""
    expected: tuple[FlagName, ...] = ()
    """Flags that are what the sentence says, and so do not weaken it."""
    links: tuple[str, ...] = ()
    experiment: str = ""
    limits: str = ""
    caveats: tuple[str, ...] = ()
    second_look: str = ""
    """What was checked after a contradiction, or after a changed specification changed the verdict; why one may believe it."""

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, name: str) -> str:
        if name not in METRICS:
            raise ValueError(str(unknown_name("metric", name, METRICS)))
        return name

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        advised = self.advice.problems(self) if self.advice else ()
        for problem in (*_claim_problems(self), *_context_problems(self), *advised):
            raise ValueError(problem)
        return self

    @property
    def runs(self) -> bool:
        """Whether it has levels to run."""
        kind = KINDS[self.kind]
        return self.not_run is None and kind.status != "qualitative" and not kind.study

    def reading(self, variant: str | None) -> Self:
        """The claim as one of its variants reads it; None: as the document has it."""
        if variant is None:
            return self
        return self.model_copy(update={"variants": {}, **_replaced(self.variants[variant])})

    def settled(self) -> frozenset[str]:
        """The settings in which contexts play no part: the claim's own, and those that each level has."""
        own = self.in_contexts()
        of_all = set[str].intersection(*map(set, own.levels.values())) if own.levels else set()
        found = {*own.settings, *of_all}
        sizes = {"train_size", TRAIN_SHARE}
        return frozenset(found | sizes if found & sizes else found)

    def in_contexts(self) -> Self:
        """The claim as contexts read it: without what belongs to the reference alone."""
        own = self.contexts or InContexts()
        kept = {name: value for name, value in self.settings.items() if name not in own.free}
        levels = self.levels if own.levels is None else own.levels
        baselines = {*self.baseline.values()}
        return self.model_copy(
            update={
                "levels": levels,
                "settings": {**kept, **own.settings},
                "controls": {name: own for name, own in self.controls.items() if name in baselines},
                "variants": {},
            }
        )


class Document(Strict):
    """A text with claims: its short name, its title, what kind of text it is and its claims by name."""

    document: str
    title: str
    file: str
    source: str = ""
    """What kind of text it is, as in: answer to a question."""
    date: str = ""
    """When it was published, as in 2025-01-30; empty where the text does not say."""
    author: str = ""
    url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    controls: bool = False
    """Whether these are nnbench's own, whose outcome is known: judged like all others, and counted apart."""
    claims: dict[str, Claim]

    @field_validator("document")
    @classmethod
    def _short_name(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("should be lower-case letters, digits, - and _")
        return name

    @field_validator("date")
    @classmethod
    def _day(cls, text: str) -> str:
        if text and not _is_day(text):
            raise ValueError(f'should be a day such as "2025-01-30", got {text!r}')
        return text

    @field_validator("claims")
    @classmethod
    def _claim_names(cls, claims: dict[str, Claim]) -> dict[str, Claim]:
        for name in claims:
            if not NAME.fullmatch(name):
                raise ValueError(f"claim {name!r}: use lower-case letters, digits, - and _")
        return claims


def _is_day(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _replaced(variant: Variant) -> dict[str, object]:
    """The fields that a variant replaces; claimed numbers go with the metric or order they belong to."""
    given = {
        name: value
        for name in Variant.model_fields
        if name != "title" and (value := getattr(variant, name)) is not None
    }
    dropped: dict[str, object] = {"claimed": {}} if {"metric", "order"} & set(given) else {}
    if "levels" in given:
        dropped |= {"factor": "", "baseline": {}}  # it varies something else
    if "metric" in given:
        dropped["margin"] = None  # a margin belongs to its metric
    return {**dropped, **given}


def _claim_problems(claim: Claim) -> list[str]:
    """Everything wrong with a claim that its types cannot say."""
    problems = [
        f"level {name!r} is not a printable name of 1 to 60 characters"
        for name in (*claim.levels, *claim.controls)
        if not is_name(name)
    ]
    if twice := set(claim.levels) & set(claim.controls):
        problems.append(f"{sorted(twice)} are both levels and controls")
    if claim.shares is not None and not KINDS[claim.kind].study:
        problems.append(f"shares belong to kind shares, got kind {claim.kind}")
    if KINDS[claim.kind].status == "qualitative":
        return problems
    problems += [
        f"{key} names {name!r}, which is no level; {choice(name, claim.levels)}"
        for key in ("better", "than", "order")
        for name in getattr(claim, key)
        if name not in claim.levels
    ]
    problems += [
        f"{key} names {name!r} twice"
        for key in ("better", "than", "order", "tracks", "links", "caveats")
        for name, count in Counter(getattr(claim, key)).items()
        if count > 1
    ]
    problems += [
        f"{name!r} stands in better and in than" for name in claim.better if name in claim.than
    ]
    problems += _variant_problems(claim)
    if claim.decided_by not in claim.tracks:
        problems.append(f"decided_by is {claim.decided_by!r}, but tracks are {list(claim.tracks)}")
    problems += [*claimed_problems(claim), *baseline_problems(claim)]
    if claim.runs and not claim.levels:
        problems.append("zero levels: name at least one")
    if claim.runs and not claim.datasets:
        problems.append("no dataset: name at least one")
    return problems + KINDS[claim.kind].problems(claim)


def _variant_problems(claim: Claim) -> Iterator[str]:
    """What is wrong with a variant's name, or with the claim as the variant reads it."""
    for name, variant in claim.variants.items():
        if not NAME.fullmatch(name):
            yield f"variant {name!r}: use lower-case letters, digits, - and _"
        if variant.metric is not None and variant.metric not in METRICS:
            yield f"variant {name!r}: unknown metric; {choice(variant.metric, METRICS)}"
            continue
        for problem in _claim_problems(claim.reading(name)):
            yield f"variant {name!r}: {problem}"


def _context_problems(claim: Claim) -> Iterator[str]:
    own = claim.contexts
    if own is None:
        return
    kind = KINDS[claim.kind]
    if kind.status != "judged" or kind.study or METRICS[claim.metric].timing:
        yield f"contexts judge trainings: a claim of kind {claim.kind} about {claim.metric} has none"
    for name in own.free:
        if name not in claim.settings:
            yield f"contexts: free names {name!r}, which is none of the claim's settings"
    if own.levels is not None and (differ := set(own.levels) ^ set(claim.levels)):
        yield f"contexts: levels should be those of the claim: {', '.join(sorted(differ))}"
