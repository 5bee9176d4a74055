"""The matrix of verdicts: a row for each claim, the same columns for all, and what rows are found by."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnbench.claims.kinds import KINDS
from nnbench.metrics import METRICS
from nnbench.records.results import ClaimResult, Finding
from nnbench.report.anchors import Anchors
from nnbench.report.general import difference
from nnbench.text.effects import with_margin
from nnbench.text.generality import both_ways, either_way, interval
from nnbench.text.phrases import lowered
from nnbench.text.vocabulary import (
    GENERAL,
    STATUSES,
    VERDICTS,
    Chip,
    claim_chip,
    finding_chip,
    general_chip,
    where_text,
)

COLUMNS = ("As written", "Tuned", "On other data", "Read differently")
RULE = (
    "A ring marks the verdict that decides. That is the one on the first data set of a claim, as written, "
    "or with tuned ones where the claim is about these. Where something is claimed to be possible, it is the first example "
    "that was found. The other verdicts show how far it carries."
)
_GENERAL_ORDER = [*GENERAL.values(), None]
_VERDICT_ORDER = [*VERDICTS.values(), *STATUSES.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One verdict in the matrix: where it was found, and whether it is the claim's."""

    chip: Chip  # leads to its evidence
    where: str
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A claim in the matrix."""

    claim: ClaimResult
    here: Chip
    general: Chip | None
    size: str
    measure: str  # what it is of
    cells: tuple[tuple[Mark, ...], ...]  # as many as columns
    note: str  # why the claim's verdict is this one, where its verdicts differ
    keys: dict[str, str]  # attributes by which the page's script finds and sorts it


def row(claim: ClaimResult, anchors: Anchors) -> Row:
    """A claim's verdicts by column; each leads to its evidence."""
    cells: tuple[list[Mark], ...] = tuple([] for _ in COLUMNS)
    for finding in claim.results:
        chip = finding_chip(finding).to(anchors.of(claim, finding))
        column = _column(claim, finding)
        where = _where(claim, finding, column)
        cells[column].append(Mark(chip=chip, where=where, decides=finding.decides))
    general = general_chip(claim)
    return Row(
        claim=claim,
        here=claim_chip(claim).to(anchors.claims[claim.id]),
        general=general.to(anchors.contexts[claim.id]) if general else None,
        size=size(claim),
        measure=lowered(METRICS[claim.metric].title),
        cells=tuple(map(tuple, cells)),
        note=note(claim),
        keys=_keys(claim),
    )


def _column(claim: ClaimResult, finding: Finding) -> int:
    """That of another reading, of another data set than the claim's first, or of the track."""
    if finding.variant is not None:
        return 3
    if finding.dataset != claim.results[0].dataset:
        return 2
    return int(finding.track == "tuned")


def _where(claim: ClaimResult, finding: Finding, column: int) -> str:
    """What a column's heading leaves open."""
    texts = [finding.dataset_title]
    if column >= 2 and finding.track == "tuned":
        texts.append("tuned")
    if column == 3:
        texts = [finding.variant_title or "", *texts[finding.dataset == claim.results[0].dataset :]]
    return ", ".join(filter(None, texts))


def note(claim: ClaimResult) -> str:
    """Which verdict decides, and why it is this one; nothing where all are the same."""
    deciding = next((finding for finding in claim.results if finding.decides), None)
    if deciding is None or len({finding.verdict for finding in claim.results}) == 1:
        return ""
    plain = deciding.verdict == "reproduced" or not deciding.verdict_reason
    reason = "" if plain else f": {deciding.verdict_reason}"
    return with_margin(f"{where_text(deciding)} decides{reason}.", deciding, own=None)


def size(claim: ClaimResult) -> str:
    """The difference of the levels furthest apart: over the contexts, or here where there are none."""
    found = difference(claim)
    if found is None or found.tie:
        return ""
    metric, here = METRICS[claim.metric], " here" if found.here else ""
    pair = claim.general.leading if claim.general else None
    if pair is not None and both_ways(pair):
        return either_way(pair, metric)
    if KINDS[claim.kind].two_sided:  # a sign would be of no direction that is claimed
        return interval(abs(found.size), None, None, metric).removeprefix("+") + here
    return interval(found.size, None, None, metric) + here


def _keys(claim: ClaimResult) -> dict[str, str]:
    """What the filters compare, and the places of the claim in each order."""
    general, apart = general_chip(claim), difference(claim)
    word = claim.general.word if claim.general else ""
    depends = claim.depends_on_track or bool(claim.general and claim.general.depends_on)
    return {
        "verdict": claim_chip(claim).word,
        "general": word,
        "document": claim.document,
        "control": "yes" if claim.control else "",
        "states": "numbers" if claim.claimed else "words",
        "depends": "yes" if depends or word == "depends" else "",
        "order-verdict": str(_VERDICT_ORDER.index(claim_chip(claim))),
        "order-general": str(_GENERAL_ORDER.index(general)),
        "order-size": f"{-apart.margins if apart else 0:.3g}",
    }


def choices(claims: Sequence[ClaimResult]) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """The page's filters that have something to choose: key, label, and values with their words."""
    keys = [_keys(claim) for claim in claims]
    named: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "verdict": ("Here", [(chip.word, str(chip)) for chip in _VERDICT_ORDER]),
        "general": ("In general", [(word, str(chip)) for word, chip in GENERAL.items()]),
        "document": ("Document", [(c.document, c.document_title) for c in claims]),
        "states": ("Stated in", [("numbers", "numbers"), ("words", "words alone")]),
    }
    found = []
    for key, (label, values) in named.items():
        used = {one[key] for one in keys}
        kept = [item for item in dict.fromkeys(values) if item[0] in used]
        if len(kept) > 1:
            found.append((key, label, kept))
    return found
