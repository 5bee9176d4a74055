"""What earlier looks decided, with ``seeds: auto``: how many seeds the levels of a claim have now.

A decision is a function of the claim and its records, and counts only while these are what they were.
``verdicts.looks`` makes them; they lie beside the tables that a run makes.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nnbench.cells.cell import Cell, blocks_of, canonical
from nnbench.cells.fingerprint import module_fingerprint
from nnbench.claims.claim import Claim
from nnbench.claims.config import Config
from nnbench.claims.looks import LOOKS
from nnbench.claims.selection import tables_folder
from nnbench.plan.levels import Use
from nnbench.records.store import records_sha256, write_atomically
from nnbench.schema import Strict

Planned = tuple[Use, tuple[Cell, ...]]  # a level and its cells


class Decision(Strict):
    """What the last look at levels decided, in one place of a claim."""

    seeds: int
    settled: bool
    made_of: str  # a checksum of the claim and its records

    @property
    def next_seeds(self) -> int:
        """How many seeds the levels have now: more, unless these settled it or are the most."""
        later = [seeds for seeds in LOOKS if seeds > self.seeds]
        return self.seeds if self.settled or not later else later[0]


class Looks(Strict):
    """The decisions of a config's looks, by place."""

    code: str = ""  # a hash of what decided
    places: Mapping[str, Decision] = {}


def looks_code() -> str:
    """A hash of the code that decides."""
    # put together, since a fingerprint follows names of modules, and no plan depends on this one
    return module_fingerprint(".".join(("nnbench", "verdicts", "looks")))[:16]  # noqa: FLY002


def looks_path(config: Config) -> Path:
    """Where they lie."""
    return tables_folder(config) / "looks.json"


def read_looks(config: Config) -> Looks:
    """The decisions that were written last; none where there is no such file, or a damaged one."""
    with suppress(OSError, ValueError):
        return Looks.model_validate_json(looks_path(config).read_bytes())
    return Looks()


def write_looks(config: Config, looks: Looks) -> None:
    """Keep decisions for later plans; NnbenchError if the folder cannot be written."""
    write_atomically(looks_path(config), looks.model_dump_json(indent=1).encode() + b"\n")


def standing(
    planned: Sequence[Planned], claim: Claim, config: Config, looks: Looks
) -> dict[str, Decision]:
    """The decisions on a claim that rest on what is there now, by place."""
    places: dict[str, list[Use]] = {}
    for use, _ in planned:
        if use.auto and use.place in looks.places:
            places.setdefault(use.place, []).append(use)
    known = {place: looks.places[place] for place in places}
    return {
        place: decision
        for place, decision in known.items()
        if decision.made_of == made_of(places[place], claim, config, seeds=decision.seeds)
    }


def with_seeds(planned: Sequence[Planned], decisions: Mapping[str, Decision]) -> Iterator[Planned]:
    """Levels with the seeds that decisions give them."""
    for use, cells in planned:
        decision = decisions.get(use.place) if use.auto else None
        yield (replace(use, seeds=decision.next_seeds) if decision else use), cells


def made_of(uses: Sequence[Use], claim: Claim, config: Config, *, seeds: int) -> str:
    """A checksum of what a decision about levels rests on after so many seeds."""
    cells = sorted({cell for use in uses for cell in use.cells})
    blocks = [(cell, block) for cell in cells for block in blocks_of(seeds)]
    told = canonical(claim.reading(uses[0].variant).model_dump(mode="json"))
    records = records_sha256(Path(config.results), blocks)
    return hashlib.sha256(f"{told}{records}".encode()).hexdigest()[:16]
