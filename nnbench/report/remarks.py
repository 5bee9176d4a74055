"""What a reader has to know of a finding beside its numbers."""

from collections.abc import Iterator

from nnbench.records.level import LevelResult
from nnbench.records.results import Finding
from nnbench.report.details import pick_texts
from nnbench.text.effects import with_margin
from nnbench.text.phrases import capitalised
from nnbench.text.rounding import unit_behind, value_text

_LOSSES = {  # by task and objective
    ("classification", "mse"): "mean squared errors of the predicted probabilities",
    ("classification", "hinge"): "hinge losses",
    ("classification", "smoothed"): "divergences from the smoothed labels, in nats",
    ("classification", "log_of_softmax"): "logarithms of rounded probabilities, in nats",
    ("classification", "log_of_clipped"): "logarithms of probabilities cut to 1e-7, in nats",
    ("regression", "mse"): "mean squared errors, in squared deviations of the targets",
    ("regression", "mae"): "mean absolute errors, in deviations of the targets",
    ("regression", "huber"): (
        "Huber's: half the squared error up to one deviation of the targets, linear beyond"
    ),
}

_NO_SCORE = ("loss_gap",)  # nothing learnt leaves a gap of 0, which is no score to beat
_FAR = 3.0  # times another number, from which a reader asks why


def reason(finding: Finding) -> str:
    """Why the verdict is this one, with the margin that it speaks of."""
    return (
        with_margin(f"{finding.verdict_reason}.", finding, own=None)
        if finding.verdict_reason
        else ""
    )


def notes(finding: Finding) -> str:
    """What a reader has to know of a finding: whose time, which data, how many blocks, how picked."""
    return " ".join([*_notes(finding), *pick_texts(finding)])


def _notes(finding: Finding) -> Iterator[str]:
    if finding.blocks:
        yield f"{finding.blocks} complete block{'s' * (finding.blocks != 1)}."
    if finding.of_changes:
        how = "ratios" if finding.scale == "log" else "differences"
        yield f"Levels are compared by their changes from the baselines, seed by seed, as {how}."
    if finding.looks:
        last = (
            f"look {len(finding.looks)}, after {finding.looks[-1]} of at most {finding.most} seeds"
        )
        yield f"Judged at {last}; intervals are repeated confidence intervals."
    if finding.derived:
        yield f"{capitalised(finding.derived)}."
    if finding.timing and finding.machines:
        yield f"On this machine: {'; '.join(finding.machines)}."
    yield from _data_notes(finding)
    if finding.chance is not None and finding.unit != "count" and finding.metric not in _NO_SCORE:
        untrained = f"{value_text(finding.chance, finding.unit)} {unit_behind(finding.unit)}"
        yield f"An untrained predictor scores {untrained.rstrip()}."
        yield from _worse_than_untrained(finding, finding.chance)
    yield from _other_means(finding)
    values = (value for level in finding.levels for value in level.values.values())
    if finding.scale == "log" and 0 in values:
        yield "On the logarithmic scale a value of 0 counts as 1e\u221212."
    yield from (f"Flagged: {flag.text}" for flag in finding.flags)
    yield from finding.notes


def _worse_than_untrained(finding: Finding, chance: float) -> Iterator[str]:
    """Levels of finite runs that learned less than nothing, beside which 0 diverged looks wrong."""
    names = [
        level.level
        for level in finding.levels
        if finding.lower_is_better and not level.diverged and (level.mean or 0.0) > _FAR * chance
    ]
    if names:
        yield (
            f"Worse than that, though no run diverged: {_quoted(names)} (a run diverges once its loss is no finite "
            "number)."
        )


def _quoted(names: list[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _other_means(finding: Finding) -> Iterator[str]:
    """Levels whose learning curve ends far from their mean."""
    names = [level.level for level in finding.levels if _is_far(level, finding)]
    if names:
        yield (
            f"Learning curves are arithmetic means of validation losses, which a single run can carry; the {finding.metric_title.lower()} "
            f"beside them is a geometric mean. The two are far apart for {_quoted(names)}."
        )


def _is_far(level: LevelResult, finding: Finding) -> bool:
    losses = [value for value in (level.curves or {}).get("validation_loss", ()) if value]
    if not losses or not level.mean or finding.metric not in ("test_loss", "train_loss"):
        return False
    ratio = losses[-1] / level.mean
    return not 1 / _FAR <= ratio <= _FAR


def _unsettled(finding: Finding) -> Iterator[str]:
    """The differences that the seeds show and that other test samples might not."""
    pairs = [
        f"{pair.a} and {pair.b}"
        for pair in finding.pairs
        if pair.status in ("UP", "up", "REV")
        and pair.low_samples is not None
        and pair.high_samples is not None
        and pair.low_samples <= 0 <= pair.high_samples
    ]
    if pairs:
        yield f"With other samples there might be no difference: {'; '.join(pairs)}."


def _data_notes(finding: Finding) -> Iterator[str]:
    if finding.conditional and not finding.timing:
        yield "One fixed test set: the result is conditional on it."
    if any(level.settings.get("split") == "each seed" for level in finding.levels):
        yield "Each seed divides the samples anew. The divisions overlap, and the verdict is surer than it would be of other samples."
    if finding.resolution:
        error = value_text(finding.resolution, "fraction", digits=2)
        yield f"An accuracy on it has a standard error of {error} points."
    yield from _unsettled(finding)
    what = _LOSSES.get((finding.task, finding.objective or ""))
    if what and "loss" in finding.metric:
        yield f"Losses are {what}."
    if any(level.settings.get("target_factor", 1.0) != 1.0 for level in finding.levels):
        yield "Each level counts in its own unit: a deviation of the targets, over its target_factor."
    if finding.objective is None:
        yield "Losses are those of each level's own objective, which are not comparable."
