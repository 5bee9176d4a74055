"""A name of its own for everything that pages link to: anchors, and the stems of files.

Names of claims, data and variants may differ in characters only that neither an anchor nor a file
should have; then the later one gets a number.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nnbench.records.results import ClaimResult, Finding, Results

_LONGEST = 120  # characters; file systems allow 255 bytes, a number and a suffix among them
_OF_THE_PAGE = (
    "main", "verdicts", "reading", "studies", "tracks", "failures", "methods", "provenance", "overview", "pairs",
    "evidence", "practice", "contents",
    "surprises", "belief", "find", "defaults", "changed",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """The names in one report, no two alike."""

    claims: Mapping[str, str]  # by id
    documents: Mapping[str, str]  # by short name
    findings: Mapping[tuple[str | None, ...], str]  # by claim and key
    contexts: Mapping[str, str]  # of each claim that has some, by id
    studies: Mapping[str, str]  # by id
    datasets: tuple[str, ...]  # in the order of the results

    def of(self, claim: ClaimResult, finding: Finding) -> str:
        """The anchor of a claim's finding."""
        return self.findings[claim.id, *finding.key]


def slug(text: str) -> str:
    """A text as part of a file name or an anchor."""
    return re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-.") or "x"


class _Names:
    """Names that are taken once; a heading's is that of its section with ``-title`` after it."""

    def __init__(self) -> None:
        self.taken = {name for own in _OF_THE_PAGE for name in (own, f"{own}-title")}

    def take(self, *texts: str | None) -> str:
        """A free name made of some texts."""
        wanted = "-".join(slug(text) for text in texts if text)[:_LONGEST]
        numbered = (f"{wanted}-{number}" for number in itertools.count(2))
        tried = itertools.chain([wanted], numbered)
        name = next(name for name in tried if not {name, f"{name}-title"} & self.taken)
        self.taken |= {name, f"{name}-title"}
        return name


def anchors_of(results: Results) -> Anchors:
    """Name every claim, document, finding and dataset; the same results give the same names."""
    names, claims = _Names(), results.claims
    return Anchors(
        claims={claim.id: names.take(claim.id) for claim in claims},
        documents={
            name: names.take("document", name)
            for name in dict.fromkeys(claim.document for claim in claims)
        },
        findings={
            (claim.id, *finding.key): names.take(claim.id, *finding.key)
            for claim in claims
            for finding in claim.results
        },
        contexts={c.id: names.take(c.id, "in-general") for c in claims if c.general},
        studies={study.id: names.take(study.id) for study in results.studies},
        datasets=tuple(names.take("dataset", d.name) for d in results.provenance.datasets),
    )
