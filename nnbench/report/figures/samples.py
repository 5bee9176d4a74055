"""What a dataset looks like: some images, or one signal per class."""

import base64
import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnbench.records.origin import DatasetFacts, Sample
from nnbench.report.figures import canvas
from nnbench.report.figures.axes import padded
from nnbench.report.figures.canvas import Image, element, number
from nnbench.text.rounding import significant

_COLUMNS, _LINE, _GAP, _SIGNAL_HEIGHT = 10, 13.0, 5.0, 38.0
_MOST, _FEW_VALUES = 20, 16


def sample_picture(dataset: DatasetFacts) -> Image:
    """Up to 20 images, or one signal per class, each with its class."""
    samples = dataset.samples
    images, numbers = samples[0].pixels is not None, dataset.task == "regression"
    if not images:
        samples = tuple({sample.label: sample for sample in reversed(samples)}.values())[::-1]
    samples = samples[:_MOST]
    columns = min(len(samples), _COLUMNS if images else _COLUMNS // 2)
    side = (canvas.WIDTH - _GAP) / max(columns, 5) - _GAP
    height = side if images else _SIGNAL_HEIGHT
    names = [_name(sample, dataset, side) for sample in samples]
    step = height + _LINE * max(map(len, names)) + 3 + _GAP
    shapes = []
    for index, (sample, lines) in enumerate(zip(samples, names, strict=True)):
        row, column = divmod(index, columns)
        x, y = _GAP + column * (side + _GAP), _GAP + row * step
        shapes.append(_drawn(sample, x, y, (side, height)))
        middle, base = x + side / 2, y + height + 12
        style: canvas.Style = {"fill": canvas.MUTED, "size": canvas.SMALL, "text_anchor": "middle"}
        shapes += [canvas.text(middle, base + _LINE * i, w, **style) for i, w in enumerate(lines)]
    alt = f"{len(samples)} samples of {dataset.title}, each with its {'target' if numbers else 'class'}."
    box = (canvas.WIDTH, math.ceil(len(samples) / columns) * step + _GAP)
    return Image(body="".join(shapes), box=box, alt=alt)


def _name(sample: Sample, dataset: DatasetFacts, side: float) -> list[str]:
    """A sample's target, or its class on lines as wide as the sample."""
    if dataset.task == "regression":
        return [significant(sample.label, 3)]
    name = dataset.class_names[int(sample.label)]
    return canvas.wrapped(name, side + _GAP - 1, most=4, size=canvas.SMALL)


def _drawn(sample: Sample, x: float, y: float, size: tuple[float, float]) -> str:
    if sample.pixels is None:
        return _signal(sample.values or (), x, y, size)
    data = base64.b64encode(png(np.asarray(sample.pixels, dtype=np.uint8))).decode()
    return element(
        "image", x=x, y=y, width=size[0], height=size[1], href=f"data:image/png;base64,{data}",
        preserveAspectRatio="none", style="image-rendering:pixelated",
    )  # fmt: skip


def _signal(values: Sequence[float], x: float, y: float, size: tuple[float, float]) -> str:
    low, high = padded(values, log=False)
    step = size[0] / max(len(values) - 1, 1)
    points = [(x + step * i, y + size[1] * (high - v) / (high - low)) for i, v in enumerate(values)]
    shape = "M" + " ".join(f"{number(a)} {number(b)}" for a, b in points)
    line = element("path", d=shape, fill="none", stroke=canvas.MEASURED, stroke_width=1.3)
    dots = [canvas.dot(*point, 1.5) for point in points] if len(points) <= _FEW_VALUES else []
    return line + (element("g", *dots, fill=canvas.MEASURED) if dots else "")


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """An image, ``(height, width)`` or with one or three channels first or last, as a PNG file.

    Grey ones are ink on paper: dark strokes on light, as digits were written.
    """
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3):
        pixels = np.moveaxis(pixels, 0, -1)
    grey = pixels.squeeze().ndim == 2
    image = 255 - pixels.squeeze() if grey else pixels
    height, width = image.shape[:2]
    rows = np.insert(image.reshape(height, -1), 0, 0, axis=1)  # each row says: not filtered
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if grey else 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file: its length, kind, data and checksum (ISO/IEC 15948, section 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
