"""All figures of a page, drawn once for HTML and Markdown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from nnbench.records.results import ClaimResult, Finding
from nnbench.report import studies
from nnbench.report.anchors import Anchors
from nnbench.report.figures.canvas import Image
from nnbench.report.figures.curves import learning_curves
from nnbench.report.figures.dots import dot_plot
from nnbench.report.figures.evidence import evidence_map
from nnbench.report.figures.forest import forest_plot, pair_plot
from nnbench.report.figures.overview import overview, shares
from nnbench.report.figures.samples import sample_picture
from nnbench.report.pages import Page
from nnbench.text.rounding import interval_texts, whole_percent, with_unit
from nnbench.text.vocabulary import where_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The figures of a page, by the anchor of what they show."""

    overview: Image | None
    overview_stem: str  # of its file's name
    evidence: Image | None  # the map of claims and contexts, as a poster beside Markdown
    evidence_stem: str
    dots: Mapping[str, Image]
    pairs: Mapping[str, Image]
    forests: Mapping[str, Image]  # of claims
    curves: Mapping[str, Image]
    studies: Mapping[str, Image]
    samples: Mapping[str, Image]

    def files(self) -> dict[str, bytes]:
        """What Markdown shows of them, by file name."""
        pairs = {f"{name}.pairs": image for name, image in self.pairs.items()}
        named = {**self.dots, **pairs, **self.forests, **self.studies, **self.samples}
        return {f"{name}.svg": image.data for name, image in named.items()} | self.summary_files()

    def summary_files(self) -> dict[str, bytes]:
        """Those that show all claims of the page."""
        shown = ((self.overview_stem, self.overview), (self.evidence_stem, self.evidence))
        return {f"{stem}.svg": image.data for stem, image in shown if image}

    def on(self, page: Page, anchors: Anchors) -> Self:
        """The same, for a page that shows a part of these claims."""
        return replace(self, **_summary(page, anchors))


def pictures_of(page: Page, anchors: Anchors) -> Pictures:
    """The figures of a page."""
    claims, contexts = page.evidence, page.results.contexts
    found = [(anchors.of(claim, f), claim, f) for claim in claims for f in claim.results]
    return Pictures(
        **_summary(page, anchors),
        dots={name: dot_plot(f, alt=dots_alt(claim, f)) for name, claim, f in found},
        pairs=_drawn((name, pair_plot(f, alt=pairs_alt(claim, f))) for name, claim, f in found),
        forests=_drawn(
            (anchors.contexts[claim.id], forest_plot(claim, contexts))
            for claim in claims
            if claim.general
        ),
        curves=_drawn(
            (name, learning_curves(f, alt=_curves_alt(claim, f))) for name, claim, f in found
        ),
        studies=_drawn(_studies(page, anchors)),
        samples={
            anchor: sample_picture(data)
            for anchor, data in zip(anchors.datasets, page.results.provenance.datasets, strict=True)
            if data.samples and not page.document
        },
    )


def _studies(page: Page, anchors: Anchors) -> Iterator[tuple[str, Image | None]]:
    if page.studies:
        # seaborn takes a second to import
        from nnbench.report.figures.study import study_figure  # noqa: PLC0415

        for study in page.studies:
            yield anchors.studies[study.id], study_figure(study, alt=studies.alt(study))


def _summary(page: Page, anchors: Anchors) -> dict[str, Any]:
    """The figures that show all claims of a page, and the names of their files."""
    claims, contexts = page.results.claims, page.results.contexts
    return {
        "overview": overview(claims, anchors, alt=_overview_alt(claims)),
        "overview_stem": page.stem if page.document else "overview",
        "evidence": evidence_map(claims, contexts, anchors),
        "evidence_stem": f"{page.stem}.evidence" if page.document else "evidence",
    }


def _drawn(images: Iterable[tuple[str, Image | None]]) -> dict[str, Image]:
    return {name: image for name, image in images if image}


def dots_alt(claim: ClaimResult, finding: Finding) -> str:
    """The finding in one sentence, with every level's mean."""
    texts = interval_texts(finding.levels, finding.unit)
    measured = (f"{lv.level} {text}" for lv, text in zip(finding.levels, texts, strict=True))
    head = (finding.sentence or claim.title).rstrip(".")
    what = with_unit(finding.metric_title, finding.unit)
    return f"{head}. {what}: {'; '.join(measured)}."


def pairs_alt(claim: ClaimResult, finding: Finding) -> str:
    """What was found of each pair of levels."""
    found = "; ".join(pair.text for pair in finding.pairs)
    return f"{claim.title}. Pairs of levels on {where_text(finding)}: {found}."


def _curves_alt(claim: ClaimResult, finding: Finding) -> str:
    ends = []
    for level in finding.levels:
        losses = [v for v in (level.curves or {}).get("validation_loss", ()) if v is not None]
        if losses:
            ends.append(f"{level.level} ends at {losses[-1]:.3g}")
    tail = "; ".join(ends) or "no losses recorded"
    return f"Learning curves of {claim.title} on {where_text(finding)}: validation loss of {tail}."


def _overview_alt(claims: Sequence[ClaimResult]) -> str:
    entries = (f"{s.title}: {whole_percent(s.decides[0])}, {s.verdict}" for s in shares(claims))
    return (
        "Measured gap between best and worst level as a share of the claimed one: "
        f"{'; '.join(entries)}."
    )
