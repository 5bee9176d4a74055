"""The pages of a report: one for everything, or an index and a page for each document.

HTML is split where there are many claims, Markdown wherever there are several documents: forges cut long files.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nnbench.records.results import ClaimResult, Results, Summary
from nnbench.records.studies import StudyResult
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
    def studies(self) -> tuple[StudyResult, ...]:
        """The factor studies that it shows: no document's page has any."""
        return () if self.document else self.results.studies

    @property
    def evidence(self) -> tuple[ClaimResult, ...]:
        """The claims that it shows with their figures and tables."""
        return () if self.is_index else self.results.claims

    def path_to(self, anchor: str, suffix: str) -> str:
        """The file with that suffix that has an anchor, as a link names it; nothing for this page."""
        stem = self.places.get(anchor, self.stem)
        if stem == self.stem:
            return ""
        return "README.md" if (stem, suffix) == ("index", "md") else f"{stem}.{suffix}"


def twins_of(page: Page, anchors: Anchors) -> Iterator[Page]:
    """A page as Markdown: one for each document and an index, unless it is of one document."""
    if page.split or len({claim.document for claim in page.results.claims}) < 2:
        yield page
    else:
        yield from pages_of(page.results, anchors, most=0)


def pages_of(results: Results, anchors: Anchors, *, most: int = MOST) -> Iterator[Page]:
    """The pages of a report; the index comes last, so that it never leads to what is not written yet."""
    if len(results.claims) <= most:
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
        **dict.fromkeys(anchors.studies.values(), "index"),
        **dict.fromkeys(("defaults", "changed"), "index"),
        **{page: page for page in anchors.documents.values()},
        **{anchors.claims[claim_id]: page for claim_id, page in pages.items()},
        **{anchor: pages[claim_id] for claim_id, anchor in anchors.contexts.items()},
        **{anchor: pages[key[0]] for key, anchor in anchors.findings.items() if key[0] in pages},
    }
