"""The levels of a finding as rows of its dot plot: names on lines that fit, and values in shown units."""

from collections.abc import Mapping
from dataclasses import dataclass

from nnbench.records.level import LevelResult
from nnbench.records.results import Finding
from nnbench.report.figures import canvas
from nnbench.report.tables import ordered_levels
from nnbench.text.rounding import unit_words

_ROW, _NAMES, _LINES = (
    30.0,
    128.0,
    4,
)  # the least height of a row; the room of names beside the plot, and their lines
LINE = 13.5  # the height of a line of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One level as it is drawn, in shown units."""

    name: str
    label: str
    y: float  # its middle, below the top of the plot
    control: bool
    claimed: float | None
    mean: float | None
    baseline: float | None  # the mean of the level that it is read from
    interval: tuple[float, float] | None
    ok: Mapping[str, float]  # by seed
    capped: Mapping[str, float]
    diverged: int

    @property
    def colour(self) -> str:
        """Controls, about which nothing is claimed, stand back in grey."""
        return canvas.CONTROL if self.control else canvas.MEASURED

    def measured(self) -> list[float]:
        """Everything measured that the axis can show."""
        mean = [] if self.mean is None else [self.mean]
        return [*self.ok.values(), *self.capped.values(), *(self.interval or ()), *mean]


def rows_of(finding: Finding) -> list[Row]:
    """The levels in the document's order, then the controls, each as high as the longest name."""
    factor, levels = unit_words(finding.unit).factor, ordered_levels(finding)
    labels = [_label(level) for level in levels]
    tall = max(_ROW, *(LINE * label.count("\n") + 18 for label in labels))
    middles = (tall * (index + 0.5) for index in range(len(levels)))
    means = {level.level: level.mean for level in levels}
    return [
        _row(level, label, y, means, factor=factor)
        for level, label, y in zip(levels, labels, middles, strict=True)
    ]


def _label(level: LevelResult) -> str:
    """A level's name on lines that fit, and whether it was not measured."""
    why = "(not measured)" if level.not_measured else "(no runs)"
    remark = [why] if level.mean is None else []
    return "\n".join([*canvas.wrapped(level.level, _NAMES, most=_LINES), *remark])


def _row(
    level: LevelResult, label: str, y: float, means: Mapping[str, float | None], *, factor: float
) -> Row:
    def runs(status: str) -> dict[str, float]:
        wanted = (seed for seed, word in level.seed_status.items() if word == status)
        values = ((seed, level.values.get(seed)) for seed in wanted)
        return {seed: value * factor for seed, value in values if value is not None}

    def scaled(value: float | None) -> float | None:
        return None if value is None else value * factor

    low, high = scaled(level.low), scaled(level.high)
    base = level.from_baseline
    return Row(
        name=level.level,
        label=label,
        y=y,
        control=level.role == "control",
        claimed=scaled(level.claimed),
        mean=scaled(level.mean),
        baseline=scaled(means.get(base.baseline)) if base else None,
        interval=None if low is None or high is None else (low, high),
        ok=runs("ok"),
        capped=runs("capped"),
        diverged=level.diverged,
    )
