"""The first screen: whose claims these are, what was found, what surprises, and why to believe it."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import FOUND
from nnbench.records.results import ClaimResult, DocumentResult, Finding, Results
from nnbench.report.figures.overview import shares
from nnbench.report.general import difference
from nnbench.report.page import controls_text, date_text, facts
from nnbench.text.generality import counted

_SURPRISES = 3
SURPRISING = (
    "Chosen by rule: of the claims that are contradicted here, or absent or reversed in general, those whose levels lie "
    "furthest against the document, counted in margins; over all contexts where there are some, else here."
)
QUICK = (
    "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e . && "
    ".venv/bin/snakemake --cores all --configfile config/quick.yaml"
)  # as in README.md


# --- whose claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document as the first lines name it."""

    name: str
    title: str
    kind: str  # of text, and its date
    claims: int


def sources(results: Results) -> list[Source]:
    """The documents, and how many claims each has; nnbench's own controls are none."""
    claims = [claim for claim in results.claims if not claim.control]
    known = {document.name: document for document in results.documents}
    titles = {claim.document: claim.document_title for claim in claims}
    return [
        Source(
            name=name,
            title=title,
            kind=_kind(known[name]) if name in known else "",
            claims=sum(claim.document == name for claim in claims),
        )
        for name, title in titles.items()
    ]


def _kind(document: DocumentResult) -> str:
    date = date_text(document.date) if document.date else "undated" if document.source else ""
    return ", ".join(filter(None, (document.source, date)))


# --- what was found


def sentences(results: Results) -> list[tuple[str, str]]:
    """What was found, claims with numbers apart from claims in words: a heading and a sentence each."""
    judged = [claim for claim in results.claims if claim.verdict and not claim.control]
    numbers = [claim for claim in judged if claim.claimed]
    words = [claim for claim in judged if not claim.claimed]
    found = []
    if numbers:
        text = f"{_held(numbers)} {_direction_and_size(numbers)}".rstrip()
        found.append((f"{counted(len(numbers), 'claim')} with numbers", text))
    if words:
        found.append((f"{counted(len(words), 'claim')} in words", _held(words)))
    return found


def _held(claims: Sequence[ClaimResult]) -> str:
    """How many hold in general, and how many here."""
    general = [claim.general.word for claim in claims if claim.general]
    held = sum(word in ("general", "usual") for word in general)
    here = sum(claim.verdict in FOUND for claim in claims)
    reproduced = f"{here} of {len(claims)} {'is' if here == 1 else 'are'} reproduced"
    if not general:
        return f"Here {reproduced}."
    return (
        f"In general (over other data, networks and trainings) {held} of the {len(general)} that were measured so "
        f"{'is' if held == 1 else 'are'} found generally or usually; here, each in one setting, {reproduced}."
    )


def _direction_and_size(claims: Sequence[ClaimResult]) -> str:
    """Of claims with numbers: whether best and worst level differ as claimed, and by how much."""
    found = shares(claims)
    if not found:
        return ""
    right = sum(share.decides[1] > 0 for share in found)
    median = statistics.median(share.decides[0] for share in found)
    return (
        f"Direction and size are two questions: here the first and the last level differ as claimed in {right} of "
        f"{len(found)}, and the difference is {median:.0f} % of the claimed one in the median."
    ).replace(" -", " \u2212")


# --- what surprises


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """A result against its document."""

    claim: ClaimResult
    finding: Finding  # that is drawn
    text: str


def surprises(results: Results) -> list[Surprise]:
    """The results furthest against their documents, by the rule in ``SURPRISING``."""
    against = [(_against(claim), claim) for claim in results.claims if not claim.control]
    order = sorted((item for item in against if item[0] is not None), key=lambda i: i[0] or 0.0)
    return [_surprise(claim) for _, claim in order[:_SURPRISES]]


def _against(claim: ClaimResult) -> float | None:
    """The leading difference in margins, negative where it is against the document; None: it is no surprise."""
    word = claim.general.word if claim.general else None
    if claim.verdict != "contradicted" and word != "absent or reversed":
        return None
    apart = difference(claim)
    if apart is None or not any(finding.decides for finding in claim.results):
        return None
    size = -abs(apart.margins) if KINDS[claim.kind].ties else apart.margins
    return size if size < 1 else None  # as claimed by the margin or more, at least elsewhere


def _surprise(claim: ClaimResult) -> Surprise:
    deciding = next(finding for finding in claim.results if finding.decides)
    general = claim.general
    reversed_here = claim.verdict == "contradicted" or general is None
    text = claim.answer if reversed_here else general.sentence if general else ""
    return Surprise(claim=claim, finding=deciding, text=text)


# --- why to believe it


def belief(results: Results) -> Iterator[tuple[str, str]]:
    """How much was measured, what failed, and what keeps the numbers honest."""
    made = results.provenance
    known = dict(facts(results))
    runs, diverged, missing = _runs(results.claims)
    counted_out = f"{_or_none(diverged)} diverged, {_or_none(missing)} lost"
    yield "Runs", f"{runs:,} in the claims’ own settings; {counted_out}"
    yield "All cells", known["Runs"]
    if results.contexts:
        datasets = len({context.dataset for context in results.contexts})
        yield "Contexts", f"{len(results.contexts)} on {counted(datasets, 'data set')}"
    if controls := controls_text(results):
        yield "Claims of known outcome", controls
    yield "Fixed before the run", f"claims, seeds and margins: SHA-256 {made.config_sha256[:12]}…"
    yield (
        "Measured again",
        "the same machine and packages give the same numbers to the bit; nnbench audit checks it",
    )
    yield "Where and when", f"{known['Machine']}; measured in {known['Wall time']}; {known['Date']}"


def _or_none(count: int) -> str:
    return f"{count:,} of them" if count else "none"


def _runs(claims: Sequence[ClaimResult]) -> tuple[int, int, int]:
    """Runs of the claims' own settings, those that diverged and those that left nothing; shared ones count once."""
    levels = {
        level.cell or (claim.id, finding.key, level.level): level
        for claim in claims
        for finding in claim.results
        for level in finding.levels
    }.values()
    counts = [(level.planned, level.diverged, level.failed) for level in levels]
    planned, diverged, failed = (
        (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0, 0)
    )
    return planned, diverged, failed
