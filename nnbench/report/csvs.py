"""The numbers for other programs: one tidy CSV a claim, and two over all claims."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

Json = Mapping[str, Any]
_PLACE = ("dataset", "track", "variant")
_RUNS = (
    "claim", *_PLACE, "decides", "level", "role", "claimed", "claimed_rank", "seed", "status",
    "metric", "unit", "derived", "value", "cell", "at", "not_measured",
)  # fmt: skip
_LEVEL = ("level", "role", "claimed", "claimed_rank", "at", "not_measured")
_VERDICTS = ("claim", "kind", "status", *_PLACE, "decides", "metric", "verdict", "reason", "blocks")
_PAIRS = (
    "claim", *_PLACE, "metric", "a", "b", "role", "tie", "difference", "low", "high", "margin",
    "unit", "percent", "p", "p_holm", "status", "n", "censored",
)  # fmt: skip
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def csv_files(claims: Sequence[Json]) -> dict[str, bytes]:
    """File name to content: ``<document>-<claim>.csv``, ``verdicts.csv``, ``pairs.csv``."""
    files = {
        f"{claim['anchor']}.csv": _csv(_runs(claim), _RUNS) for claim in claims if claim["results"]
    }
    files["verdicts.csv"] = _csv((row for claim in claims for row in _verdicts(claim)), _VERDICTS)
    files["pairs.csv"] = _csv((row for claim in claims for row in _pairs(claim)), _PAIRS)
    return files


def _csv(rows: Iterator[dict[str, Any]], columns: Sequence[str]) -> bytes:
    plain = [{name: no_formula(value) for name, value in row.items()} for row in rows]
    frame = pd.DataFrame(plain, columns=list(columns), dtype=object)
    return frame.to_csv(index=False, lineterminator="\n").encode()


def no_formula(value: object) -> object:
    """A text that a spreadsheet would compute gets an apostrophe in front, which makes it text there.

    Numbers stay as they are, those that are names of levels, too.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("=", "+", "-", "@")):
        return value
    return value if _NUMBER.fullmatch(value) else f"'{value}"


def _place(claim: Json, result: Json) -> dict[str, Any]:
    return {
        "claim": claim["id"],
        "metric": result["metric"],
        **{key: result[key] for key in _PLACE},
    }


def _runs(claim: Json) -> Iterator[dict[str, Any]]:
    for result in claim["results"]:
        for level in result["levels"]:
            for seed, value in level["values"].items():
                yield {
                    **_place(claim, result),
                    **{key: level[key] for key in _LEVEL},
                    "cell": (level["pick"] or {}).get("chosen", {}).get(seed, level["cell"]),
                    "decides": result["decides"],
                    "derived": result["derived"],
                    "seed": seed,
                    "status": level["seed_status"].get(seed, "missing"),
                    "unit": result["unit"],
                    "value": value,
                }


def _verdicts(claim: Json) -> Iterator[dict[str, Any]]:
    shared = {"claim": claim["id"], "kind": claim["kind"], "status": claim["status"]}
    if not claim["results"]:
        yield {**shared, "verdict": claim["verdict"], "reason": claim["reason"]}
    for result in claim["results"]:
        yield {
            **shared,
            **_place(claim, result),
            **{key: result[key] for key in ("decides", "verdict", "blocks")},
            "reason": result["verdict_reason"],
        }


def _pairs(claim: Json) -> Iterator[dict[str, Any]]:
    for result in claim["results"]:
        for pair in result["pairs"]:
            yield {**_place(claim, result), **{key: pair[key] for key in _PAIRS if key in pair}}
