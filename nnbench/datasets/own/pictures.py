"""One image file of a user's own: whether it can be used, its size, and its pixels.

What would change an image in silence is an error, or written down: channels deeper than 8 bits, several
frames, and shapes that a background swallows are refused; transparent parts show the background; CMYK becomes
RGB by the plain formula, and colour profiles are ignored.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

# Pillow's modes of 8 bits a channel or less; its conversion of deeper ones clips them.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
# Pillow knows many more; for some it starts other programs (EPS: Ghostscript).
FILE_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
DEEP = re.compile(r"(?<!BGR);16")  # in what Pillow unpacks to 8 bits; BGR;16 is a BMP of 5 or 6
EXIF_ORIENTATION = 0x0112
ROTATED = range(5, 9)  # EXIF orientations that swap width and height
# The start of a JPEG 2000 stream, 36 bytes of sizes, the number of channels; then 3 bytes for each.
_SIZ, _SIZ_LENGTH = b"\xff\x4f\xff\x51", 36
_HEADER = 65_536  # bytes of a file that hold it

Colour = Literal["rgb", "grey"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What can be wrong with files that Pillow reads: for one error over all of them."""

    what: str
    allowed: str | None
    todo: str


UNREADABLE_FILE = Fault(
    "cannot be read as images of 8 bits a channel", None, "repair, convert or remove them"
)
SEVERAL_FRAMES = Fault(
    "have several frames",
    "one image a file",
    "set frames: first to use the first frame of each, or save each frame as a file of its own",
)
SWALLOWED = Fault(
    "show nothing but one colour where their transparent parts show the background",
    "images that differ from the background",
    'set another one, as in background: "#ff8000", or remove them',
)


class UnusableImageError(Exception):
    """An image that is whole, and yet would not give what its user sees in it."""

    def __init__(self, fault: Fault, got: str) -> None:
        self.fault = fault
        super().__init__(got)


@contextmanager
def opened(file: Path, *, frames: Literal["first"] | None) -> Iterator[Image.Image]:
    """The image, open for as long as it is used; Pillow's warnings do not matter here.

    Raises UnusableImageError for several frames unless ``frames`` says which one counts, and what
    ``UNREADABLE`` lists for a file that is no image of 8 bits a channel.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - a plan of other data needs no Pillow

    if not file.is_file():
        raise ValueError("no regular file")  # a pipe would never end
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=FILE_FORMATS) as image:
                if image.mode not in MODES or _is_deep(image, file):
                    raise ValueError(f"{image.mode}: not 8 bits a channel")
                count = getattr(image, "n_frames", 1)
                if count > 1 and frames is None:
                    raise UnusableImageError(SEVERAL_FRAMES, f"{count} frames")
                yield image
    except UnidentifiedImageError:
        raise ValueError(f"none of {', '.join(FILE_FORMATS)}") from None
    except Image.DecompressionBombError:
        raise ValueError("far too many pixels") from None


def _is_deep(image: Image.Image, file: Path) -> bool:
    """Whether Pillow would cut deeper channels down to 8 bits: 12 bits of 16 would be 16 shades."""
    if image.format == "JPEG2000":
        return any(depth > 8 for depth in _depths(file))
    unpacked = [tile[3] for tile in getattr(image, "tile", ())]
    if image.format == "PPM":  # (mode, largest value)
        return any(isinstance(args, tuple) and args[-1] > 255 for args in unpacked)
    return any(DEEP.search(str(args)) for args in unpacked)


def _depths(file: Path) -> list[int]:
    """The bits of each channel of a JPEG 2000 file, which Pillow does not tell."""
    with file.open("rb") as opened_file:
        content = opened_file.read(_HEADER)
    start = content.find(_SIZ) + len(_SIZ) + _SIZ_LENGTH
    channels = int.from_bytes(content[start : start + 2], "big")
    return [(byte & 0x7F) + 1 for byte in content[start + 2 : start + 2 + 3 * channels : 3]]


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as one sees it; Pillow itself has turned some formats already, and others not."""
    from PIL import ImageOps  # noqa: PLC0415

    if image.getexif().get(EXIF_ORIENTATION) in ROTATED:
        return ImageOps.exif_transpose(image).size
    return image.size


def pixels(
    image: Image.Image, *, colour: Colour, background: str, side: int | None
) -> npt.NDArray[np.uint8]:
    """``(channels, height, width)`` uint8, as one sees the image on the background.

    With a ``side`` the middle square is scaled to it. Raises UnusableImageError if the background swallows
    all that the image shows.
    """
    from PIL import Image, ImageOps  # noqa: PLC0415

    mode = "RGB" if colour == "rgb" else "L"
    upright = ImageOps.exif_transpose(image)
    seen = _on(upright, background, mode) if _is_transparent(upright) else upright.convert(mode)
    if side is not None:
        seen = ImageOps.fit(seen, (side, side), method=Image.Resampling.BILINEAR)
    values = np.asarray(seen)
    return np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)


def _is_transparent(image: Image.Image) -> bool:
    """Whether it may have transparent parts: a channel, one colour, or colours of the palette."""
    palette = image.palette.mode if image.mode == "P" and image.palette else ""
    return image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info or "A" in palette


def _on(image: Image.Image, background: str, mode: str) -> Image.Image:
    """The image on a background of one colour."""
    from PIL import Image  # noqa: PLC0415

    top = image.convert("RGBA")
    below = Image.new("RGBA", top.size, background)
    seen = Image.alpha_composite(below, top).convert("RGB").convert(mode)
    if _is_flat(seen) and not _is_flat(top):
        raise UnusableImageError(SWALLOWED, f"on {background}")
    return seen


def _is_flat(image: Image.Image) -> bool:
    """Whether all pixels are the same."""
    return all(channel.getextrema()[0] == channel.getextrema()[1] for channel in image.split())
