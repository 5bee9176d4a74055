"""A ``results.json`` as tables, for whoever asks it something that the report does not answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from nnbench.records.results import ClaimResult, Finding, Results

Row = dict[str, object]
_PLACE = ("claim", "variant", "dataset", "track")
_RUNS = (*_PLACE, "level", "role", "seed", "status", "metric", "value", "claimed")
_LEVEL = {"level", "role", "claimed", "claimed_rank", "at", "not_measured"}


@dataclass(frozen=True)
class LoadedResults:
    """A run's results, and the same as tables."""

    results: Results

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row per claim, variant, dataset, track, level and seed: what was claimed and measured."""
        return pd.DataFrame(run_rows(self.results.claims), columns=list(_RUNS))

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row per pair of levels that a claim compares; a positive difference is as claimed."""
        return pd.DataFrame(pair_rows(self.results.claims))

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row per claim, variant, dataset and track; ``decides`` marks the claim's own verdict."""
        return pd.DataFrame(verdict_rows(self.results.claims))

    @cached_property
    def effects(self) -> pd.DataFrame:
        """One row per claim, pair of levels and context: the difference there, and what the context is."""
        return pd.DataFrame(effect_rows(self.results))


def effect_rows(results: Results) -> Iterator[Row]:
    """Every pair in every context; a positive difference is as claimed."""
    contexts = {c.name: dict(c.values) for c in results.contexts}
    for claim in results.claims:
        for pair in claim.general.pairs if claim.general else ():
            both = {"claim": claim.id, "a": pair.a, "b": pair.b, "unit": pair.unit}
            for effect in pair.effects:
                yield {**both, **effect.model_dump(), **contexts[effect.context]}


def run_rows(claims: Iterable[ClaimResult]) -> Iterator[Row]:
    """Every run of every level."""
    for place, _, finding in _findings(claims):
        for level in finding.levels:
            chosen = level.pick.chosen if level.pick else {}
            for seed, value in level.values.items():  # noqa: PD011 - no table
                yield {
                    **place,
                    **level.model_dump(include=_LEVEL),
                    "decides": finding.decides,
                    "seed": int(seed),
                    "status": level.seed_status.get(seed, "missing"),
                    "metric": finding.metric,
                    "unit": finding.unit,
                    "derived": finding.derived,
                    "value": value,
                    "cell": chosen.get(seed, level.cell),
                }


def pair_rows(claims: Iterable[ClaimResult]) -> Iterator[Row]:
    """Every pair of levels; what they are read from, where their changes are compared."""
    for place, _, finding in _findings(claims):
        changes = {lv.level: lv.from_baseline for lv in finding.levels if lv.from_baseline}
        bases = {level: change.baseline for level, change in changes.items()}
        for pair in finding.pairs:
            read = {"a_from": bases.get(pair.a), "b_from": bases.get(pair.b)}
            yield {**place, "metric": finding.metric, **pair.model_dump(), **read}


def verdict_rows(claims: Iterable[ClaimResult]) -> Iterator[Row]:
    """Every finding's verdict."""
    for place, claim, finding in _findings(claims):
        yield {
            **place,
            "title": claim.title,
            "kind": finding.kind,
            "metric": finding.metric,
            "decides": finding.decides,
            "verdict": finding.verdict,
            "reason": finding.verdict_reason,
            "blocks": finding.blocks,
            "p": finding.p,
        }


def _findings(claims: Iterable[ClaimResult]) -> Iterator[tuple[Row, ClaimResult, Finding]]:
    for claim in claims:
        for finding in claim.results:
            place = (claim.id, finding.variant, finding.dataset, finding.track)
            yield dict(zip(_PLACE, place, strict=True)), claim, finding
