"""A user's own images: a folder for each class, ``<class>/…``, or ``train/<class>/…`` and ``test/<class>/…``.

Every file in a class folder is an image of that class (hidden files do not count). Images become
uint8, channel first; transparency is dropped, and a photograph is turned as its EXIF entry says. With
``image_side`` the middle square of each is scaled to that side, bilinearly with antialiasing.
"""

from __future__ import annotations

import math
import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from nnbench.datasets.base import Arrays, Labels
from nnbench.datasets.own.base import Outline, OwnData, Samples, first_few, wrong_data

if TYPE_CHECKING:
    from PIL import Image

PARTS = ("train", "test")
# Pillow's modes of 8 bits a channel or less; its conversion of deeper ones clips them.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
# Pillow knows many more; with some of them it starts other programs (EPS: Ghostscript).
FILE_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
EXIF_ORIENTATION = 0x0112
TURNED = range(5, 9)  # EXIF orientations that exchange width and height


class FolderData(OwnData):
    """Images in class folders."""

    format: Literal["folder"]
    image_side: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Scale the middle square to this side, in pixels; None: all have one size already."""
    colour: Literal["rgb", "grey"] = "rgb"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """Image files and the class of each."""

    paths: tuple[Path, ...]
    labels: Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    class_names: tuple[str, ...]
    train: _Files
    test: _Files | None

    def parts(self) -> tuple[_Files, ...]:
        return (self.train,) if self.test is None else (self.train, self.test)


def outline_folder(spec: FolderData, path: Path) -> Outline:
    """What a plan needs to know: names of folders and files, and at most the images' heads.

    Raises:
        NnbenchError: The folders are not as described, or the images differ in size.
    """
    listing = _list(path)
    return Outline(
        input_shape=_input_shape(spec, path, listing),
        class_names=listing.class_names,
        labels=listing.train.labels,
        test_labels=None if listing.test is None else listing.test.labels,
    )


def read_folder(spec: FolderData, path: Path) -> Samples:
    """Read all images ``(N, 3 or 1, height, width)`` uint8.

    Raises:
        NnbenchError: As ``outline_folder``; or files cannot be read as images.
    """
    listing = _list(path)
    shape = _input_shape(spec, path, listing)
    bad: list[str] = []
    parts = []
    for files in listing.parts():
        inputs = _room(path, (len(files.paths), *shape))
        for row, file in enumerate(files.paths):
            try:
                inputs[row] = _pixels(spec, file)
            except _UNREADABLE as error:
                bad.append(f"{file.relative_to(path)} ({error})")
        parts.append(Arrays(inputs=inputs, labels=files.labels))
    _check_readable(path, bad)
    return Samples(
        train=parts[0], test=parts[1] if parts[1:] else None, class_names=listing.class_names
    )


def _room(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    try:
        return np.zeros(shape, np.uint8)
    except (MemoryError, ValueError) as error:  # beyond 2**63 bytes it is a ValueError
        raise wrong_data(
            path,
            "the images do not fit in memory",
            got=f"{math.prod(shape) / 1e9:.0f} GB",
            todo="set a smaller image_side, or use fewer images",
        ) from error


def _list(path: Path) -> _Listing:
    """Folders and files, sorted by name."""
    folders = _folders(path)
    names = tuple(folder.name for folder in folders)
    if sorted(names) == sorted(PARTS):
        return _list_parts(path)
    if set(PARTS) <= set(names):
        raise wrong_data(
            path,
            "has class folders beside train and test",
            got=first_few([name for name in names if name not in PARTS]),
            allowed="train and test alone, or class folders alone",
            todo="put each class into train and test, or remove these two",
        )
    return _Listing(class_names=names, train=_files(path, folders), test=None)


def _list_parts(path: Path) -> _Listing:
    train, test = (_folders(path / part) for part in PARTS)
    names, others = ({folder.name for folder in folders} for folders in (train, test))
    if names != others:
        raise wrong_data(
            path,
            "train and test have different classes",
            got=f"only in train: {first_few(sorted(names - others)) or 'none'}; "
            f"only in test: {first_few(sorted(others - names)) or 'none'}",
            todo="give every class a folder in both",
        )
    return _Listing(
        class_names=tuple(folder.name for folder in train),
        train=_files(path / "train", train),
        test=_files(path / "test", test),
    )


def _folders(path: Path) -> list[Path]:
    found = [folder for folder in _visible(path) if folder.is_dir()]
    if not found:
        raise wrong_data(
            path,
            "has no class folders",
            got=first_few([entry.name for entry in _visible(path)]) or "an empty folder",
            allowed="<class>/<image>, or train/<class>/<image> and test/<class>/<image>",
            todo="put the images of each class into a folder of its name",
        )
    return found


def _visible(path: Path) -> list[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise wrong_data(
            path, "cannot be read", got=error.strerror, todo="make it readable"
        ) from error


def _files(path: Path, folders: list[Path]) -> _Files:
    paths: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        entries = _visible(folder)
        if inner := [entry.name for entry in entries if entry.is_dir()]:
            raise wrong_data(
                path / folder.name,
                "has folders inside a class folder",
                got=first_few(inner),
                allowed="images alone",
                todo="move the images up, or make each of these a class",
            )
        paths += entries
        labels += [label] * len(entries)
    return _Files(paths=tuple(paths), labels=np.array(labels, dtype=np.int64))


def _input_shape(spec: FolderData, path: Path, listing: _Listing) -> tuple[int, ...]:
    channels = 3 if spec.colour == "rgb" else 1
    if spec.image_side is not None:
        return (channels, spec.image_side, spec.image_side)
    sizes = _sizes(path, listing)
    if len(sizes) > 1:
        counts = [f"{count} of {w} x {h}" for (w, h), count in sizes.most_common()]
        raise wrong_data(
            path,
            "the images differ in size",
            got=first_few(counts),
            allowed="one size",
            todo="set image_side, as in image_side: 64: crop to squares and scale to 64 x 64 pixels",
        )
    (width, height) = next(iter(sizes), (1, 1))  # no image at all: its classes are too small
    return (channels, height, width)


def _sizes(path: Path, listing: _Listing) -> Counter[tuple[int, int]]:
    """How many images there are of each (width, height), by their heads alone."""
    sizes: Counter[tuple[int, int]] = Counter()
    bad: list[str] = []
    for file in (file for files in listing.parts() for file in files.paths):
        try:
            with _opened(file) as image:
                turned = image.getexif().get(EXIF_ORIENTATION) in TURNED
                sizes[image.size[::-1] if turned else image.size] += 1
        except _UNREADABLE as error:
            bad.append(f"{file.relative_to(path)} ({error})")
    _check_readable(path, bad)
    return sizes


# Pillow raises SyntaxError at some broken files, and others at what they make its decoders do.
_UNREADABLE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
    *(struct.error, zlib.error),
)


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """The image, open for as long as it is used; its warnings are of what does not matter here."""
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


def _pixels(spec: FolderData, file: Path) -> npt.NDArray[np.uint8]:
    """``(channels, height, width)`` uint8."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    with _opened(file) as image:
        upright = ImageOps.exif_transpose(image)
        converted = upright.convert("RGB" if spec.colour == "rgb" else "L")
    if (side := spec.image_side) is not None:
        converted = ImageOps.fit(converted, (side, side), method=Image.Resampling.BILINEAR)
    pixels = np.asarray(converted)
    return np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0)


def _check_readable(path: Path, bad: list[str]) -> None:
    if bad:
        raise wrong_data(
            path,
            f"{len(bad)} files cannot be read as images of 8 bits a channel",
            got=first_few(bad),
            todo="repair, convert or remove them",
        )
