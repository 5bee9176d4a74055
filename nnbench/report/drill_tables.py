"""The tables behind one result: other metrics, facts, candidates, tuning, settings."""

from __future__ import annotations

import json
from collections.abc import Mapping

from nnbench.metrics import METRICS
from nnbench.report.result_tables import Json, interval_of, level_name, ordered_levels
from nnbench.report.table import Table, make_table
from nnbench.settings import Settings
from nnbench.text.rounding import (
    MINUS,
    count_text,
    duration_text,
    interval_texts,
    loss_unit,
    significant,
    value_text,
    with_unit,
)
from nnbench.text.wording import title_of


def other_table(result: Json) -> Table:
    """What else was measured, and what it cost."""
    levels = ordered_levels(result)
    names = [name for name in METRICS if any(name in level["metrics"] for level in levels)]
    measured = {
        with_unit(title_of(METRICS[name]), unit_on(name, result)): interval_texts(
            [interval_of(level["metrics"].get(name)) for level in levels], unit_on(name, result)
        )
        for name in names
    }
    columns = {
        "Level": [level_name(level) for level in levels],
        **measured,
        "Training, all runs": [duration_text(level["train_seconds"]) for level in levels],
        "Samples/s": [_speed(level["samples_per_second"]) for level in levels],
        "Parameters": [value_text(level["parameters"], "count") for level in levels],
        "Cell": [_cells(level) for level in levels],
    }
    timed = any(METRICS[name].timing for name in names)
    here = f"; times on {' and on '.join(result['machines'])}" if timed else ""
    rows = list(zip(*columns.values(), strict=True))
    return make_table(
        f"Other measurements and cost{here}", list(columns), rows=rows, text=("Cell",)
    )


def unit_on(name: str, result: Json) -> str:
    """A metric's unit; that of losses is the one of what the levels minimise."""
    unit = METRICS[name].unit
    return loss_unit(result["objective"], result["task"]) if unit == "nats" else unit


def _speed(speed: float | None) -> str:
    return "–" if speed is None else f"{speed:,.0f}"


def _cells(level: Json) -> str:
    return level["cell"] or f"{len(level['cells'])} candidates"


def fact_table(result: Json) -> Table | None:
    """What the records say about each level's place: versions, batch sizes, resolutions."""
    levels = [level for level in ordered_levels(result) if level["facts"]]
    names = list(dict.fromkeys(name for level in levels for name in level["facts"]))
    if not names:
        return None
    rows = [
        [level_name(level), *(fact_text(level["facts"].get(name)) for name in names)]
        for level in levels
    ]
    columns = ["Level", *(name.replace("_", " ") for name in names)]
    return make_table("Facts about each level", columns, rows=rows, text=columns)


def fact_text(value: object) -> str:
    """A fact as a reader wants it: numbers grouped or rounded, lists and mappings spelled out."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {fact_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(fact_text, value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        whole = float(value).is_integer()
        text = count_text(value) if whole else significant(value, 4)
        return text.replace("-", MINUS)
    return "–" if value is None else {"True": "yes", "False": "no"}.get(str(value), str(value))


def candidate_tables(result: Json) -> tuple[Table, ...]:
    """The candidates of each level that was picked, with their means and how often each was taken."""
    return tuple(
        _candidate_table(level, result) for level in ordered_levels(result) if level["pick"]
    )


def _candidate_table(level: Json, result: Json) -> Table:
    pick = level["pick"]
    candidates, blocks = pick["candidates"], level["planned"]
    by, about = METRICS[pick["by"]], METRICS[pick["metric"]]
    scores = interval_texts([interval_of(c["by"]) for c in candidates], unit_on(by.name, result))
    values = interval_texts([interval_of(c) for c in candidates], unit_on(about.name, result))
    columns = {
        "Candidate": [_candidate(c["settings"]) or c["cell"] for c in candidates],
        with_unit(by.title, unit_on(by.name, result)): scores,
        with_unit(title_of(about), unit_on(about.name, result)): values,
        **({"Drawn": [f"{c['drawn']}/{blocks}" for c in candidates]} if pick["draws"] else {}),
        "Chosen": [f"{c['chosen']}/{blocks}" for c in candidates],
        **({"Diverged": [f"{c['diverged']}/{blocks}" for c in candidates]}
           if any(c["diverged"] for c in candidates) else {}),
    }  # fmt: skip
    rows = list(zip(*columns.values(), strict=True))
    return make_table(f"Candidates of {level['level']}", list(columns), rows=rows)


def pick_text(level: Json) -> str:
    """How a level was chosen, in a sentence."""
    pick = level["pick"]
    by = METRICS[pick["by"]]
    best = "lowest" if by.lower_is_better else "highest"
    number = len(pick["candidates"])
    among = f"{pick['draws']} drawn from {number}" if pick["draws"] else str(number)
    return (
        f"{level['level']}: in each block the candidate with the {best} {by.title.lower()}, "
        f"of {among}."
    )


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


def by_default(
    shared: tuple[tuple[str, str], ...],
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """Settings that a config or claim states, and those that stand at their defaults."""
    defaults = flat(Settings().model_dump(mode="json"))
    stated = tuple(item for item in shared if defaults.get(item[0]) != item[1])
    return stated, tuple(item for item in shared if item not in stated)


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
