"""The tables of one result that a reader sees first: levels, pairs, runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nnbench.report.table import Cell, Table, make_table
from nnbench.text.rounding import (
    Interval,
    claimed_texts,
    interval_texts,
    ordinal,
    p_text,
    signed_percent,
    significant,
    unit_behind,
    value_text,
    with_unit,
)
from nnbench.text.vocabulary import SEED_MARKS, pair_chip

Json = Mapping[str, Any]


def level_name(level: Json) -> str:
    """A level as rows call it; controls, about which nothing is claimed, are marked."""
    return f"{level['level']} (control)" if level["role"] == "control" else str(level["level"])


def ordered_levels(result: Json) -> list[Json]:
    """The document's order, controls last."""
    return sorted(result["levels"], key=lambda level: level["role"] == "control")


def interval_of(measured: Json | None) -> Interval:
    """Mean, low and high of a level or a metric; all None where there is none."""
    if measured is None:
        return None, None, None
    return measured["mean"], measured["low"], measured["high"]


def level_table(result: Json) -> Table:
    """The document's table beside the measured one."""
    unit, levels = result["unit"], ordered_levels(result)
    measured = interval_texts([interval_of(level) for level in levels], unit)
    columns: dict[str, Sequence[str]] = {
        "Level": [level_name(level) for level in levels],
        **_claimed(levels, unit),
        **_counts(result),
        with_unit("Measured", unit): [
            f"not measured: {level['not_measured']}" if level["not_measured"] else text
            for level, text in zip(levels, measured, strict=True)
        ],
        "Runs": [f"{level['n']}/{level['planned']}" for level in levels],
        "Diverged": [_of_runs(level, "diverged") for level in levels],
    }
    if any(level["capped"] for level in levels):
        columns["Capped"] = [_of_runs(level, "capped") for level in levels]
    caption = f"{result['metric_title']}: {_what_is_shown(result)}"
    rows = list(zip(*columns.values(), strict=True))
    return make_table(caption, list(columns), rows=rows)


def _of_runs(level: Json, key: str) -> str:
    return f"{level[key]}/{level['n']}" if level["n"] else "–"


def _claimed(levels: Sequence[Json], unit: str) -> dict[str, list[str]]:
    """The document's numbers, or its order; no column where it gives neither."""
    if any(level["claimed"] is not None for level in levels):
        texts = claimed_texts([level["claimed"] for level in levels], unit)
        return {with_unit("Claimed", unit): texts}
    ranks = [level["claimed_rank"] for level in levels]
    if not any(ranks):
        return {}
    return {"Claimed rank": ["–" if rank is None else ordinal(rank) for rank in ranks]}


def _counts(result: Json) -> dict[str, list[str]]:
    """Parameters and floating-point operations, where the levels differ in them."""
    columns = {"parameters": "Parameters", "flops": "FLOPs of one image"}
    levels = ordered_levels(result)
    return {
        title: [value_text(level[name], "count") for level in levels]
        for name, title in columns.items()
        if name != result["metric"] and len({level[name] for level in levels} - {None}) > 1
    }


def _what_is_shown(result: Json) -> str:
    if all(level["mean"] is None for level in result["levels"]):
        return "nothing measured"
    if all(level["low"] is None for level in result["levels"]):
        return "exact values" if result["unit"] == "count" else "single values"
    mean = "geometric mean" if result["scale"] == "log" else "mean"
    return f"{mean} with 95 % confidence interval"


def pair_table(result: Json) -> Table | None:
    """What is claimed of two levels, what was measured, and the outcome."""
    if not result["pairs"]:
        return None
    columns = ("Claimed", "Outcome", "Measured", "Margin", "p", "p, Holm")
    rows = [_pair_row(pair, result) for pair in result["pairs"]]
    text = ("Measured", "Outcome")
    return make_table("Pairs of levels, compared run by run", columns, rows=rows, text=text)


def _pair_row(pair: Json, result: Json) -> list[Cell]:
    best_and_worst = "best and worst" if result["directed"] else "smallest and largest"
    ends = f" ({best_and_worst})" if pair["role"] == "extremes" else ""
    measured = pair["text"] + (" (sign test: some runs were capped)" if pair["censored"] else "")
    return [
        f"{pair['a']} {_relation(pair, result)} {pair['b']}{ends}",
        pair_chip(pair["status"], kind=result["kind"]),
        measured,
        _margin(pair, result["unit"]),
        p_text(pair["p"]),
        p_text(pair["p_holm"]),
    ]


def _relation(pair: Json, result: Json) -> str:
    """What the claim says of the first level of a pair, as seen from the second."""
    if result["kind"] == "differs":
        return "different from"
    if pair["tie"] or result["kind"] == "equal":
        return "as good as" if result["directed"] else "as large as"
    return "better than" if result["directed"] else "smaller than"


def _margin(pair: Json, metric_unit: str) -> str:
    if pair["unit"] == "log":
        from_log = signed_percent(math.expm1(pair["margin"]) * 100)
        return from_log.replace("+", "±")
    if metric_unit == "fraction":
        return f"±{significant(100 * pair['margin'], 2)} points"
    return f"±{significant(pair['margin'], 2)} {unit_behind(metric_unit)}".rstrip()


def seed_table(result: Json) -> Table:
    """Every run: one row a seed, one column a level."""
    levels = ordered_levels(result)
    seeds = sorted({seed for level in levels for seed in level["values"]}, key=int)
    rows = [[seed, *(_run(level, seed, unit=result["unit"]) for level in levels)] for seed in seeds]
    caption = with_unit(f"Each run: {result['metric_title'].lower()}", result["unit"])
    return make_table(caption, ["Seed", *map(level_name, levels)], rows=rows)


def _run(level: Json, seed: str, *, unit: str) -> str:
    status = level["seed_status"].get(seed, "missing")
    value = level["values"].get(seed)
    text = "" if value is None else value_text(value, unit, digits=4)
    return (text + SEED_MARKS.get(status, f" {status}")).strip() or "–"
