"""All figures of a report, drawn once for HTML and Markdown."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from nnbench.errors import NnbenchError
from nnbench.processes import PROCESSES
from nnbench.records.origin import DatasetFacts, Sample
from nnbench.records.results import ClaimResult, Finding
from nnbench.report import studies
from nnbench.report.anchors import Anchors
from nnbench.report.figures import canvas
from nnbench.report.figures.canvas import Image
from nnbench.report.figures.curves import learning_curves
from nnbench.report.figures.dots import dot_plot
from nnbench.report.figures.forest import forest_plot
from nnbench.report.figures.overview import overview, shares
from nnbench.report.figures.study import study_figure
from nnbench.report.pages import Page
from nnbench.text.rounding import interval_texts, significant, whole_percent, with_unit
from nnbench.text.vocabulary import where_text

_COLUMNS, _LABEL, _GAP, _SIGNAL_HEIGHT = 10, 15.0, 5.0, 34.0
_MOST = 20
_CHUNK = 4  # claims that a process draws at a time
_WORTH_PROCESSES = 8  # claims from which processes take less time to start than they save


Drawn = tuple[Image, Image | None]  # a finding's dot plot and its learning curves


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The rendered figures of a page, by the anchor of what they show."""

    overview: Image | None
    overview_stem: str  # of its file's name
    dots: Mapping[str, Image]
    forests: Mapping[str, Image]  # of claims
    curves: Mapping[str, Image]
    studies: Mapping[str, Image]
    samples: Mapping[str, Image]

    def files(self) -> dict[str, bytes]:
        """What Markdown shows of them, by file name."""
        named = {**self.dots, **self.forests, **self.studies, **self.samples}
        if self.overview is not None:
            named[self.overview_stem] = self.overview
        return {f"{name}.{image.suffix}": image.data for name, image in named.items()}


def pictures_of(page: Page, anchors: Anchors, drawn: Iterator[Sequence[Drawn]]) -> Pictures:
    """The figures of a page; those of its claims' findings are taken from ``drawn``, one claim after the other."""
    claims = page.evidence
    names = [anchors.of(claim, finding) for claim in claims for finding in claim.results]
    images = itertools.chain.from_iterable(itertools.islice(drawn, len(claims)))
    found = dict(zip(names, images, strict=True))
    datasets = zip(anchors.datasets, page.results.provenance.datasets, strict=True)
    with canvas.figure_style():
        return Pictures(
            overview=overview(claims, alt=_overview_alt(claims)),
            forests={
                anchors.contexts[claim.id]: image
                for claim in claims
                if (image := forest_plot(claim, page.results.contexts))
            },
            overview_stem=page.stem if page.document else "overview",
            dots={anchor: dots for anchor, (dots, _) in found.items()},
            curves={anchor: curves for anchor, (_, curves) in found.items() if curves},
            studies={
                anchors.studies[study.id]: image
                for study in page.studies
                if (image := study_figure(study, alt=studies.alt(study)))
            },
            samples={
                anchor: sample_picture(data)
                for anchor, data in datasets
                if data.samples and not page.document
            },
        )


@contextmanager
def drawing(claims: Sequence[ClaimResult], *, cores: int) -> Iterator[Iterator[Sequence[Drawn]]]:
    """The figures of each claim's findings in their order, drawn ahead by so many processes."""
    if cores < 2 or len(claims) < _WORTH_PROCESSES:
        yield map(_drawn, claims)
        return
    pool = ProcessPoolExecutor(cores, mp_context=PROCESSES)
    try:
        yield pool.map(_drawn, claims, chunksize=_CHUNK)
    except BrokenProcessPool as error:
        raise NnbenchError(
            "a process that draws figures was killed, perhaps for want of memory",
            todo="draw them one after the other: `nnbench report --cores 1`",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _drawn(claim: ClaimResult) -> list[Drawn]:
    with canvas.figure_style():
        return [
            (
                dot_plot(finding, alt=dots_alt(claim, finding)),
                learning_curves(finding, alt=_curves_alt(claim, finding)),
            )
            for finding in claim.results
        ]


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


# --- what a dataset looks like


def sample_picture(dataset: DatasetFacts) -> Image:
    """Up to 20 images, or one signal per class, each with its class."""
    samples = dataset.samples
    images, numbers = samples[0].pixels is not None, dataset.task == "regression"
    if not images:
        samples = tuple({sample.label: sample for sample in reversed(samples)}.values())[::-1]
    samples = samples[:_MOST]
    columns = min(len(samples), _COLUMNS if images else _COLUMNS // 2)
    side = (canvas.WIDTH - _GAP) / max(columns, 5) - _GAP
    tile = (side, side if images else _SIGNAL_HEIGHT)
    height = math.ceil(len(samples) / columns) * (tile[1] + _LABEL + _GAP)
    figure = canvas.new_figure(height)
    for index, sample in enumerate(samples):
        row, column = divmod(index, columns)
        left = _GAP + column * (tile[0] + _GAP)
        bottom = height - row * (tile[1] + _LABEL + _GAP) - tile[1] - 2
        axes = figure.add_axes(
            (left / canvas.WIDTH, bottom / height, tile[0] / canvas.WIDTH, tile[1] / height)
        )
        axes.set_axis_off()
        _draw(axes, sample)
        name = significant(sample.label, 3) if numbers else dataset.class_names[int(sample.label)]
        x, y = (left + tile[0] / 2) / canvas.WIDTH, (bottom - 10) / height
        figure.text(x, y, name, color=canvas.MUTED, fontsize=canvas.SMALL, ha="center")
    what = "target" if numbers else "class"
    alt = f"{len(samples)} samples of {dataset.title}, each with its {what}."
    return canvas.render(figure, alt=alt)


def _draw(axes: Axes, sample: Sample) -> None:
    if sample.pixels is None:
        values = sample.values or ()
        marker = "o" if len(values) <= 16 else None
        axes.plot(values, color=canvas.MEASURED, lw=1.3, marker=marker, ms=2.5)
        return
    pixels = np.asarray(sample.pixels, dtype=np.uint8)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
        pixels = np.moveaxis(pixels, 0, -1)
    # Ink on paper: dark strokes on light, as the digits were written.
    grey = 255 - pixels.squeeze() if pixels.squeeze().ndim == 2 else pixels
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, interpolation="none", aspect="equal")
