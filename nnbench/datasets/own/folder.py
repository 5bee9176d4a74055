"""A user's own images: a folder for each class, ``<class>/…``, or ``train/<class>/…`` and ``test/<class>/…``.

Every file in a class folder is an image of that class (hidden files are ignored). Images become
uint8, channel first; transparency is dropped, and a photograph is rotated as its EXIF entry says. With
``image_side`` the middle square of each is scaled to that side, bilinearly with antialiasing.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from nnbench.datasets.base import Labels
from nnbench.datasets.own.common import OwnData, Samples, first_few
from nnbench.datasets.prepared.files import UNREADABLE
from nnbench.errors import NnbenchError

if TYPE_CHECKING:
    from PIL import Image

SETS = ("train", "test")
# Pillow's modes of 8 bits a channel or less; its conversion of deeper ones clips them.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
# Pillow knows many more; for some it starts other programs (EPS: Ghostscript).
FILE_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
EXIF_ORIENTATION = 0x0112
ROTATED = range(5, 9)  # EXIF orientations that swap width and height


class FolderData(OwnData):
    """Images in class folders."""

    format: Literal["folder"]
    # in pixels, to which the middle square is scaled; None: all have one size already
    image_side: Annotated[int, Field(ge=1, le=4096)] | None = None
    colour: Literal["rgb", "grey"] = "rgb"

    def samples(self, path: Path) -> Samples:
        """Images ``(N, 3 or 1, height, width)`` uint8; until they are read, their headers at most.

        Raises NnbenchError, as does reading the samples, if the folders are not as described, the images
        differ in size, or files cannot be read as images.
        """
        sets = _class_folders(path)
        listed = [_files(folders) for folders in sets]
        files = [file for paths, _ in listed for file in paths]
        shape, first = _input_shape(self, path, files), len(listed[0][0])
        return Samples(
            input_shape=shape,
            class_names=tuple(folder.name for folder in sets[0]),
            labels=[labels for _, labels in listed],
            target=("", ""),
            read=lambda: np.split(_read(self, path, files, shape), [first])[: len(sets)],
        )


def _class_folders(path: Path) -> list[list[Path]]:
    """The class folders of all samples, or of a training and a test set, each sorted by name."""
    folders = _folders(path)
    names = [folder.name for folder in folders]
    if not set(SETS) <= set(names):
        return [folders]
    if len(names) > len(SETS):
        raise NnbenchError(
            "has class folders beside train and test",
            got=first_few([name for name in names if name not in SETS]),
            allowed="train and test alone, or class folders alone",
            todo="put each class into train and test, or remove these two",
        )
    sets = [_folders(path / name) for name in SETS]
    train, test = ({folder.name for folder in folders} for folders in sets)
    if train != test:
        raise NnbenchError(
            "train and test have different classes",
            got=f"only in train: {first_few(sorted(train - test)) or 'none'}; "
            f"only in test: {first_few(sorted(test - train)) or 'none'}",
            todo="give every class a folder in both",
        )
    return sets


def _folders(path: Path) -> list[Path]:
    found = [folder for folder in _visible(path) if folder.is_dir()]
    if not found:
        raise NnbenchError(
            f"{path.name} has no class folders",
            got=first_few([entry.name for entry in _visible(path)]) or "an empty folder",
            allowed="<class>/<image>, or train/<class>/<image> and test/<class>/<image>",
            todo="put the images of each class into a folder of its name",
        )
    return found


def _visible(path: Path) -> list[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        what, todo = f"{path.name} cannot be read", "make it readable"
        raise NnbenchError(what, got=error.strerror, todo=todo) from error


def _files(folders: Sequence[Path]) -> tuple[list[Path], Labels]:
    """Image files and the class of each."""
    entries = [_visible(folder) for folder in folders]
    for folder, files in zip(folders, entries, strict=True):
        if inner := [entry.name for entry in files if entry.is_dir()]:
            raise NnbenchError(
                f"{folder.name}: has folders inside a class folder",
                got=first_few(inner),
                allowed="images alone",
                todo="move the images up, or make each of these a class",
            )
    labels = np.repeat(np.arange(len(folders)), [len(files) for files in entries])
    return list(chain(*entries)), labels.astype(np.int64)


def _input_shape(spec: FolderData, path: Path, files: Sequence[Path]) -> tuple[int, ...]:
    channels = 3 if spec.colour == "rgb" else 1
    if spec.image_side is not None:
        return (channels, spec.image_side, spec.image_side)
    sizes: Counter[tuple[int, int]] = Counter()

    def count(_: int, image: Image.Image) -> None:
        rotated = image.getexif().get(EXIF_ORIENTATION) in ROTATED
        sizes[image.size[::-1] if rotated else image.size] += 1

    _for_each(path, files, count)
    if len(sizes) > 1:
        raise NnbenchError(
            "the images differ in size",
            got=first_few([f"{count} of {w} x {h}" for (w, h), count in sizes.most_common()]),
            allowed="one size",
            todo="set image_side, as in image_side: 64: crop to squares and scale to 64 x 64 pixels",
        )
    (width, height) = next(iter(sizes), (1, 1))  # no image at all: its classes are too small
    return (channels, height, width)


def _read(
    spec: FolderData, path: Path, files: Sequence[Path], shape: tuple[int, ...]
) -> npt.NDArray[np.uint8]:
    """All images, each of this shape."""
    try:
        inputs = np.zeros((len(files), *shape), np.uint8)
    except (MemoryError, ValueError) as error:  # beyond 2**63 bytes it is a ValueError
        got = f"{len(files) * math.prod(shape) / 1e9:.0f} GB"
        todo = "set a smaller image_side, or use fewer images"
        raise NnbenchError("the images do not fit in memory", got=got, todo=todo) from error

    def fill(row: int, image: Image.Image) -> None:
        inputs[row] = _pixels(spec, image)

    _for_each(path, files, fill)
    return inputs


def _for_each(path: Path, files: Sequence[Path], use: Callable[[int, Image.Image], None]) -> None:
    """Open one image after the other; at the end, name those that cannot be read."""
    bad = []
    for row, file in enumerate(files):
        try:
            with _opened(file) as image:
                use(row, image)
        except UNREADABLE as error:
            bad.append(f"{file.relative_to(path)} ({error})")
    if bad:
        what = f"{len(bad)} files cannot be read as images of 8 bits a channel"
        raise NnbenchError(what, got=first_few(bad), todo="repair, convert or remove them")


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """The image, open for as long as it is used; Pillow's warnings do not matter here."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - a plan of other data needs no Pillow

    if not file.is_file():
        raise ValueError("no regular file")  # a pipe would never end
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FILE_FORMATS) as image:
                if image.mode not in MODES:
                    raise ValueError(f"{image.mode}: not 8 bits a channel")
                yield image
    except UnidentifiedImageError:
        raise ValueError(f"none of {', '.join(FILE_FORMATS)}") from None
    except Image.DecompressionBombError:
        raise ValueError("far too many pixels") from None


def _pixels(spec: FolderData, image: Image.Image) -> npt.NDArray[np.uint8]:
    """``(channels, height, width)`` uint8."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    converted = ImageOps.exif_transpose(image).convert("RGB" if spec.colour == "rgb" else "L")
    if (side := spec.image_side) is not None:
        converted = ImageOps.fit(converted, (side, side), method=Image.Resampling.BILINEAR)
    pixels = np.asarray(converted)
    return np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0)
