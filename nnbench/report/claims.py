"""What pages say of a claim and of its findings beside their own fields and tables."""

from collections.abc import Iterator

from nnbench.claims.kinds import KINDS
from nnbench.records.results import ClaimResult, Finding, Results
from nnbench.report.anchors import Anchors
from nnbench.report.details import pick_texts
from nnbench.report.tables import Link
from nnbench.text.rounding import unit_behind, value_text
from nnbench.text.wording import cost

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


def deciding_first(claim: ClaimResult) -> list[Finding]:
    """The finding that gives the claim's verdict, then the others in their order."""
    return sorted(claim.results, key=lambda finding: not finding.decides)


def kind_text(claim: ClaimResult) -> str:
    """What kind of claim it is, in a few words."""
    return KINDS[claim.kind].meaning


def quote_lines(claim: ClaimResult) -> list[str]:
    """The document's words, without empty lines."""
    return [line.strip() for line in claim.quote.splitlines() if line.strip()]


def links(claim: ClaimResult, results: Results, anchors: Anchors) -> list[Link]:
    """The claims that it names, as far as they are in the results."""
    known = {other.id: other.title for other in results.claims}
    return [Link(text=known[i], target=anchors.claims[i]) for i in claim.links if i in known]


def second_look(claim: ClaimResult) -> str:
    """What was checked after a contradiction; nothing if there is none (any more)."""
    verdicts = [claim.verdict, *(finding.verdict for finding in claim.results)]
    return (claim.second_look or "") if "contradicted" in verdicts else ""


def not_run_text(claim: ClaimResult) -> str | None:
    """Why a claim was not run, and what it would take."""
    if claim.reason is None or claim.cost_seconds is None:
        return claim.reason
    return f"{claim.reason} ({cost(claim.cost_seconds)})"


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
    yield from finding.notes


def _data_notes(finding: Finding) -> Iterator[str]:
    if finding.conditional and not finding.timing:
        yield "One fixed test set: the result is conditional on it."
    if finding.resolution:
        error = value_text(finding.resolution, "fraction", digits=2)
        yield f"An accuracy on it has a standard error of {error} points."
    what = _LOSSES.get((finding.task, finding.objective or ""))
    if what and "loss" in finding.metric:
        yield f"Losses are {what}."
    if finding.objective is None:
        yield "Losses are those of each level's own objective, which are not comparable."
