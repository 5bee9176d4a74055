"""Contexts: everything about a training that a claim does not name, varied by a design fixed beforehand.

``config/contexts.yaml`` declares the space and lists the contexts drawn from it. All claims are measured in the
same ones, the first that meet their needs: so claims are comparable, cells are shared, and no outcome decides.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from nnbench.claims.sobol import sobol
from nnbench.datasets.base import Dataset
from nnbench.datasets.kinds import InputKind, input_kind
from nnbench.errors import NnbenchError
from nnbench.registry import DATASETS, check_name
from nnbench.schema import Strict, is_name, parse
from nnbench.yamlfile import read_yaml

DATASET = "dataset"  # the factor whose values are data sets
TRAIN_SHARE = "train_share"  # of the training samples: what a context or level says instead of a number of them
Overrides = dict[str, object]


# by factor: the settings that its value stands for, in words
Sets = Mapping[str, Mapping[str, str]]


def unsettled(values: Mapping[str, str], sets: Sets, settled: Collection[str]) -> dict[str, str]:
    """The values of a context's factors, without what a claim sets itself.

    A factor goes with the first of its settings; of "sgd 0.1", a claim about rates leaves "sgd".
    """
    left: dict[str, str] = {}
    for factor, value in values.items():
        own = sets.get(factor, {})
        kept = [text for setting, text in own.items() if setting not in settled]
        if len(kept) == len(own):
            left[factor] = value
        elif next(iter(own)) not in settled:
            left[factor] = " ".join(kept)
    return left


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One context: a value of each factor, and the settings that they stand for."""

    name: str
    values: Mapping[str, str]  # factor -> value
    settings: Mapping[str, object]
    sets: Sets  # without that of the data

    @property
    def dataset(self) -> str:
        """The data set's name in the registry."""
        return self.values[DATASET]

    def train_size(self, dataset: Dataset) -> int:
        """Training samples that it has."""
        size, share = self.settings.get("train_size"), self.settings.get(TRAIN_SHARE, 1.0)
        all_of_them = size if isinstance(size, int) else dataset.train_size
        return round(share * all_of_them) if isinstance(share, float) else all_of_them


class ContextNeeds(Strict):
    """What a claim's experiment takes; contexts that lack it are left out, whatever would come out in them."""

    input: tuple[InputKind, ...] = ()
    """Kinds of input, any of which will do; (): all."""
    task: Literal["classification", "regression"] | None = None
    classes: Annotated[int, Field(ge=2)] | None = None
    """At least so many; None: any number, or none at all."""
    train_size: Annotated[int, Field(ge=1)] = 1
    """At least so many training samples in the context."""

    @field_validator("input", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (
            (value,)
            if isinstance(value, str)
            else tuple(value)
            if isinstance(value, list)
            else value
        )

    def met_by(self, context: Context, dataset: Dataset) -> bool:
        """Whether the experiment is possible in a context."""
        return (
            (not self.input or input_kind(dataset) in self.input)
            and self.task in (None, dataset.task)
            and len(dataset.class_names) >= (self.classes or 0)
            and context.train_size(dataset) >= self.train_size
        )


class InContexts(Strict):
    """How a claim is measured in contexts."""

    needs: ContextNeeds = ContextNeeds()
    free: tuple[str, ...] = ()
    """Settings of the claim that its sentence does not name: contexts set them."""
    settings: Overrides = Field(default_factory=dict)
    """Settings that the sentence needs in every context, beside the claim's."""
    levels: dict[str, Overrides] | None = None
    """The same levels, where those of the document fit one data set only."""


class Space(Strict):
    """The factors with their values, each a set of settings; what does not go together; and the draw."""

    seed: Annotated[int, Field(ge=0)]
    factors: dict[str, dict[str, Overrides]]
    without: tuple[dict[str, tuple[str, ...]], ...] = ()
    """Combinations that are not drawn: contexts that have one of the values of each of these factors."""
    contexts: dict[str, dict[str, str]] = Field(default_factory=dict)
    """As ``nnbench contexts`` drew them."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for problem in _problems(self):
            raise ValueError(problem)
        return self

    def all(self) -> tuple[Context, ...]:
        """The contexts in the order in which they were drawn."""
        return tuple(self.context(name, values) for name, values in self.contexts.items())

    def context(self, name: str, values: Mapping[str, str]) -> Context:
        """What the values of the factors stand for."""
        layers = (self.factors[factor][value] for factor, value in values.items())
        settings = {key: value for layer in layers for key, value in layer.items()}
        sets = {
            factor: {key: str(own) for key, own in self.factors[factor][value].items()}
            for factor, value in values.items()
            if factor != DATASET
        }
        return Context(name=name, values=values, settings=settings, sets=sets)

    def allows(self, values: Mapping[str, str]) -> bool:
        """Whether these values go together."""
        return not any(
            all(values.get(factor) in some for factor, some in combination.items())
            for combination in self.without
        )


def _problems(space: Space) -> Iterator[str]:
    if DATASET not in space.factors:
        yield "factors lack dataset: name the data sets that contexts may have"
    for name in space.factors.get(DATASET, ()):
        try:
            check_name("factors: dataset", name, DATASETS)
        except NnbenchError as error:
            yield str(error)
    for factor, values in space.factors.items():
        if not values or not all(map(is_name, values)):
            yield f"factor {factor!r} needs values with printable names, got {list(values)}"
    for combination in space.without:
        yield from _unknown("without", combination, space)
    for name, own in space.contexts.items():
        yield from _unfit(f"context {name!r}", own, space)
    same: dict[frozenset[tuple[str, str]], str] = {}
    for name, own in space.contexts.items():
        if (other := same.setdefault(frozenset(own.items()), name)) != name:
            yield f"contexts {other!r} and {name!r} are the same"


def _unfit(where: str, values: Mapping[str, str], space: Space) -> Iterator[str]:
    """What is wrong with a context by itself."""
    yield from _unknown(where, {factor: (value,) for factor, value in values.items()}, space)
    if lacking := [factor for factor in space.factors if factor not in values]:
        yield f"{where} lacks a value for {', '.join(lacking)}"
    elif not space.allows(values):
        yield f"{where} has a combination that stands in `without`"


def _unknown(where: str, named: Mapping[str, Sequence[str]], space: Space) -> Iterator[str]:
    """Factors and values that the space does not have."""
    for factor, values in named.items():
        known = space.factors.get(factor)
        if known is None:
            yield f"{where}: unknown factor {factor!r}; allowed: {', '.join(space.factors)}"
            continue
        for value in values:
            if value not in known:
                yield f"{where}: unknown {factor} {value!r}; allowed: {', '.join(known)}"


def read_space(path: Path) -> Space:
    """A space of contexts; NnbenchError says what is wrong in it."""
    return parse(Space, read_yaml(path), where=str(path))


def chosen(
    contexts: Sequence[Context],
    needs: ContextNeeds,
    *,
    count: int,
    dataset_of: Callable[[str], Dataset],
) -> tuple[Context, ...]:
    """The first contexts in which an experiment is possible."""
    fitting = (c for c in contexts if needs.met_by(c, dataset_of(c.dataset)))
    return tuple(context for context, _ in zip(fitting, range(count), strict=False))


def draw(
    factors: Mapping[str, Sequence[str]],
    count: int,
    *,
    seed: int,
    allows: Callable[[Mapping[str, str]], bool] = lambda _: True,
) -> list[dict[str, str]]:
    """So many different combinations of values, by a scrambled Sobol sequence: more of them begin with the same ones.

    Args:
        factors: Their values.
        count: Combinations, of which there must be as many.
        seed: Of the scrambling.
        allows: Whether values go together.
    """
    points, found = sobol(len(factors), seed=seed), list[dict[str, str]]()
    while len(found) < count:
        values = {
            factor: levels[int(u * len(levels))]
            for (factor, levels), u in zip(factors.items(), next(points), strict=True)
        }
        if allows(values) and values not in found:
            found.append(values)
    return found


def drawn(space: Space, count: int) -> dict[str, dict[str, str]]:
    """So many contexts of a space; those that are listed in it are not looked at."""
    factors = {name: list(values) for name, values in space.factors.items()}
    found = draw(factors, count, seed=space.seed, allows=space.allows)
    return {f"c{i + 1:02d}": values for i, values in enumerate(found)}
