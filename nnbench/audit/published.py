"""A ``results.json`` that was published, here or elsewhere, as far as others can be compared with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import ConfigDict, model_validator

from nnbench.errors import NnbenchError
from nnbench.schema import Bounded, Strict, parse

SCHEMA_VERSION = 1
MOST_LINES = 6  # of an error


class Part(Strict):
    """A section of which a reader needs some fields; more may stand beside them."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


Whole = TypeVar("Whole", bound=Part)


def _once(whole: Whole, kind: str, names: Sequence[object]) -> Whole:
    """The whole, if no two of its parts have the same name."""
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{kind} {twice[0]!r} stands there twice")
    return whole


class Level(Part):
    """One level of a result: its runs by seed, and the cells behind them."""

    level: str
    at: str | None
    not_measured: str | None
    values: dict[str, Bounded | None]
    seed_status: dict[str, str]
    cells: tuple[str, ...]
    settings: dict[str, Any]


class Result(Part):
    """A claim on one dataset, in one track, in one reading."""

    dataset: str
    track: str
    variant: str | None
    decides: bool
    metric: str
    unit: str
    scale: Literal["raw", "log"]
    timing: bool
    machines: tuple[str, ...]
    verdict: str | None
    levels: tuple[Level, ...]

    @model_validator(mode="after")
    def _levels_differ(self) -> Self:
        return _once(self, "level", [level.level for level in self.levels])

    @property
    def place(self) -> tuple[str, str, str | None]:
        """What it is about, among the results of a claim."""
        return self.dataset, self.track, self.variant


class Claim(Part):
    """A claim and its verdict."""

    id: str
    status: str
    verdict: str | None
    results: tuple[Result, ...]

    @model_validator(mode="after")
    def _results_differ(self) -> Self:
        return _once(self, "result", [result.place for result in self.results])


class Provenance(Part):
    """How the numbers were made."""

    nnbench_version: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    generated: str | None = None
    config: dict[str, Any] | None = None
    config_sha256: str | None = None
    tier: str | None = None
    seeds: int | None = None
    tuning_seeds: int | None = None
    machines: tuple[dict[str, Any], ...] = ()
    versions: tuple[dict[str, Any], ...] = ()
    datasets: tuple[dict[str, Any], ...] = ()


class Published(Part):
    """A whole ``results.json``."""

    claims: tuple[Claim, ...]
    provenance: Provenance

    @model_validator(mode="after")
    def _claims_differ(self) -> Self:
        return _once(self, "claim", [claim.id for claim in self.claims])


def read_published(path: Path) -> Published:
    """Read a ``results.json``, or the one in a folder.

    Raises:
        NnbenchError: It cannot be read, is of another schema version, or not of its shape.
    """
    file = path / "results.json" if path.is_dir() else path
    data = _plain(file)
    version = data.get("schema_version") if isinstance(data, Mapping) else None
    if version != SCHEMA_VERSION:
        raise NnbenchError(
            f"{file}: not a results.json of this schema",
            got=f"schema_version {version!r}",
            allowed=SCHEMA_VERSION,
            todo="make both with the same nnbench: `snakemake` writes reports/results.json anew",
        )
    try:
        return parse(Published, data, where=str(file))
    except NnbenchError as error:
        raise _shortened(error) from None


def _shortened(error: NnbenchError) -> NnbenchError:
    """A file of another make has the same problem in each of its levels: a few of them will do."""
    lines = str(error).splitlines()
    return NnbenchError("\n".join([*lines[:MOST_LINES], "  …"])) if lines[MOST_LINES:] else error


def _plain(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes(), parse_constant=_refused)
    except (OSError, ValueError, RecursionError) as error:
        raise NnbenchError(
            f"{file}: cannot be read ({error})", todo="give a results.json or a folder with one"
        ) from None


def _refused(text: str) -> float:
    raise ValueError(f"{text} is no JSON")
