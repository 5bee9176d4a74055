"""What a reader has to know of a finding beside its numbers."""

from collections.abc import Iterator

from nnbench.records.results import Finding
from nnbench.report.details import pick_texts
from nnbench.text.rounding import unit_behind, value_text

_LOSSES = {  # by task and objective
    ("classification", "mse"): "mean squared errors of the predicted probabilities",
    ("classification", "hinge"): "hinge losses",
    ("classification", "smoothed"): "divergences from the smoothed labels, in nats",
    ("regression", "mse"): "mean squared errors, in squared deviations of the targets",
    ("regression", "mae"): "mean absolute errors, in deviations of the targets",
    ("regression", "huber"): (
        "Huber's: half the squared error up to one deviation of the targets, linear beyond"
    ),
}


def notes(finding: Finding) -> str:
    """What a reader has to know of a finding: whose time, which data, how many blocks, how picked."""
    return " ".join([*_notes(finding), *pick_texts(finding)])


def _notes(finding: Finding) -> Iterator[str]:
    if finding.blocks:
        yield f"{finding.blocks} complete block{'s' * (finding.blocks != 1)}."
    if finding.derived:
        yield f"{finding.derived[:1].upper()}{finding.derived[1:]}."
    if finding.timing and finding.machines:
        yield f"On this machine: {'; '.join(finding.machines)}."
    yield from _data_notes(finding)
    if finding.chance is not None and finding.unit != "count":
        untrained = f"{value_text(finding.chance, finding.unit)} {unit_behind(finding.unit)}"
        yield f"An untrained predictor scores {untrained.rstrip()}."
    values = (value for level in finding.levels for value in level.values.values())
    if finding.scale == "log" and 0 in values:
        yield "On the logarithmic scale a value of 0 counts as 1e\u221212."
    yield from (f"Flagged, {flag.name}: {flag.text}" for flag in finding.flags)
    yield from finding.notes


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
        yield f"With other test samples there might be no difference: {'; '.join(pairs)}."


def _data_notes(finding: Finding) -> Iterator[str]:
    if finding.conditional and not finding.timing:
        yield "One fixed test set: the result is conditional on it."
        yield from _unsettled(finding)
    if finding.resolution:
        error = value_text(finding.resolution, "fraction", digits=2)
        yield f"An accuracy on it has a standard error of {error} points."
    what = _LOSSES.get((finding.task, finding.objective or ""))
    if what and "loss" in finding.metric:
        yield f"Losses are {what}."
    if finding.objective is None:
        yield "Losses are those of each level's own objective, which are not comparable."
