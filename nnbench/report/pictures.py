"""All figures of a report, drawn once for HTML and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nnbench.report.figures.canvas import Image, figure_style
from nnbench.report.figures.curves import learning_curves
from nnbench.report.figures.dots import dot_plot
from nnbench.report.figures.overview import overview, shares
from nnbench.report.figures.samples import sample_picture
from nnbench.report.result_tables import interval_of
from nnbench.report.results import Pictures
from nnbench.text.rounding import interval_texts, whole_percent, with_unit
from nnbench.text.vocabulary import where_text

Json = Mapping[str, Any]


def draw(results: Json) -> Pictures:
    """Draw every figure."""
    claims = results["claims"]
    dots: dict[str, Image] = {}
    curves: dict[str, Image] = {}
    samples: dict[str, Image] = {}
    with figure_style():
        first = overview(claims, alt=_overview_alt(claims))
        for claim in claims:
            for result in claim["results"]:
                anchor = result["anchor"]
                dots[anchor] = dot_plot(result, alt=dots_alt(claim, result))
                curve = learning_curves(result, alt=_curves_alt(claim, result))
                if curve is not None:
                    curves[anchor] = curve
        for dataset in results["provenance"]["datasets"]:
            if dataset.get("samples"):
                samples[dataset["anchor"]] = sample_picture(dataset)
    return Pictures(overview=first, dots=dots, curves=curves, samples=samples)


def dots_alt(claim: Json, result: Json) -> str:
    """The finding in one sentence, with every level's mean."""
    texts = interval_texts([interval_of(level) for level in result["levels"]], result["unit"])
    names = [level["level"] for level in result["levels"]]
    measured = (f"{name} {text}" for name, text in zip(names, texts, strict=True))
    head = (result["sentence"] or claim["title"]).rstrip(".")
    what = with_unit(result["metric_title"], result["unit"])
    return f"{head}. {what}: {'; '.join(measured)}."


def _curves_alt(claim: Json, result: Json) -> str:
    ends = []
    for level in result["levels"]:
        losses = [v for v in (level["curves"] or {}).get("validation_loss", ()) if v is not None]
        if losses:
            ends.append(f"{level['level']} ends at {losses[-1]:.3g}")
    tail = "; ".join(ends) or "no losses recorded"
    return (
        f"Learning curves of {claim['title']} on {where_text(result)}: validation loss of {tail}."
    )


def _overview_alt(claims: Any) -> str:
    parts = [f"{s.title}: {whole_percent(s.decides[0])}, {s.verdict}" for s in shares(claims)]
    return f"Measured gap between best and worst level as a share of the claimed one: {'; '.join(parts)}."
