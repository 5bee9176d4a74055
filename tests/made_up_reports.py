"""Reports made up for comparisons, and what may become of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from made_up_parts import claim, level, result
from made_up_results import made_up_results

from nnbench.audit.compare import compare
from nnbench.audit.comparison import Comparison
from nnbench.records.results import Results

Json = dict[str, Any]
Change = Callable[[Json], Any]


def report() -> Json:
    """Four claims: two about losses, one about an accuracy, one about time."""
    losses = [level("high", 0.1, 0.2, spread=0.01, lr=0.1), level("low", 0.2, 0.4, spread=0.02)]
    other = [level("few", 0.1, 0.9, spread=0.01), level("many", 0.2, 0.8, spread=0.02)]
    right = [level("raw", 0.5, 0.5, spread=0.01), level("scaled", 0.6, 0.6, spread=0.01)]
    times = [level("jax", 9, 2.0, spread=0.02), level("keras", 19, 4.0, spread=0.02)]
    claims = [
        claim("loss/rate", "Rates", quote="q",
              results=[result("mnist5k", "test_loss", losses, verdict="reproduced"),
                       result("mnist1d", "test_loss", other, verdict="partly", decides=False)]),
        claim("loss/size", "Sizes", quote="q",
              results=[result("mnist1d", "test_loss", other, verdict="partly")]),
        claim("resolve/scaling", "Scaling", quote="q",
              results=[result("mnist5k", "test_accuracy", right, verdict="reproduced")]),
        claim("learn/framework", "Frameworks", quote="q",
              results=[result("mnist5k", "seconds", times, verdict="reproduced")]),
    ]  # fmt: skip
    # through JSON, so that claims share nothing in memory
    content: Json = json.loads(json.dumps({**made_up_results(), "claims": claims}))
    return content


def changed(*changes: Change) -> Json:
    content = report()
    for change in changes:
        change(content)
    return content


def parsed(content: Json) -> Results:
    return Results.model_validate_json(json.dumps(content))


def compared(a: Json, b: Json) -> Comparison:
    return compare(parsed(a), parsed(b))


def found(a: Json, b: Json) -> Json:
    """As a program gets it: through JSON."""
    content: Json = json.loads(json.dumps(compared(a, b).to_json(), allow_nan=False))
    return content


def moved(content: Json) -> dict[str, Json]:
    return {
        f"{entry['claim']} {entry['dataset']} {entry['level']}": entry
        for entry in content["levels"]
        if entry["outcome"] == "moved"
    }


def levels_of(content: Json, claim_id: str, *, at: int = 0) -> list[Json]:
    claims = {item["id"]: item for item in content["claims"]}
    levels: list[Json] = claims[claim_id]["results"][at]["levels"]
    return levels


def times(claim_id: str, factor: float, *, at: int = 0, name: str | None = None) -> Change:
    """Multiply the values of a result's levels."""

    def change(content: Json) -> None:
        for item in levels_of(content, claim_id, at=at):
            if name in (None, item["level"]):
                item["values"] = {seed: factor * v for seed, v in item["values"].items()}

    return change


def verdict(claim_id: str, word: str | None) -> Change:
    def change(content: Json) -> None:
        for item in content["claims"]:
            if item["id"] == claim_id:
                item["verdict"] = item["results"][0]["verdict"] = word

    return change


def machine(name: str) -> Change:
    def change(content: Json) -> None:
        content["provenance"]["machines"][0]["device_name"] = name
        for item in content["claims"]:
            for part in item["results"]:
                part["machines"] = [f"{name}, 8 cores"]

    return change


def all_levels(content: Json) -> Iterator[Json]:
    for item in content["claims"]:
        for part in item["results"]:
            yield from part["levels"]


def every_level(key: str, value: Any) -> Change:
    def change(content: Json) -> None:
        for one in all_levels(content):
            one[key] = value

    return change
