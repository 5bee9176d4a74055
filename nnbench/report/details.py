"""The tables behind the numbers of a finding: other metrics, facts, candidates, tuning, settings."""

import json
from collections.abc import Mapping

from nnbench.metrics import METRICS
from nnbench.records.level import LevelResult, PickResult, SearchResult
from nnbench.records.results import Finding
from nnbench.report.tables import Table, level_name, ordered_levels
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

Items = list[tuple[str, str]]
_MOST_SHOWN = 12  # of a list of facts; the record has them all
_LONGEST = 100  # characters of a fact in a table


def other_table(finding: Finding) -> Table:
    """What else was measured, and what it cost: a row each, as there are more of these than levels."""
    levels = ordered_levels(finding)
    names = [name for name in METRICS if any(name in level.metrics for level in levels)]
    rows: dict[str, list[str]] = {
        **{
            with_unit(title_of(METRICS[name]), unit): interval_texts(
                [level.metrics.get(name) for level in levels], unit
            )
            for name in names
            for unit in [unit_on(name, finding)]
        },
        "Training, all runs": [duration_text(level.train_seconds) for level in levels],
        "Samples/s": [value_text(level.samples_per_second, "count") for level in levels],
        "Parameters": [value_text(level.parameters, "count") for level in levels],
        "Cell": [level.cell or f"{len(level.cells)} candidates" for level in levels],
    }
    timed = any(METRICS[name].timing for name in names)
    times = f"; times on {' and on '.join(finding.machines)}" if timed else ""
    return Table(
        f"Other measurements and cost{times}",
        ("Mean of runs", *map(level_name, levels)),
        rows=[[name, *values] for name, values in rows.items()],
    )


def unit_on(name: str, finding: Finding) -> str:
    """A metric's unit; that of losses depends on what the levels minimise."""
    unit = METRICS[name].unit
    return loss_unit(finding.objective, finding.task) if unit == "nats" else unit


def fact_table(finding: Finding) -> Table | None:
    """What the records say of each level beside its metrics: versions, batch sizes, resolutions."""
    levels = [level for level in ordered_levels(finding) if level.facts]
    names = list(dict.fromkeys(name for level in levels for name in level.facts))
    if not names:
        return None
    rows = [
        [name.replace("_", " "), *(_short(level.facts.get(name)) for level in levels)]
        for name in names
    ]
    columns = ["Fact", *map(level_name, levels)]
    return Table("Facts about each level", columns, rows=rows, text=columns)


def _short(value: object) -> str:
    """A fact for a table; what would fill a screen is in the data beside it."""
    text = fact_text(value)
    return text if len(text) <= _LONGEST else "in results.json"


def fact_text(value: object) -> str:
    """A fact as a reader wants it: numbers grouped or rounded, lists and mappings spelled out."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {fact_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        shown = list(map(fact_text, value))
        if len(shown) > _MOST_SHOWN:
            shown[2:-1] = ["…"]
            return f"{', '.join(shown)} ({len(value)} values)"
        return ", ".join(shown)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        whole = float(value).is_integer()
        return count_text(value).replace("-", MINUS) if whole else significant(value, 4)
    return "–" if value is None else str(value)


def candidate_tables(finding: Finding) -> tuple[Table, ...]:
    """The candidates of each level that was picked: their means, and how often each was chosen."""
    return tuple(
        _candidate_table(level, level.pick, finding)
        for level in ordered_levels(finding)
        if level.pick
    )


def _candidate_table(level: LevelResult, pick: PickResult, finding: Finding) -> Table:
    candidates = pick.candidates
    by, by_unit = METRICS[pick.by], unit_on(pick.by, finding)
    unit = unit_on(pick.metric, finding)
    counted = {"drawn": pick.draws, "chosen": True, "diverged": any(c.diverged for c in candidates)}
    columns = {
        "Candidate": [_settings_text(c.settings) or c.cell for c in candidates],
        with_unit(by.title, by_unit): interval_texts([c.by for c in candidates], by_unit),
        with_unit(title_of(METRICS[pick.metric]), unit): interval_texts(candidates, unit),
        **{
            name.capitalize(): [f"{getattr(c, name)}/{level.planned}" for c in candidates]
            for name, shown in counted.items()
            if shown
        },
    }
    return Table.of(f"Candidates of {level.level}", columns)


def pick_texts(finding: Finding) -> list[str]:
    """How each level that was picked was chosen, one sentence per level."""
    return [_pick_text(lv.level, lv.pick) for lv in ordered_levels(finding) if lv.pick]


def _pick_text(name: str, pick: PickResult) -> str:
    by = METRICS[pick.by]
    best = "lowest" if by.lower_is_better else "highest"
    number = len(pick.candidates)
    among = f"{pick.draws} drawn from {number}" if pick.draws else str(number)
    return f"{name}: in each block the candidate with the {best} {by.title.lower()}, of {among}."


def search_table(finding: Finding) -> Table | None:
    """The tuning of each level: the mean validation loss of every candidate."""
    searches = [(level_name(lv), lv.search) for lv in ordered_levels(finding) if lv.search]
    if not searches:
        return None
    names = dict.fromkeys(_settings_text(c) for _, search in searches for c in search.candidates)
    rows = [[name, *(_score(search, name) for _, search in searches)] for name in names]
    caption = "Tuning: mean validation loss of each candidate (◂ chosen)"
    return Table(caption, ["Candidate", *(level for level, _ in searches)], rows=rows)


def _settings_text(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{key} = {plain(value)}" for key, value in settings.items())


def _score(search: SearchResult, name: str) -> str:
    names = [_settings_text(candidate) for candidate in search.candidates]
    if name not in names:
        return "–"
    index = names.index(name)
    score = search.scores[index]
    text = "failed" if score is None else significant(score, 3)
    if index != search.chosen:
        return text
    return f"{text} ◂" + (" edge of the grid" if search.at_edge else "")


def chosen_text(finding: Finding) -> str:
    """What tuning chose for each level."""
    return "; ".join(
        f"{level.level}: {_settings_text(level.search.candidates[level.search.chosen])}"
        + (" (edge of the grid)" if level.search.at_edge else "")
        for level in finding.levels
        if level.search
    )


def plain(value: object) -> str:
    """A setting's value as a config would say it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.10g}"
    return "none" if value is None else json.dumps(value, sort_keys=True)


def flat(settings: Mapping[str, object], *, prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted keys and texts."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, prefix=f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = plain(value)
    return found


def settings_of(finding: Finding) -> tuple[Table | None, Items]:
    """What differs between the levels as a table, and what they share and state."""
    levels = ordered_levels(finding)
    settings = [flat(level.settings) for level in levels]
    keys = list(dict.fromkeys(key for one in settings for key in one))
    differing = [key for key in keys if len({one.get(key) for one in settings}) > 1]
    columns = {
        "Level": [level_name(level) for level in levels],
        **{key: [one.get(key, "–") for one in settings] for key in differing},
    }
    table = Table.of("Settings that differ", columns, text=differing) if differing else None
    default = dict(defaults())
    shared = ((key, settings[0][key]) for key in keys if key not in differing)
    return table, [(key, value) for key, value in shared if default.get(key) != value]


def defaults() -> Items:
    """What every setting is where neither a claim nor a config states it."""
    return list(flat(Settings().model_dump(mode="json")).items())
