"""The numbers for other programs: one tidy CSV file per claim, and two over all claims."""

import re
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from nnbench.records.results import ClaimResult, Finding
from nnbench.report.anchors import Anchors

Row = dict[str, object]
_KEY = ("claim", "dataset", "track", "variant")
_RUNS = (
    *_KEY, "decides", "level", "role", "claimed", "claimed_rank", "seed", "status", "metric", "unit",
    "derived", "value", "cell", "at", "not_measured",
)  # fmt: skip
_LEVEL = {"level", "role", "claimed", "claimed_rank", "at", "not_measured"}
_VERDICTS = (
    "claim", "kind", "status", *_KEY[1:], "decides", "metric", "verdict", "reason", "blocks",
)  # fmt: skip
_PAIRS = (
    *_KEY, "metric", "a", "b", "role", "tie", "difference", "low", "high", "margin", "unit",
    "percent", "p", "p_holm", "status", "n", "censored",
)  # fmt: skip
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def csv_files(claims: Sequence[ClaimResult], anchors: Anchors) -> dict[str, bytes]:
    """File name to content: ``<document>-<claim>.csv``, ``verdicts.csv``, ``pairs.csv``."""
    return {
        **{f"{anchors.claims[c.id]}.csv": _csv(_runs(c), _RUNS) for c in claims if c.results},
        "verdicts.csv": _csv((row for claim in claims for row in _verdicts(claim)), _VERDICTS),
        "pairs.csv": _csv((row for claim in claims for row in _pairs(claim)), _PAIRS),
    }


def _csv(rows: Iterable[Row], columns: Sequence[str]) -> bytes:
    plain = [{name: no_formula(value) for name, value in row.items()} for row in rows]
    frame = pd.DataFrame(plain, columns=list(columns), dtype=object)
    return frame.to_csv(index=False, lineterminator="\n").encode()


def no_formula(value: object) -> object:
    """A text that a spreadsheet would compute gets an apostrophe in front, which makes it text there.

    Numbers stay as they are, also those that are names of levels.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("=", "+", "-", "@")):
        return value
    return value if _NUMBER.fullmatch(value) else f"'{value}"


def _shared(claim: ClaimResult, finding: Finding) -> Row:
    """What all rows of a finding say."""
    return {**dict(zip(_KEY, (claim.id, *finding.key), strict=True)), "metric": finding.metric}


def _runs(claim: ClaimResult) -> Iterator[Row]:
    for finding in claim.results:
        for level in finding.levels:
            chosen = level.pick.chosen if level.pick else {}
            for seed, value in level.values.items():  # noqa: PD011 - no table
                yield {
                    **_shared(claim, finding),
                    **level.model_dump(include=_LEVEL),
                    "cell": chosen.get(seed, level.cell),
                    "decides": finding.decides,
                    "derived": finding.derived,
                    "seed": seed,
                    "status": level.seed_status.get(seed, "missing"),
                    "unit": finding.unit,
                    "value": value,
                }


def _verdicts(claim: ClaimResult) -> Iterator[Row]:
    shared = {"claim": claim.id, "kind": claim.kind, "status": claim.status}
    if not claim.results:
        yield {**shared, "verdict": claim.verdict, "reason": claim.reason}
    for finding in claim.results:
        yield {
            **shared,
            **_shared(claim, finding),
            "decides": finding.decides,
            "verdict": finding.verdict,
            "reason": finding.verdict_reason,
            "blocks": finding.blocks,
        }


def _pairs(claim: ClaimResult) -> Iterator[Row]:
    for finding in claim.results:
        for pair in finding.pairs:
            yield {**pair.model_dump(), **_shared(claim, finding)}
