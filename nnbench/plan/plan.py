"""Claims to cells: which experiments a config asks for, each fully spelled out and named by a hash.

A cell is one resolved experiment. Levels that resolve to the same experiment (the reference model
stands in nearly every claim) share one cell, so it is trained once.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from nnbench.cells.cell import Cell, blocks_of, named_code
from nnbench.cells.fingerprint import unfollowed
from nnbench.claims.changes import Changes, read_changes
from nnbench.claims.claim import Claim, Document
from nnbench.claims.config import (
    Config,
    read_contexts,
    read_documents,
    resolve_settings,
    studies_of,
)
from nnbench.claims.contexts import Context
from nnbench.claims.studies import PREFIX, Study
from nnbench.errors import unknown_name
from nnbench.plan.data_notes import data_notes
from nnbench.plan.levels import Use, claim_uses
from nnbench.plan.looks import Decision, Looks, read_looks, standing, with_seeds
from nnbench.plan.studies import Point, study_points
from nnbench.plan.titles import check_titles
from nnbench.processes import uncollected
from nnbench.registry import DATASETS, check_name


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that a config asks for."""

    config: Config
    documents: tuple[Document, ...]
    cells: Mapping[str, Cell]
    seeds: Mapping[str, int]  # of each cell: the most that a use reads
    uses: tuple[Use, ...]
    not_run: Mapping[str, str] = field(default_factory=dict)
    contexts: tuple[Context, ...] = ()  # that claims may be measured in
    studies: Mapping[str, Study] = field(default_factory=dict)  # that run, by id
    points: tuple[Point, ...] = ()  # of the studies
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """With ``seeds: auto``: what the looks so far decided, by place."""
    changes: Changes = field(default_factory=Changes)
    left_out: Mapping[str, tuple[tuple[Cell, int], ...]] = field(default_factory=dict)
    """Cells and seeds of claims that another tier or selection would run: what they would cost."""

    def claims(self) -> Iterator[tuple[str, Document, Claim]]:
        """(id, document, claim) in the documents' own order."""
        for document in self.documents:
            for name, claim in document.claims.items():
                yield f"{document.document}/{name}", document, claim

    def cells_of(self, claim_id: str) -> tuple[str, ...]:
        """The cells that a claim or a study rests on, each once."""
        return tuple(dict.fromkeys(cell for use in self.uses_of(claim_id) for cell in use.cells))

    def all_uses(self) -> tuple[Use, ...]:
        """The levels of claims, and the points of studies."""
        return (*self.uses, *(point.use for point in self.points))

    def uses_of(self, claim_id: str) -> tuple[Use, ...]:
        """The levels of a claim, wherever the report shows them."""
        return tuple(self._uses_by_claim.get(claim_id, ()))

    @cached_property
    def _uses_by_claim(self) -> Mapping[str, list[Use]]:
        found: dict[str, list[Use]] = {}
        for use in self.all_uses():
            found.setdefault(use.claim, []).append(use)
        return found

    def blocks(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """(cell id, seeds) of every planned record."""
        for cell_id, seeds in self.seeds.items():
            for block in blocks_of(seeds):
                yield cell_id, block

    def datasets(self) -> tuple[str, ...]:
        """The datasets that some cell needs, sorted."""
        return tuple(sorted({cell.dataset for cell in self.cells.values()}))

    def undecided(self) -> tuple[str, ...]:
        """With ``seeds: auto``: places in which the look at their present seeds is still to come."""
        seeds = {use.place: use.seeds for use in self.uses if use.auto}
        decided = {place: decision.seeds for place, decision in self.decisions.items()}
        return tuple(place for place, count in seeds.items() if decided.get(place) != count)

    def notes(self) -> tuple[str, ...]:
        """What a user should know of the user's own code and data: what may not be as it is meant."""
        names = {name for cell in self.cells.values() for name in named_code(cell)}
        own_data = data_notes(self.cells, self.uses)
        return (*map(str, unfollowed(*sorted(names))), *own_data)


@uncollected
def make_plan(config: Config, *, root: Path = Path(), looks: Looks | None = None) -> Plan:
    """Resolve a config into cells; an NnbenchError says what is wrong in it or the claims, and where.

    ``looks``: what was decided with ``seeds: auto``; None: what lies beside the tables.
    """
    documents = read_documents(config, root=root)
    studies = studies_of(config, root=root)
    looks = read_looks(config) if looks is None else looks
    _check_shared_settings(config)
    cells: dict[str, Cell] = {}
    seeds: dict[str, int] = {}
    uses: list[Use] = []
    not_run: dict[str, str] = {}
    decisions: dict[str, Decision] = {}
    left_out: dict[str, dict[str, tuple[Cell, int]]] = {}
    draft = Plan(
        config=config,
        documents=documents,
        contexts=read_contexts(config, root=root),
        changes=read_changes(root / config.changes) if config.changes else Changes(),
        cells=cells,
        seeds=seeds,
        uses=(),
        not_run=not_run,
        decisions=decisions,
    )
    for claim_id, _, claim in draft.claims():
        reason = _reason_not_run(claim_id, claim, config, studies)
        if reason is not None:
            not_run[claim_id] = reason
        planned = tuple(claim_uses(claim_id, claim, config, draft.contexts))
        if reason is None:
            decisions.update(standing(planned, claim, config, looks))
        for use, found in with_seeds(planned, decisions):
            if reason is not None:
                left_out.setdefault(claim_id, {}).update({c.id: (c, use.seeds) for c in found})
                continue
            uses.append(use)
            for cell in found:
                cells[cell.id] = cell
                seeds[cell.id] = max(use.seeds, seeds.get(cell.id, 0))
    _check_names(draft, studies)
    chosen = _chosen(studies, draft)
    points: list[Point] = []
    for study_id, study in chosen.items():
        for point, cell in study_points(study_id, study, config):
            points.append(point)
            cells[cell.id] = cell
            seeds[cell.id] = max(study.seeds, seeds.get(cell.id, 0))
    check_titles(draft.datasets())
    left = {claim_id: tuple(kept.values()) for claim_id, kept in left_out.items()}
    return replace(draft, uses=tuple(uses), left_out=left, studies=chosen, points=tuple(points))


def _chosen(studies: Mapping[str, Study], plan: Plan) -> dict[str, Study]:
    """The studies that ``only`` names, and those that a claim rests on which runs."""
    needed = {
        f"{PREFIX}/{claim.shares.study}"
        for claim_id, _, claim in plan.claims()
        if claim.shares and claim_id not in plan.not_run
    }
    return {
        study_id: study
        for study_id, study in studies.items()
        if study_id in needed or _asked_for(study_id, plan.config)
    }


def _asked_for(name: str, config: Config) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in config.only)


def _check_shared_settings(config: Config) -> None:
    """Name the config, not a claim, where the config's own settings are wrong."""
    resolve_settings((config.reference,), where="config: reference")
    for name, settings in config.dataset_settings.items():
        layers = (config.reference, settings)
        resolve_settings(layers, where=f"config: dataset_settings.{name}")


def _reason_not_run(
    claim_id: str, claim: Claim, config: Config, studies: Mapping[str, Study]
) -> str | None:
    if claim.kind == "qualitative":
        return "qualitative: quoted, never judged"
    if claim.not_run is not None:
        return claim.not_run
    asked = _asked_for(claim_id, config)
    if claim.tier == "full" and config.tier != "full" and (asked or config.tier == "quick"):
        return "belongs to the full tier: run with `--configfile config/full.yaml`"
    if not asked:
        left_out = "left out by `only` in the config"
        default = "belongs to the default tier: run `snakemake --cores all`"
        return default if config.tier == "quick" else left_out
    if claim.shares and f"{PREFIX}/{claim.shares.study}" not in studies:
        return f"rests on study {claim.shares.study!r}, which `studies` in the config does not have"
    return None


def _check_shares(claim_id: str, claim: Claim, studies: Mapping[str, Study]) -> None:
    """Whether a claim's study, if this run has it, varies the factors that the claim names."""
    study = studies.get(f"{PREFIX}/{claim.shares.study}") if claim.shares else None
    for factor in claim.shares.factors if claim.shares and study else ():
        if study and factor not in study.factors:
            raise unknown_name(f"{claim_id}: shares: factor", factor, study.factors)


def _check_names(plan: Plan, studies: Mapping[str, Study]) -> None:
    """Whether the claims and datasets that claims and the config name are there."""
    known = {claim_id: claim for claim_id, _, claim in plan.claims()}
    for claim_id, claim in known.items():
        for link in claim.links:
            if link not in known:
                raise unknown_name(f"{claim_id}: links", link, known)
        _check_shares(claim_id, claim, studies)
    for pattern in plan.config.only:
        if not fnmatch.filter((*known, *studies), pattern):
            raise unknown_name("config: only", pattern, (*known, *studies))
    for claim_id in plan.config.overrides:
        if claim_id not in known:
            raise unknown_name("config: overrides", claim_id, known)
    for name, others in plan.config.instead.items():
        for dataset in (name, *others):
            check_name("config: instead", dataset, DATASETS)
