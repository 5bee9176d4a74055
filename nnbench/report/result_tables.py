"""The tables of one result: levels, pairs, runs, other measurements, settings, search."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from nnbench.metrics import METRICS
from nnbench.report.table import Cell, Table, make_table
from nnbench.rounding import (
    Interval,
    claimed_texts,
    duration_text,
    interval_texts,
    p_text,
    signed_percent,
    significant,
    value_text,
    with_unit,
)
from nnbench.vocabulary import SEED_MARKS, pair_chip

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
    unit = result["unit"]
    capped = any(level["capped"] for level in result["levels"])
    columns = [
        "Level",
        with_unit("Claimed", unit),
        with_unit("Measured", unit),
        "Runs",
        "Diverged",
    ]
    levels = ordered_levels(result)
    claimed = claimed_texts([level["claimed"] for level in levels], unit)
    rows: list[list[Cell]] = []
    measured = interval_texts([interval_of(level) for level in levels], unit)
    for level, document, ours in zip(levels, claimed, measured, strict=True):
        runs, planned = level["n"], level["planned"]
        row: list[Cell] = [
            level_name(level),
            document,
            ours,
            f"{runs}/{planned}",
            f"{level['diverged']}/{runs}",
        ]
        rows.append([*row, f"{level['capped']}/{runs}"] if capped else row)
    caption = f"{result['metric_title']}: {_what_is_shown(result)}"
    return make_table(caption, [*columns, "Capped"] if capped else columns, rows=rows)


def _what_is_shown(result: Json) -> str:
    if all(level["mean"] is None for level in result["levels"]):
        return "nothing measured"
    if all(level["low"] is None for level in result["levels"]):
        return "exact values" if result["unit"] == "count" else "single values"
    mean = "geometric mean" if result["scale"] == "log" else "mean"
    return f"{mean} with 95 % confidence interval"


def pair_table(result: Json, *, kind: str) -> Table | None:
    """What is claimed of two levels, what was measured, and the outcome."""
    if not result["pairs"]:
        return None
    columns = ("Claimed", "Outcome", "Measured", "Margin", "p", "p, Holm")
    rows = [_pair_row(pair, kind=kind) for pair in result["pairs"]]
    text = ("Measured", "Outcome")
    return make_table("Pairs of levels, compared run by run", columns, rows=rows, text=text)


def _pair_row(pair: Json, *, kind: str) -> list[Cell]:
    relation = "as good as" if pair["tie"] or kind == "equal" else "better than"
    if kind == "differs":
        relation = "different from"
    ends = " (best and worst)" if pair["role"] == "extremes" else ""
    measured = pair["text"] + (" (sign test: some runs were capped)" if pair["censored"] else "")
    return [
        f"{pair['a']} {relation} {pair['b']}{ends}",
        pair_chip(pair["status"], kind=kind),
        measured,
        _margin(pair),
        p_text(pair["p"]),
        p_text(pair["p_holm"]),
    ]


def _margin(pair: Json) -> str:
    if pair["unit"] == "log":
        from_log = signed_percent(math.expm1(pair["margin"]) * 100)
        return from_log.replace("+", "±")
    return f"±{significant(100 * pair['margin'], 2)} points"


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


def other_table(result: Json) -> Table:
    """The other measurements of each level, and what they cost."""
    levels = ordered_levels(result)
    names = sorted({name for level in levels for name in level["metrics"]} - {result["metric"]})
    units = {name: METRICS[name].unit if name in METRICS else "count" for name in names}
    titles = [with_unit(METRICS[n].title if n in METRICS else n, units[n]) for n in names]
    columns = ["Level", *titles, "Training time", "Samples/s", "Parameters", "Cell"]
    measured = [
        interval_texts([interval_of(level["metrics"].get(name)) for level in levels], units[name])
        for name in names
    ]
    rows = [
        [level_name(level), *(column[i] for column in measured), *_costs(level)]
        for i, level in enumerate(levels)
    ]
    return make_table("Other measurements and cost", columns, rows=rows, text=("Cell",))


def _costs(level: Json) -> list[str]:
    seconds, speed = level["train_seconds"], level["samples_per_second"]
    return [
        duration_text(seconds),
        "–" if speed is None else f"{speed:,.0f}",
        value_text(level["parameters"], "count"),
        level["cell"] or "–",
    ]


def search_table(result: Json) -> Table | None:
    """The tuning of each level: the mean validation loss of every candidate."""
    levels = [level for level in ordered_levels(result) if level["search"]]
    if not levels:
        return None
    candidates = list(
        dict.fromkeys(_candidate(c) for i in levels for c in i["search"]["candidates"])
    )
    rows = [[name, *(_score(level["search"], name) for level in levels)] for name in candidates]
    caption = "Tuning: mean validation loss of each candidate (◂ chosen)"
    return make_table(caption, ["Candidate", *map(level_name, levels)], rows=rows)


def _candidate(candidate: Json) -> str:
    return ", ".join(f"{key} = {plain(value)}" for key, value in candidate.items())


def _score(search: Json, name: str) -> str:
    names = [_candidate(candidate) for candidate in search["candidates"]]
    if name not in names:
        return "–"
    index = names.index(name)
    score = search["scores"][index]
    text = "failed" if score is None else significant(score, 3)
    if index != search["chosen"]:
        return text
    return f"{text} ◂" + (" edge of the grid" if search["at_edge"] else "")


def chosen_text(level: Json) -> str:
    """What tuning chose for one level."""
    search = level["search"]
    chosen = _candidate(search["candidates"][search["chosen"]])
    return f"{level['level']}: {chosen}" + (" (edge of the grid)" if search["at_edge"] else "")


def plain(value: object) -> str:
    """A setting's value as a config would say it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.10g}"
    return "none" if value is None else json.dumps(value, sort_keys=True)


def flat(settings: Json, *, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted keys and texts."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, prefix=f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = plain(value)
    return found


def setting_tables(result: Json) -> tuple[Table | None, tuple[tuple[str, str], ...]]:
    """What differs between the levels as a table, and what they share as key and value."""
    levels = ordered_levels(result)
    settings = [flat(level["settings"]) for level in levels]
    keys = list(dict.fromkeys(key for one in settings for key in one))
    differing = [key for key in keys if len({one.get(key) for one in settings}) > 1]
    shared = tuple((key, settings[0][key]) for key in keys if key not in differing)
    if not differing:
        return None, shared
    rows = [
        [level_name(level), *(one.get(key, "–") for key in differing)]
        for level, one in zip(levels, settings, strict=True)
    ]
    return make_table(
        "Settings that differ", ["Level", *differing], rows=rows, text=differing
    ), shared
