"""The pages of a report: one for everything, or of many claims an index and a page for each document."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nnbench.records.results import ClaimResult, Results, Summary
from nnbench.report.anchors import Anchors

MOST = 200  # claims on one page: a browser is slow with many more
Places = Mapping[str, str]  # anchor -> the page that it is on


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page, as HTML and as Markdown."""

    stem: str  # of its files' names
    results: Results  # with the claims of this page alone
    document: str | None = None  # the title of the only one that it is about
    split: bool = False  # there are other pages
    places: Places = field(default_factory=dict)  # of what is shown on the documents' pages

    @property
    def is_index(self) -> bool:
        """Whether it lists claims whose evidence is on other pages."""
        return self.split and self.document is None

    @property
    def evidence(self) -> tuple[ClaimResult, ...]:
        """The claims that it shows with their figures and tables."""
        return () if self.is_index else self.results.claims

    def path_to(self, anchor: str, suffix: str) -> str:
        """The file with that suffix that has an anchor, as a link names it; nothing for this page."""
        stem = self.places.get(anchor, self.stem)
        return "" if stem == self.stem else f"{stem}.{suffix}"


def pages_of(results: Results, anchors: Anchors) -> Iterator[Page]:
    """The pages of a report; the index comes last, so that it never leads to what is not written yet."""
    if len(results.claims) <= MOST:
        yield Page(stem="index", results=results)
        return
    places = _places(results, anchors)
    for name, group in itertools.groupby(results.claims, key=lambda claim: claim.document):
        own = tuple(group)
        part = results.model_copy(update={"claims": own, "summary": Summary.of(own)})
        title, stem = own[0].document_title, anchors.documents[name]
        yield Page(stem=stem, results=part, document=title, split=True, places=places)
    yield Page(stem="index", results=results, split=True, places=places)


def _places(results: Results, anchors: Anchors) -> Places:
    pages = {claim.id: anchors.documents[claim.document] for claim in results.claims}
    return {
        "defaults": "index",
        **{page: page for page in anchors.documents.values()},
        **{anchors.claims[claim_id]: page for claim_id, page in pages.items()},
        **{anchor: pages[claim_id] for claim_id, anchor in anchors.contexts.items()},
        **{anchor: pages[key[0]] for key, anchor in anchors.findings.items() if key[0] in pages},
    }
