"""The parts of a made-up results.json: levels, pairs, results and claims.

No number was measured. Values follow from formulas (no random generator, whose streams may change
between versions), so that the golden Markdown stays the same everywhere.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from nnbench.metrics import METRICS
from nnbench.text import wording

HOSTILE = "<script>alert('x')</script> | `code` & $5 *bold* [link](x) <b>"
SEEDS = 10
_T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
_SPREAD = (-1.3, 0.4, -0.2, 1.1, -0.8, 0.1, 0.7, -0.5, 0.9, -0.4)
_DATASETS = {
    "mnist5k": "MNIST-5k",
    "mnist1d": "MNIST-1D",
    "coin_flip": "Coin flips",
    "diabetes": "Diabetes",
}
DOCUMENTS = {
    "loss": "Neural Net Loss",
    "learn": "Neural Network Does Not Learn",
    "resolve": "How can I resolve a neural network error?",
    "keras": "Why do Keras neural networks sometimes give prediction errors?",
}


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and 95 % t interval; no interval for fewer than two values."""
    if not values:
        return {"mean": None, "low": None, "high": None}
    mean = statistics.fmean(values)
    if len(values) < 2:
        return {"mean": mean, "low": None, "high": None}
    half = _T95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def curves(
    final: float, *, epochs: int = 40, chance: float = 2.3, bend: float = 0.0
) -> dict[str, Any]:
    """Curves that fall from chance to ``final``; ``bend`` > 0 lets validation rise again."""
    grid = list(range(1, epochs + 1))
    train = [0.6 * final + (chance - 0.6 * final) * math.exp(-e / 5) for e in grid]
    valid = [final + (chance - final) * math.exp(-e / 4) + bend * e / epochs for e in grid]
    return {
        "epochs": grid,
        "train_loss": train,
        "validation_loss": valid,
        "validation_loss_low": [0.94 * v for v in valid],
        "validation_loss_high": [1.06 * v for v in valid],
        "validation_accuracy": [1 - 0.9 * min(1.0, v / chance) for v in valid],
    }


def level(
    name: str,
    claimed: float | None,
    mean: float,
    *,
    spread: float,
    role: str = "level",
    diverged: Sequence[int] = (),
    capped: Sequence[int] = (),
    missing: Sequence[int] = (),
    chance: float = 2.302585,
    n: int = SEEDS,
    curve: Mapping[str, Any] | None = None,
    search: Mapping[str, Any] | None = None,
    other: Mapping[str, Any] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """One level; ``diverged`` seeds score ``chance``, ``capped`` ones stand at 300.

    ``other`` replaces fields of the entry, as ``claimed_rank``, ``facts`` and ``pick``.
    """
    status = dict.fromkeys(range(n), "ok")
    status |= dict.fromkeys(diverged, "diverged") | dict.fromkeys(capped, "capped")
    status |= dict.fromkeys(missing, "missing")
    values: dict[str, float | None] = {}
    for seed, word in status.items():
        value = mean + spread * _SPREAD[(seed + len(name)) % len(_SPREAD)]
        scored = {"diverged": chance, "capped": 300.0, "missing": None}.get(word, value)
        values[str(seed)] = scored
    there = [value for value in values.values() if value is not None]
    return {
        "level": name, "role": role, "at": None, "claimed": claimed, "claimed_rank": None,
        **interval(there), "not_measured": None,
        "n": len(there), "planned": n,
        "diverged": len(diverged), "capped": len(capped), "failed": len(missing),
        "values": values, "seed_status": {str(seed): word for seed, word in status.items()},
        "metrics": {"test_accuracy": {"mean": 0.9134, "low": 0.9102, "high": 0.9166}},
        "cell": f"{sum(map(ord, name)):016x}", "cells": [f"{sum(map(ord, name)):016x}"],
        "settings": {"model": "mlp", "hidden": [128], "optimizer": "adam", "lr": 0.001, **settings},
        "train_seconds": 12.3, "samples_per_second": 12345.0, "parameters": 101770,
        "flops": None, "facts": {}, "search": search, "pick": None, "curves": curve,
    } | dict(other or {})  # fmt: skip


def pair(a: str, b: str, difference: float, status: str, **more: Any) -> dict[str, Any]:
    """One judged pair of levels; ``difference`` is positive as claimed."""
    unit = more.pop("unit", "log")
    low, high = difference - 0.03, difference + 0.03
    percent = math.expm1(difference) * 100 if unit == "log" else None
    size = abs(percent) if percent is not None else 100 * abs(difference)
    word = "better" if difference > 0 else "worse"
    return {
        "a": a, "b": b, "difference": difference, "low": low, "high": high, "margin": 0.0488,
        "unit": unit, "percent": percent, "status": status, "role": "adjacent", "p": 0.0004,
        "p_holm": 0.0012, "p_equal": 0.0006, "tie": status in ("holds", "violated"), "n": SEEDS, "censored": False,
        "text": f"{a} {word} than {b} by {size:.0f} {'%' if unit == 'log' else 'points'}",
    } | more  # fmt: skip


def result(
    dataset: str,
    metric: str,
    levels: Sequence[Mapping[str, Any]],
    *,
    verdict: str | None,
    pairs: Sequence[Mapping[str, Any]] = (),
    track: str = "as-written",
    decides: bool = True,
    variant: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One claim on one dataset in one track."""
    known = METRICS[metric]
    unit = known.unit
    return {
        "dataset": dataset, "dataset_title": _DATASETS[dataset], "track": track,
        "variant": variant, "variant_title": None if variant is None else f"read as {variant}",
        "decides": decides, "kind": "order", "task": "classification", "metric": metric,
        "metric_title": wording.title_of(known), "unit": unit,
        "lower_is_better": known.lower_is_better, "directed": known.directed, "scale": known.scale,
        "objective": "cross_entropy",
        "timing": known.timing, "derived": known.derived, "notes": [],
        "machines": ["Example CPU, 8 cores"],
        "chance": {"nats": 2.302585, "fraction": 0.1}.get(unit),
        "resolution": 0.0075 if unit == "fraction" else None, "conditional": dataset == "mnist5k",
        "verdict": verdict, "verdict_reason": f"a short clause for {verdict}",
        "sentence": f"On {_DATASETS[dataset]} ({track}) the levels come out as {verdict}.",
        "blocks": SEEDS, "levels": list(levels), "pairs": list(pairs),
    } | more  # fmt: skip


def claim(
    id_: str,
    title: str,
    *,
    quote: str,
    kind: str = "order",
    status: str = "judged",
    results: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """One claim; the deciding result gives its verdict."""
    document, name = id_.split("/")
    decided = [r["verdict"] for r in results if r["decides"]]
    results = [{**r, "kind": kind if r["variant"] is None else r["kind"]} for r in results]
    return {
        "id": id_, "document": document, "document_title": DOCUMENTS[document], "name": name,
        "title": title, "quote": quote, "kind": kind, "status": status,
        "reason": "needs the full tier" if status == "not run" else None,
        "cost_seconds": None, "second_look": "", "order": [],
        "verdict": decided[0] if decided else None,
        "answer": f"A plain sentence that answers whether {title.lower()} matter as claimed.",
        "factor": name.replace("-", " "), "metric": "test_loss", "tier": "default",
        "experiment": "An MLP 784-128-10, ten seeds per level, tested once.",
        "limits": "Says nothing about larger networks.", "caveats": [], "links": [],
        "depends_on_track": False, "results": list(results),
        "command": f"""snakemake --cores 8 --config only='["{id_}"]'""",
    } | more  # fmt: skip
