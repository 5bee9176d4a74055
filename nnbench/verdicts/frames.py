"""A ``results.json`` as tables, for whoever asks it something that the report does not answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from nnbench.records.results import ClaimResult, Finding, Results

Row = dict[str, object]


@dataclass(frozen=True)
class LoadedResults:
    """A run's results, and the same as tables."""

    results: Results

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row per claim, variant, dataset, track, level and seed: what was claimed and measured."""
        return pd.DataFrame(
            {
                **place,
                "level": level.level,
                "role": level.role,
                "seed": int(seed),
                "status": level.seed_status[seed],
                "metric": finding.metric,
                "value": value,
                "claimed": level.claimed,
            }
            for place, _, finding in self._findings()
            for level in finding.levels
            for seed, value in level.values.items()  # noqa: PD011 - no table
        )

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row per pair of levels that a claim compares; a positive difference is as claimed."""
        return pd.DataFrame(
            {**place, "metric": finding.metric, **pair.model_dump()}
            for place, _, finding in self._findings()
            for pair in finding.pairs
        )

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row per claim, variant, dataset and track; ``decides`` marks the claim's own verdict."""
        return pd.DataFrame(
            {
                **place,
                "title": claim.title,
                "kind": finding.kind,
                "metric": finding.metric,
                "decides": finding.decides,
                "verdict": finding.verdict,
                "reason": finding.verdict_reason,
                "blocks": finding.blocks,
            }
            for place, claim, finding in self._findings()
        )

    def _findings(self) -> Iterator[tuple[Row, ClaimResult, Finding]]:
        for claim in self.results.claims:
            for finding in claim.results:
                where: Row = {
                    "claim": claim.id,
                    "variant": finding.variant,
                    "dataset": finding.dataset,
                    "track": finding.track,
                }
                yield where, claim, finding
