"""A user's own images: a folder for each class, ``<class>/…``, or ``train/<class>/…`` and ``test/<class>/…``.

Every file in a class folder is an image of that class (hidden files are ignored). Images become
uint8, channel first; transparent parts show the background, and a photograph is rotated as its EXIF entry
says. With ``image_side`` the middle square of each is scaled to that side, bilinearly with antialiasing.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from nnbench.datasets.base import Labels
from nnbench.datasets.own.common import OwnData, Samples, first_few
from nnbench.datasets.own.pictures import (
    UNREADABLE_FILE,
    Colour,
    Fault,
    UnusableImageError,
    opened,
    pixels,
    upright_size,
)
from nnbench.datasets.prepared.files import UNREADABLE
from nnbench.errors import NnbenchError

if TYPE_CHECKING:
    from PIL import Image

SETS = ("train", "test")
COLOUR = re.compile("white|black|#[0-9a-fA-F]{6}")


class FolderData(OwnData):
    """Images in class folders."""

    format: Literal["folder"]
    # in pixels, to which the middle square is scaled; None: all have one size already
    image_side: Annotated[int, Field(ge=1, le=4096)] | None = None
    colour: Colour = "rgb"
    background: str = "white"  # behind transparent parts: white, black or "#rrggbb"
    frames: Literal["first"] | None = None  # which one counts; None: a file has one

    @field_validator("background", mode="before")
    @classmethod
    def _background(cls, value: object) -> object:
        """``#ff8000`` without quotes is a comment to YAML, which leaves nothing."""
        if not isinstance(value, str) or not COLOUR.fullmatch(value):
            raise ValueError('should be white, black or a colour in quotes, as in "#ff8000"')
        return value

    def samples(self, path: Path) -> Samples:
        """Images ``(N, 3 or 1, height, width)`` uint8; until they are read, only their headers are.

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
    channels, side = 3 if spec.colour == "rgb" else 1, spec.image_side
    sizes: Counter[tuple[int, int]] = Counter()

    def count(_: int, image: Image.Image) -> None:
        sizes[upright_size(image) if side is None else (side, side)] += 1

    _for_each(spec, path, files, count)
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
        inputs[row] = pixels(
            image, colour=spec.colour, background=spec.background, side=spec.image_side
        )

    _for_each(spec, path, files, fill)
    return inputs


def _for_each(
    spec: FolderData, path: Path, files: Sequence[Path], use: Callable[[int, Image.Image], None]
) -> None:
    """Open one image after the other; at the end, name those that cannot be used."""
    bad: dict[Fault, list[str]] = {}
    for row, file in enumerate(files):
        try:
            with opened(file, frames=spec.frames) as image:
                use(row, image)
        except (UnusableImageError, *UNREADABLE) as error:
            fault = error.fault if isinstance(error, UnusableImageError) else UNREADABLE_FILE
            bad.setdefault(fault, []).append(f"{file.relative_to(path)} ({error})")
    for fault, named in bad.items():
        what = f"{len(named)} files {fault.what}"
        raise NnbenchError(what, got=first_few(named), allowed=fault.allowed, todo=fault.todo)
