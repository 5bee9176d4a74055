"""The tables of a claim that a reader sees first: its levels, its pairs of levels, every run."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Self

from nnbench.claims.kinds import KINDS
from nnbench.metrics import METRICS
from nnbench.records.level import LevelResult
from nnbench.records.pair import PairResult
from nnbench.records.results import Finding
from nnbench.text.changes import OF_CHANGES
from nnbench.text.generality import interval
from nnbench.text.rounding import (
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
from nnbench.text.vocabulary import SEED_MARKS, Chip, pair_chip
from nnbench.text.wording import power


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Text that leads to an anchor of the page."""

    text: str
    target: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Links:
    """Several of them in one cell."""

    links: tuple[Link, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.links)) or "–"


Cell = str | Chip | Link | Links
SEED = "Seed"  # heads the column of rows that are named by a number
_PHONE, _LONG, _GAP = 66, 32, 2  # characters: of a line, of an unbroken cell, between columns
SEEN = "Could have seen"  # the heading of what unclear pairs could have shown


@dataclass(frozen=True, slots=True)
class Table:
    """A table as data, so that HTML and Markdown draw the same one; a row's first cell names it."""

    caption: str  # what the numbers are, with their unit
    columns: Sequence[str]
    _: KW_ONLY
    rows: Sequence[Sequence[Cell]]  # as many cells as columns
    text: Sequence[str] = ()  # the columns that hold text, not numbers, besides the first

    def __post_init__(self) -> None:
        bad = [row for row in self.rows if len(row) != len(self.columns)]
        if bad:
            raise ValueError(f"table {self.caption!r}: {len(self.columns)} columns, row {bad[0]}")

    @property
    def is_wide(self) -> bool:
        """Whether it is surely wider than a phone, by the longest cell of each column."""
        rows = [self.columns, *self.rows]
        longest = (max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True))
        return len(self.columns) > 2 and sum(min(n, _LONG) + _GAP for n in longest) > _PHONE

    @property
    def labels(self) -> str:
        """The names of columns as custom properties, by which the cells of cards say theirs; a row's name needs none, but a bare number."""
        quoted = (re.sub(r'(["\\])', r"\\\1", name) for name in self.columns[1:])
        named = [f'--l{number}:"{name}"' for number, name in enumerate(quoted, start=2)]
        return ";".join(['--l1:"Seed "', *named] if self.columns[0] == SEED else named)

    @classmethod
    def of(
        cls, caption: str, columns: Mapping[str, Sequence[Cell]], *, text: Sequence[str] = ()
    ) -> Self:
        """A table from its columns, by header."""
        rows = list(zip(*columns.values(), strict=True))
        return cls(caption, list(columns), rows=rows, text=text)

    def is_text(self, index: int) -> bool:
        """Whether a column is aligned as text."""
        return index == 0 or self.columns[index] in self.text


def level_name(level: LevelResult) -> str:
    """A level as rows call it; controls, about which nothing is claimed, are marked."""
    return f"{level.level} (control)" if level.role == "control" else level.level


def ordered_levels(finding: Finding) -> list[LevelResult]:
    """The document's order, controls last."""
    return sorted(finding.levels, key=lambda level: level.role == "control")


def level_table(finding: Finding) -> Table:
    """The document's table beside the measured one."""
    unit, levels = finding.unit, ordered_levels(finding)
    columns: dict[str, Sequence[str]] = {
        "Level": [level_name(level) for level in levels],
        **_claimed(levels, unit),
        **_sizes(levels, finding.metric),
        with_unit("Measured", unit): [
            f"not measured: {level.not_measured}" if level.not_measured else text
            for level, text in zip(levels, interval_texts(levels, unit), strict=True)
        ],
        **_changes(levels, finding),
        "Runs": [f"{level.n}/{level.planned}" for level in levels],
        "Diverged": [_of_runs(level.diverged, level) for level in levels],
    }
    if any(level.capped for level in levels):
        columns["Capped"] = [_of_runs(level.capped, level) for level in levels]
    caption = f"{finding.metric_title}: {_what_is_shown(finding)}"
    return Table.of(caption, columns, text=("From",) if finding.of_changes else ())


def _of_runs(count: int, level: LevelResult) -> str:
    return f"{count}/{level.n}" if level.n else "–"


def _claimed(levels: Sequence[LevelResult], unit: str) -> dict[str, list[str]]:
    """The document's numbers, or its order; no column where it gives neither.

    A percentage is one in the document, too. Else its own words stand in the quotation: it says nothing of nats.
    """
    if any(level.claimed is not None for level in levels):
        name = with_unit("Claimed", unit) if unit == "fraction" else "Claimed"
        return {name: claimed_texts([lv.claimed for lv in levels], unit)}
    ranks = [level.claimed_rank for level in levels]
    if not any(ranks):
        return {}
    return {"Claimed rank": ["–" if rank is None else ordinal(rank) for rank in ranks]}


def _changes(levels: Sequence[LevelResult], finding: Finding) -> dict[str, list[str]]:
    """By how much each level differs from its baseline; no column where none has one."""
    if not finding.of_changes:
        return {}
    metric, changes = METRICS[finding.metric], [level.from_baseline for level in levels]
    return {
        "Change": [interval(c.mean, c.low, c.high, metric) if c else "–" for c in changes],
        "From": [c.baseline if c else "–" for c in changes],
    }


def _sizes(levels: Sequence[LevelResult], metric: str) -> dict[str, list[str]]:
    """Parameters and floating-point operations, where the levels differ in them."""
    return {
        title: [value_text(value, "count") for value in values]
        for name, title in (("parameters", "Parameters"), ("flops", "FLOPs of one image"))
        for values in [[getattr(level, name) for level in levels]]
        if name != metric and len(set(values) - {None}) > 1
    }


def _what_is_shown(finding: Finding) -> str:
    if all(level.mean is None for level in finding.levels):
        return "nothing measured"
    if all(level.low is None for level in finding.levels):
        return "exact values" if finding.unit == "count" else "single values"
    mean = "geometric mean" if finding.scale == "log" else "mean"
    repeated = "repeated " if finding.looks else ""
    return f"{mean} with 95 % {repeated}confidence interval"


def pair_table(finding: Finding) -> Table | None:
    """What is claimed of two levels, what was measured, and the outcome."""
    if not finding.pairs:
        return None
    columns = ["Claimed", "Outcome", "Measured", "Margin", "p", "p, Holm"]
    rows = [_pair_row(pair, finding) for pair in finding.pairs]
    if any(p.p_equal is not None and p.status in ("equal", "holds") for p in finding.pairs):
        columns.append("p, equal")
        rows = [[*row, p_text(p.p_equal)] for row, p in zip(rows, finding.pairs, strict=True)]
    if any(pair.detectable is not None for pair in finding.pairs):
        columns.append(SEEN)
        size = partial(_size, finding=finding)
        rows = [[*row, power(p, size)] for row, p in zip(rows, finding.pairs, strict=True)]
    caption = f"Pairs of levels{OF_CHANGES * finding.of_changes}, compared run by run"
    return Table(caption, columns, rows=rows, text=("Measured", "Outcome", SEEN))


def _pair_row(pair: PairResult, finding: Finding) -> list[Cell]:
    ends = "best and worst" if finding.directed else "smallest and largest"
    return [
        f"{pair.a} {_relation(pair, finding)} {pair.b}"
        + (f" ({ends})" if pair.role == "extremes" else ""),
        pair_chip(pair, kind=finding.kind),
        pair.text + (" (sign test: some runs were capped)" if pair.censored else ""),
        _margin(pair.margin, finding=finding),
        p_text(pair.p),
        p_text(pair.p_holm),
    ]


def _relation(pair: PairResult, finding: Finding) -> str:
    """What the claim says of the first level of a pair, as seen from the second."""
    kind = KINDS[finding.kind]
    if kind.two_sided:
        return "different from"
    if pair.tie or kind.ties:
        return "as good as" if finding.directed else "as large as"
    return "better than" if finding.directed else "smaller than"


def _margin(margin: float, *, finding: Finding) -> str:
    """As in: ±5.0 %, a factor of 10."""
    text = _size(margin, finding=finding)
    return f"a factor of {text[1:].removesuffix('.0')}" if text.startswith("×") else f"±{text}"


def _size(difference: float, *, finding: Finding) -> str:
    """A size on the analysis scale: in percent, in points or in the metric's unit."""
    if finding.scale == "log":
        return signed_percent(math.expm1(difference) * 100).removeprefix("+")
    if finding.unit == "fraction":
        return f"{significant(100 * difference, 2)} points"
    return f"{significant(difference, 2)} {unit_behind(finding.unit)}".rstrip()


def seed_table(finding: Finding) -> Table:
    """Every run: one row per seed, one column per level."""
    levels, unit = ordered_levels(finding), finding.unit
    seeds = sorted({seed for level in levels for seed in level.values}, key=int)
    rows = [[seed, *(_run(level, seed, unit=unit) for level in levels)] for seed in seeds]
    caption = with_unit(f"Each run: {finding.metric_title.lower()}", unit)
    return Table(caption, [SEED, *map(level_name, levels)], rows=rows)


def _run(level: LevelResult, seed: str, *, unit: str) -> str:
    value, status = level.values.get(seed), level.seed_status.get(seed, "missing")
    text = "" if value is None else value_text(value, unit, digits=4)
    return (text + SEED_MARKS[status]).strip() or "–"
