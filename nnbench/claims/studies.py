"""Factor studies: all factors of a set varied at once, so that one can say which of them matters most.

``studies`` in a config names files of them. A study is drawn when it is planned, for each of its data sets by
itself: over the factors that act there.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from nnbench.claims.claim import NAME, Datasets, Overrides
from nnbench.claims.contexts import draw
from nnbench.datasets.kinds import InputKind
from nnbench.errors import NnbenchError, unknown_name
from nnbench.metrics import METRICS
from nnbench.registry import DATASETS, check_name
from nnbench.schema import Strict, is_name, parse
from nnbench.yamlfile import read_yaml

PREFIX = "study"  # of its id, beside those of claims: study/factors
FEWEST = 8  # points on a data set
PER_FACTOR = 4  # points for each factor at least: fewer cannot tell its effect from others'


def _metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(str(unknown_name("metric", name, METRICS)))
    if (source := METRICS[name].source) not in ("training", "classes", "numbers"):
        raise ValueError(f"a study reads what every training measures, and {name} is of: {source}")
    return name


class Factor(Strict):
    """What is varied: levels, each a set of settings, each as likely as another."""

    levels: Annotated[dict[str, Overrides], Field(min_length=2)]
    input: tuple[InputKind, ...] = ()
    """Kinds of data on which it acts; (): all. Elsewhere it is not varied, and its settings are as usual."""
    claims: tuple[str, ...] = ()
    """Ids of claims that are about this factor."""

    @property
    def settings(self) -> set[str]:
        """The settings that its levels set."""
        return {name for level in self.levels.values() for name in level}


class Study(Strict):
    """Factors with their levels, the data sets on which they are varied, and the draw."""

    title: str
    metric: Annotated[str, AfterValidator(_metric)] = "test_accuracy"
    points: Annotated[int, Field(ge=FEWEST, le=4096)] = 64
    """Combinations of levels on each data set."""
    seeds: Annotated[int, Field(ge=5, le=1000)] = 5
    draw: Annotated[int, Field(ge=0)] = 1
    """Seed of the scrambled Sobol sequence that combines levels."""
    datasets: Annotated[Datasets, Field(min_length=1)]
    settings: Overrides = Field(default_factory=dict)
    """What all points share, over the config's reference."""
    factors: Annotated[dict[str, Factor], Field(min_length=2)]
    limits: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    def acting(self, kind: InputKind) -> dict[str, Factor]:
        """The factors that are varied on data of a kind."""
        return {n: f for n, f in self.factors.items() if not f.input or kind in f.input}


class Studies(Strict):
    """A file of studies, by name."""

    studies: dict[str, Study]

    @model_validator(mode="after")
    def _named(self) -> Self:
        for name in self.studies:
            if not NAME.fullmatch(name):
                raise ValueError(f"study {name!r} should be lower-case letters, digits, - and _")
        return self


def _problems(study: Study) -> Iterator[str]:
    for name in study.datasets:
        try:
            check_name("datasets", name, DATASETS)
        except NnbenchError as error:
            yield str(error)
    for name, factor in study.factors.items():
        yield from _of_factor(name, factor)
    for (a, one), (b, other) in itertools.combinations(study.factors.items(), 2):
        if both := one.settings & other.settings:
            yield f"factors {a!r} and {b!r} both set {', '.join(sorted(both))}: a factor has settings of its own"
    fewest = PER_FACTOR * len(study.factors)
    if study.points < fewest:
        yield f"points: {len(study.factors)} factors need {fewest} or more, got {study.points}"


def _of_factor(name: str, factor: Factor) -> Iterator[str]:
    if not all(map(is_name, (name, *factor.levels))):
        yield f"factor {name!r} and its levels need printable names, got {list(factor.levels)}"
    for (a, one), (b, other) in itertools.combinations(factor.levels.items(), 2):
        if one == other:
            yield f"levels {a!r} and {b!r} of factor {name!r} are the same"


def read_studies(
    paths: Sequence[str], *, root: Path = Path(), changes: Mapping[str, int]
) -> dict[str, Study]:
    """The studies of some files by id, ``study/<name>``; NnbenchError says what is wrong in them.

    ``changes`` are numbers of points or seeds to take instead of theirs.
    """
    found: dict[str, Study] = {}
    for path in paths:
        for name, study in parse(Studies, read_yaml(root / path), where=path).studies.items():
            if f"{PREFIX}/{name}" in found:
                raise NnbenchError(
                    f"study {name!r} stands in two files",
                    got=", ".join(paths),
                    todo="give one of them another name",
                )
            where = f"{path}: {name} with {changes}"
            data = study.model_dump(mode="json", exclude_unset=True) | dict(changes)
            found[f"{PREFIX}/{name}"] = parse(Study, data, where=where) if changes else study
    return found


def points_of(
    study_id: str, study: Study, factors: Mapping[str, Factor], *, dataset: str
) -> Sequence[Mapping[str, str]]:
    """The combinations of levels that are measured on a data set where these factors act: all, where there are few."""
    possible = math.prod(len(factor.levels) for factor in factors.values())
    if len(factors) < 2 or possible < FEWEST:
        raise NnbenchError(
            f"{study_id}: {dataset} has too few combinations of levels",
            got=f"{possible} of {len(factors)} factors that act there",
            allowed=f"two factors and {FEWEST} combinations, or more",
            todo="add levels or factors, or leave the data set out",
        )
    levels = {name: list(factor.levels) for name, factor in factors.items()}
    return draw(levels, min(study.points, possible), seed=study.draw)
