"""The numbers for other programs: one tidy CSV file per claim and per study, and two over all claims."""

import re
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from nnbench.records.results import ClaimResult
from nnbench.records.studies import StudyResult
from nnbench.report import studies
from nnbench.report.anchors import Anchors
from nnbench.verdicts.frames import Row, pair_rows, run_rows, verdict_rows

_KEY = ("claim", "dataset", "track", "variant")
_RUNS = (
    *_KEY, "decides", "level", "role", "claimed", "claimed_rank", "seed", "status", "metric", "unit",
    "derived", "value", "cell", "at", "not_measured",
)  # fmt: skip
_VERDICTS = (
    "claim", "kind", "status", *_KEY[1:], "decides", "metric", "verdict", "reason", "blocks", "p",
)  # fmt: skip
_PAIRS = (
    *_KEY, "metric", "a", "b", "a_from", "b_from", "role", "tie", "difference", "low", "high", "margin", "unit",
    "percent", "p", "p_holm", "status", "small", "n", "censored", "detectable", "blocks_needed",
    "seconds_needed",
)  # fmt: skip
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def runs_of_each(claims: Sequence[ClaimResult], anchors: Anchors) -> dict[str, bytes]:
    """Every run of a claim: ``<document>-<claim>.csv``, by file name."""
    return {f"{anchors.claims[c.id]}.csv": _csv(run_rows([c]), _RUNS) for c in claims if c.results}


def shares_of_each(claims: Sequence[ClaimResult], anchors: Anchors) -> dict[str, bytes]:
    """What a claim that rests on a study is judged by: ``<document>-<claim>.csv``, by file name."""
    judged = (claim for claim in claims if claim.shares)
    return {
        f"{anchors.claims[c.id]}.csv": _csv(studies.claimed_rows(c), studies.CLAIMED)
        for c in judged
    }


def runs_of_studies(found: Iterable[StudyResult]) -> dict[str, bytes]:
    """Every run of a study: ``study-<name>.csv``, by file name."""
    return {f"{studies.file_name(s)}.csv": _csv(studies.rows(s), studies.columns(s)) for s in found}


def over_all(claims: Sequence[ClaimResult]) -> dict[str, bytes]:
    """What is found of all claims: ``verdicts.csv`` and ``pairs.csv``, by file name."""
    return {
        "verdicts.csv": _csv((row for claim in claims for row in _verdicts(claim)), _VERDICTS),
        "pairs.csv": _csv(pair_rows(claims), _PAIRS),
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


def _verdicts(claim: ClaimResult) -> Iterator[Row]:
    """A claim's verdicts; its status alone where it has no findings."""
    shared = {"claim": claim.id, "kind": claim.kind, "status": claim.status}
    if not claim.results:
        yield {**shared, "verdict": claim.verdict, "reason": claim.reason}
    for row in verdict_rows([claim]):
        yield {**row, **shared}
