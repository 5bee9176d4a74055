"""All figures of a report, drawn once for HTML and Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnbench.records.results import ClaimResult, Finding, Results
from nnbench.report.anchors import Anchors
from nnbench.report.figures.canvas import Image, figure_style
from nnbench.report.figures.curves import learning_curves
from nnbench.report.figures.dots import dot_plot
from nnbench.report.figures.overview import overview, shares
from nnbench.report.figures.samples import sample_picture
from nnbench.text.rounding import interval_texts, whole_percent, with_unit
from nnbench.text.vocabulary import where_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The rendered figures of a report, by the anchor of the finding or of the dataset."""

    overview: Image | None
    dots: Mapping[str, Image]
    curves: Mapping[str, Image]
    samples: Mapping[str, Image]


def draw(results: Results, anchors: Anchors) -> Pictures:
    """Draw every figure."""
    claims = results.claims
    findings = [(anchors.of(c, finding), c, finding) for c in claims for finding in c.results]
    datasets = zip(anchors.datasets, results.provenance.datasets, strict=True)
    with figure_style():
        return Pictures(
            overview=overview(claims, alt=_overview_alt(claims)),
            dots={anchor: dot_plot(f, alt=dots_alt(c, f)) for anchor, c, f in findings},
            curves={
                anchor: image
                for anchor, claim, finding in findings
                if (image := learning_curves(finding, alt=_curves_alt(claim, finding)))
            },
            samples={anchor: sample_picture(data) for anchor, data in datasets if data.samples},
        )


def dots_alt(claim: ClaimResult, finding: Finding) -> str:
    """The finding in one sentence, with every level's mean."""
    texts = interval_texts(finding.levels, finding.unit)
    measured = (f"{lv.level} {text}" for lv, text in zip(finding.levels, texts, strict=True))
    head = (finding.sentence or claim.title).rstrip(".")
    what = with_unit(finding.metric_title, finding.unit)
    return f"{head}. {what}: {'; '.join(measured)}."


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
