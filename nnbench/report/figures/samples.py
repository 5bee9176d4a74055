"""What a dataset looks like: one sample or two of each class."""

import math

import numpy as np
from matplotlib.axes import Axes

from nnbench.records.origin import DatasetFacts, Sample
from nnbench.report.figures.canvas import MEASURED, MUTED, SMALL, WIDTH, Image, new_figure, render
from nnbench.text.rounding import significant

_COLUMNS, _LABEL, _GAP, _SIGNAL_HEIGHT = 10, 15.0, 5.0, 34.0
_MOST = 20


def sample_picture(dataset: DatasetFacts) -> Image:
    """Up to 20 images, or one signal per class, each with its class."""
    samples = dataset.samples
    images = samples[0].pixels is not None
    if not images:
        samples = tuple({sample.label: sample for sample in reversed(samples)}.values())[::-1]
    samples = samples[:_MOST]
    columns = min(len(samples), _COLUMNS if images else _COLUMNS // 2)
    side = (WIDTH - _GAP) / max(columns, 5) - _GAP
    tile = (side, side if images else _SIGNAL_HEIGHT)
    height = math.ceil(len(samples) / columns) * (tile[1] + _LABEL + _GAP)
    figure = new_figure(height)
    for index, sample in enumerate(samples):
        row, column = divmod(index, columns)
        left = _GAP + column * (tile[0] + _GAP)
        bottom = height - row * (tile[1] + _LABEL + _GAP) - tile[1] - 2
        axes = figure.add_axes((left / WIDTH, bottom / height, tile[0] / WIDTH, tile[1] / height))
        axes.set_axis_off()
        _draw(axes, sample)
        x, y = (left + tile[0] / 2) / WIDTH, (bottom - 10) / height
        figure.text(x, y, _label(sample, dataset), color=MUTED, fontsize=SMALL, ha="center")
    what = "target" if dataset.task == "regression" else "class"
    alt = f"{len(samples)} samples of {dataset.title}, each with its {what}."
    return render(figure, alt=alt)


def _label(sample: Sample, dataset: DatasetFacts) -> str:
    """A sample's class, or its target."""
    if dataset.task == "regression":
        return significant(sample.label, 3)
    return dataset.class_names[int(sample.label)]


def _draw(axes: Axes, sample: Sample) -> None:
    if sample.pixels is None:
        values = sample.values or ()
        marker = "o" if len(values) <= 16 else None
        axes.plot(values, color=MEASURED, lw=1.3, marker=marker, ms=2.5)
        return
    pixels = np.asarray(sample.pixels, dtype=np.uint8)
    if pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1) if pixels.shape[0] in (1, 3) else pixels
    # Ink on paper: dark strokes on light, as the digits were written.
    grey = 255 - pixels.squeeze() if pixels.squeeze().ndim == 2 else pixels
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, interpolation="none", aspect="equal")
