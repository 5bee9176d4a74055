"""A user's own images: the network sees what their user sees, or an error says why it cannot."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from own_cases import FOLDER, described, draw_image, folder_data, pools_of, refused
from PIL import Image

from nnbench.datasets.own.description import dataset_at

WHITE, BLACK, CLEAR = (255, 255, 255, 255), (0, 0, 0, 255), (0, 0, 0, 0)
BLUE = (0, 0, 200, 255)


def icon(ink: Any = BLACK, clear: Any = CLEAR, *, at: int = 1) -> Image.Image:
    """A square of ink on nothing, 6 x 4 pixels."""
    image = Image.new("RGBA", (6, 4), clear)
    image.paste(ink, (at, 1, at + 2, 3))
    return image


def icon_data(
    folder: Path, draw: Callable[[int], Image.Image] | None = None, **changes: Any
) -> Path:
    """Five icons each of cats and dogs, the cats' as drawn."""
    for n in range(5):
        for name, image in (("cat", draw(n) if draw else icon()), ("dog", icon(at=n % 4))):
            place = folder / f"images/{name}/{n}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            image.save(place)
    return described(folder, FOLDER, **changes)


def cats(path: Path) -> npt.NDArray[np.uint8]:
    pools = pools_of(dataset_at(path))
    return np.concatenate([part.inputs[part.labels == 0] for part in (pools.trainval, pools.test)])


@pytest.mark.parametrize(
    ("background", "behind"),
    [(None, [255, 255, 255]), ("white", [255, 255, 255]), ("#ff8000", [255, 128, 0])],
)
def test_transparent_parts_show_the_background(
    background: str | None, behind: list[int], tmp_path: Path
) -> None:
    cat = cats(icon_data(tmp_path, background=background))[0]
    assert cat[:, 0, 0].tolist() == behind
    assert cat[:, 1, 1].tolist() == [0, 0, 0]


def test_black_shapes_on_nothing_differ_in_grey_too(tmp_path: Path) -> None:
    cat = cats(icon_data(tmp_path, colour="grey"))[0]
    assert (cat[0, 0, 0], cat[0, 1, 1]) == (255, 0)


def test_a_half_transparent_part_is_mixed_with_the_background(tmp_path: Path) -> None:
    path = icon_data(tmp_path, lambda _: icon((200, 0, 0, 51)))  # a fifth
    assert cats(path)[0][:, 1, 1].tolist() == [244, 204, 204]


def transparent_palette(_: int) -> Image.Image:
    image = Image.new("P", (6, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 200])
    image.paste(1, (1, 1, 3, 3))
    image.info["transparency"] = 0
    return image


def transparent_colour(mode: str) -> Callable[[int], Image.Image]:
    def draw(_: int) -> Image.Image:
        image = Image.new("RGB", (6, 4), (9, 9, 9)).convert(mode)
        image.paste(0 if mode == "L" else BLUE[:3], (1, 1, 3, 3))
        image.info["transparency"] = 9 if mode == "L" else (9, 9, 9)
        return image

    return draw


@pytest.mark.parametrize(
    ("draw", "ink"),
    [
        (transparent_palette, [0, 0, 200]),
        (transparent_colour("RGB"), [0, 0, 200]),
        (transparent_colour("L"), [0, 0, 0]),
        (lambda _: icon().convert("LA"), [0, 0, 0]),
    ],
    ids=["a colour of the palette", "one colour", "one grey", "grey and alpha"],
)
def test_every_kind_of_transparency_counts(
    draw: Callable[[int], Image.Image], ink: list[int], tmp_path: Path
) -> None:
    cat = cats(icon_data(tmp_path, draw))[0]
    assert cat[:, 0, 0].tolist() == [255, 255, 255]
    assert cat[:, 1, 1].tolist() == ink


def test_shapes_of_the_backgrounds_colour_are_refused(tmp_path: Path) -> None:
    path = icon_data(tmp_path, lambda _: icon(WHITE, (255, 255, 255, 0)))
    assert refused("5 files show nothing", path) == (
        f"{tmp_path / 'images'}: 5 files show nothing but one colour where their transparent parts show the "
        "background\n"
        "  got: cat/0.png (on white), cat/1.png (on white), cat/2.png (on white), cat/3.png (on white), "
        "cat/4.png (on white)\n"
        "  allowed: images that differ from the background\n"
        '  do: set another one, as in background: "#ff8000", or remove them'
    )
    described(tmp_path, FOLDER, background="#808080")
    assert cats(path)[0][:, 1, 1].tolist() == [255, 255, 255]


def test_an_alpha_channel_that_a_program_left_at_nothing_is_refused(tmp_path: Path) -> None:
    refused("5 files show nothing", icon_data(tmp_path, lambda n: icon((n, 0, 9, 0))))


@pytest.mark.parametrize("background", ["", "red", "#fff", "#12345g", 7])
def test_a_background_that_is_no_colour_is_refused(background: Any, tmp_path: Path) -> None:
    words = "mine.yaml: background: should be white, black or a colour in quotes"
    refused(words, icon_data(tmp_path, background=background))


def frames_data(folder: Path, suffix: str, *, count: int = 3, **changes: Any) -> Path:
    """Each image has a last frame of its own; the first ones differ by class and number."""
    path = folder_data(folder, **changes)
    for label, name in enumerate(("cat", "dog")):
        for n in range(5):
            (folder / f"images/{name}/{n}.png").unlink()
            first, *others = (
                Image.new("RGB", (6, 4), (100 * label + 10, 50 * n, 40 * frame))
                for frame in range(count)
            )
            first.save(folder / f"images/{name}/{n}.{suffix}", save_all=True, append_images=others)
    return path


@pytest.mark.parametrize("suffix", ["tif", "gif", "png", "webp"])
def test_several_frames_are_refused_unless_the_first_is_asked_for(
    suffix: str, tmp_path: Path
) -> None:
    path = frames_data(tmp_path, suffix)
    message = refused(rf"10 files have several frames...cat/0\.{suffix} \(3 frames\)", path)
    assert message.endswith(
        "  allowed: one image a file\n  do: set frames: first to use the first frame of each, or save each "
        "frame as a file of its own"
    )
    described(tmp_path, FOLDER, frames="first")
    assert cats(path)[:, 2].max() < 20  # that of the second frame is 40


def test_frames_are_found_by_the_plan_where_images_are_scaled_too(tmp_path: Path) -> None:
    path = frames_data(tmp_path, "gif", image_side=2)
    with pytest.raises(Exception, match="several frames"):
        dataset_at(path)


def test_one_frame_in_a_format_for_many_is_an_image(tmp_path: Path) -> None:
    assert len(cats(frames_data(tmp_path, "tif", count=1))) == 5


@pytest.mark.parametrize("name", ["deep.png", "deep.ppm", "deep.jp2"])
def test_deep_colours_are_not_cut_to_8_bits(name: str, tmp_path: Path) -> None:
    """12 bits of 16 would be 16 shades."""
    path = folder_data(tmp_path)
    (tmp_path / "images/cat" / name).write_bytes(DEEP[name]())
    refused(rf"1 files cannot be read as images of 8 bits...cat/{name} \(RGB", path)


def deep_png() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    rows = b"".join(b"\0" + struct.pack(">18H", *[4000] * 18) for _ in range(4))
    head = struct.pack(">IIBBBBB", 6, 4, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def deep_ppm() -> bytes:
    return b"P6 6 4 4095\n" + struct.pack(">72H", *[4000] * 72)


def deep_jpeg2000() -> bytes:
    """The head of a file with three channels of 12 bits: no more is read of it."""
    sizes = struct.pack(">H8IH", 0, 6, 4, 0, 0, 6, 4, 0, 0, 3) + b"\x0b\x01\x01" * 3
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(sizes) + 2) + sizes


DEEP = {"deep.png": deep_png, "deep.ppm": deep_ppm, "deep.jp2": deep_jpeg2000}


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("CMYK", "jpg"),
        ("CMYK", "tif"),
        ("P", "gif"),
        ("RGB", "jp2"),
        ("RGB", "bmp"),
        ("RGB", "ppm"),
    ],
)
def test_colours_of_other_modes_and_formats_are_the_colours(
    mode: str, suffix: str, tmp_path: Path
) -> None:
    path = folder_data(tmp_path)
    for n in range(5):
        (tmp_path / f"images/cat/{n}.png").unlink()
        image = Image.new("RGB", (6, 4), (200, 30, 60)).convert(mode)
        image.save(tmp_path / f"images/cat/{n}.{suffix}")
    found = cats(path)[0, :, 0, 0].astype(int)
    assert np.abs(found - [200, 30, 60]).max() <= 30 * (mode == "P")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("side", [None, 4])
def test_every_format_with_an_orientation_is_turned_once(
    suffix: str, side: int | None, tmp_path: Path
) -> None:
    path, exif = folder_data(tmp_path, image_side=side), Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: the first row goes right
    image = Image.new("RGB", (4, 6), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 4, 2))
    for n in range(5):
        (tmp_path / f"images/cat/{n}.png").unlink()
        image.save(tmp_path / f"images/cat/{n}.{suffix}", exif=exif, quality=100)
    cat = cats(path)[0].astype(int)
    assert cat.shape == (3, 4, side or 6)
    assert cat[:, :, -1].min() > 200
    assert cat[:, :, 0].max() < 60


def test_images_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for n in range(5):
            draw_image(tmp_path / f"images/{name}/{n}.png")
    path = described(tmp_path, FOLDER)
    assert refused("do not vary", path) == (
        f"{tmp_path / 'images'}: the inputs do not vary\n"
        "  got: 10 samples with the same 72 values each\n"
        "  allowed: samples that differ\n"
        "  do: check how the data were written, and the keys that choose what is read of them"
    )
