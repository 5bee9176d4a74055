"""The first screen: what was found in a sentence, whose claims these are, what surprises."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nnbench.claims.kinds import KINDS
from nnbench.claims.outcomes import FOUND, NOT_TESTABLE
from nnbench.records.results import ClaimResult, DocumentResult, Finding, Results
from nnbench.report.figures.overview import shares
from nnbench.report.general import difference
from nnbench.report.page import date_text
from nnbench.text.generality import counted

_SURPRISES = 3
_CLEAR = 0.01  # of a difference that was found here alone
_LOADED = "Other programs used"  # begins the note on a machine that was not alone (jobs/other_load)
SURPRISING = (
    "Chosen by rule: of the claims that are contradicted here, or absent or reversed in general, without a flag, those "
    "whose levels lie furthest against the document, by the end of the 95 % interval that is nearest to it, in margins, over "
    "all contexts; after these, claims that have no contexts, with p below 0.01."
)
KEY = {
    "Here": "in the one setting that a claim names: a data set, a network and its training",
    "In general": (
        "over the claim’s contexts together: general (to be expected in a new one, too; of a mere possibility: found in each), usual (on average "
        "and in most, whichever data set is left out), depends, absent or reversed, unknown"
    ),
    "A context": (
        "another data set with a network, an optimiser and a length of training, drawn beforehand"
    ),
}
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
    kind: str  # of text, who wrote it, and its date
    url: str
    counts: str  # of its claims, and of those that were measured


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
            url=known[name].url if name in known else "",
            counts=_counts([claim for claim in claims if claim.document == name]),
        )
        for name, title in titles.items()
    ]


def title(results: Results, subject: str) -> str:
    """The heading, as in: 89 claims about neural networks, 13 of them measured."""
    claims = [claim for claim in results.claims if not claim.control]
    return _counts(claims, f" {subject}")


def _counts(claims: Sequence[ClaimResult], subject: str = "") -> str:
    measured = sum(claim.taken and bool(claim.results or claim.study) for claim in claims)
    which = "measured" if measured == len(claims) else f"{measured} of them measured"
    return f"{counted(len(claims), 'claim')}{subject}, {which}"


def unknown(results: Results) -> str:
    """Of how many texts neither author nor address is known; nothing where nothing at all is."""
    known = [d for d in results.documents if d.source and not (d.author or d.url)]
    mine = {claim.document for claim in results.claims if not claim.control}
    names = [document.name for document in known if document.name in mine]
    if not names:
        return ""
    which = "of these texts" if len(names) == len(mine) else f"of {len(names)} of these texts"
    return f"Neither author nor address {which} is known; lines are counted in the text as saved."


def _kind(document: DocumentResult) -> str:
    date = date_text(document.date) if document.date else "undated" if document.source else ""
    return ", ".join(filter(None, (document.source, document.author, date)))


# --- what was found


def lead(results: Results) -> str:
    """How many claims have a verdict, and what the verdicts are; then what the others are."""
    claims = [claim for claim in results.claims if not claim.control]
    if not claims:
        return f"{counted(len(results.claims), 'claim')} of known outcome, which say whether nnbench works."
    judged = _judged(claims)
    here = sum(claim.verdict in FOUND for claim in judged)
    small = sum(claim.verdict == "reproduced, small" for claim in judged)
    text = (
        f"{len(judged)} of {counted(len(claims), 'claim')} are judged: {_are(here)} reproduced here"
        f"{f' ({small} of them with a small effect)' if small else ''}"
    )
    general = [claim.general.word for claim in claims if claim.general]
    if general:
        held = sum(word in ("general", "usual") for word in general)
        text += f"; of the {len(general)} that were also measured in contexts, {held} {'holds' if held == 1 else 'hold'} there generally or usually"
    return f"{text}."


def _judged(claims: Iterable[ClaimResult]) -> list[ClaimResult]:
    return [claim for claim in claims if claim.verdict not in (None, NOT_TESTABLE)]


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"


def left_over(results: Results) -> str:
    """Claims without a verdict by what became of them, and the controls, which are counted apart."""
    known = results.summary
    undecided = sum(c.verdict == NOT_TESTABLE and not c.control for c in results.claims)
    parts = (
        (undecided, "measured and not decided, because the machine lacks what that takes"),
        (known.measured, "measured as a definition"),
        (known.qualitative, "quoted"),
        (known.not_run, "not run"),
    )
    unexplained = undecided or known.measured
    said = ", ".join(f"{_are(count)} {what}" for count, what in parts if count and unexplained)
    controls = f"nnbench’s own {counted(known.controls, 'control')} {'is' if known.controls == 1 else 'are'} counted apart."
    texts = (f"The others: {said}." if said else "", controls if known.controls else "")
    return " ".join(filter(None, texts))


def sentences(results: Results) -> list[tuple[str, str]]:
    """What was found, claims with numbers apart from claims in words: a heading and a sentence each."""
    judged = _judged(claim for claim in results.claims if not claim.control)
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
        f"Here, each in one setting, {reproduced}. Of the {len(general)} that were also measured in contexts, {held} "
        f"{'holds' if held == 1 else 'hold'} there generally or usually."
    )


def _direction_and_size(claims: Sequence[ClaimResult]) -> str:
    """Of claims with numbers: whether best and worst level differ as claimed, and by how much."""
    found = shares(claims)
    if not found:
        return ""
    right = sum(share.decides[1] > 0 for share in found)
    median = statistics.median(share.decides[0] for share in found)
    return (
        f"Direction and size are two questions: the first and the last level differ as claimed here in {right} of "
        f"{len(found)}, and the difference is {median:.0f} % of the claimed one in the median."
    ).replace(" -", " \u2212")


# --- what surprises


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """A result against its document."""

    claim: ClaimResult
    finding: Finding | None  # that is drawn; None: the contexts are
    how: str  # what was done, in a sentence
    text: str


def surprises(results: Results) -> list[Surprise]:
    """The results furthest against their documents, by the rule in ``SURPRISING``."""
    against = [(found, c) for c in results.claims if not c.control and (found := _against(c))]
    order = sorted(against, key=lambda item: item[0])
    return [_surprise(claim) for _, claim in order[:_SURPRISES]]


def _against(claim: ClaimResult) -> tuple[bool, float] | None:
    """Whether it rests on the claim's own setting alone, and how far against the document it is; None: no surprise.

    That is the near end of the leading difference in margins, negative where it is against the document.
    """
    word = claim.general.word if claim.general else None
    if claim.verdict != "contradicted" and word != "absent or reversed":
        return None
    apart = difference(claim)
    if apart is None or apart.low is None or apart.high is None or not _sound(claim):
        return None
    if apart.here and not (apart.p is not None and apart.p <= _CLEAR):
        return None
    near = min(apart.high, -apart.low) if KINDS[claim.kind].ties else apart.high
    # else it may be as claimed elsewhere
    return (apart.here, near / apart.margin) if near < apart.margin else None


def _sound(claim: ClaimResult) -> bool:
    """Whether what decides has neither a flag nor a note that the machine was not alone."""
    deciding = next((finding for finding in claim.results if finding.decides), None)
    if deciding is None or deciding.flags:
        return False
    return not any(note.startswith(_LOADED) for note in deciding.notes)


def _surprise(claim: ClaimResult) -> Surprise:
    deciding = next(finding for finding in claim.results if finding.decides)
    general = claim.general
    pooled = general is not None and general.word == "absent or reversed"  # by what it was chosen
    text = general.sentence if general and pooled else claim.answer
    how = f"{claim.experiment.partition('. ')[0].removesuffix('.')}." if claim.experiment else ""
    return Surprise(claim=claim, finding=None if pooled else deciding, how=how, text=text)
