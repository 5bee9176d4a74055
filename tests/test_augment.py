"""Augmentation is Keras' ImageDataGenerator, on whole batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from nnbench.engine.images import DRAWS, augment, augmented, pixel_maps
from nnbench.engine.native.build import native
from nnbench.engine.native.inputs import nonzeros_of, warped
from nnbench.engine.seeding import generators
from nnbench.sections import Augment

Floats = npt.NDArray[np.float64]

ALL = Augment(
    rotation_degrees=40, shift_fraction=0.2, shear_degrees=30, zoom_fraction=0.3,
    horizontal_flip=True,
)  # fmt: skip
EACH = {
    "all": ALL,
    "rotation": Augment(rotation_degrees=180),
    "shift": Augment(shift_fraction=0.4),
    "shear": Augment(shear_degrees=60),
    "zoom": Augment(zoom_fraction=0.9),
    "flip": Augment(horizontal_flip=True),
}
SIZES = [(8, 8), (7, 12), (13, 6)]
COUNT = 24


pytestmark = pytest.mark.usefixtures("on_one_thread")


def images(height: int = 8, width: int = 8, *, channels: int = 1, count: int = COUNT) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, height, width, generator=draw)


def uniforms(count: int = COUNT) -> Tensor:
    return torch.rand(count, DRAWS, generator=torch.Generator().manual_seed(2))


def numpy_maps(draws: Tensor, how: Augment, *, height: int, width: int) -> tuple[Floats, Floats]:
    matrix, offset = pixel_maps(draws.double(), how, height=height, width=width)
    return matrix.numpy(), offset.numpy()


def in_compiled_code(source: Tensor, draws: Tensor, how: Augment) -> Tensor:
    """What ``augment`` does, from a bank that has the images in another order, and others."""
    code = native()
    if code is None:
        pytest.skip("needs a C++ compiler")
    bank = torch.cat([images(*source.shape[2:], channels=source.shape[1]) + 9, source.flip(0)])
    rows = torch.arange(len(bank) - 1, len(bank) - 1 - len(source), -1)
    height, width = source.shape[2:]
    return warped(bank, rows, *pixel_maps(draws, how, height=height, width=width), code)


@pytest.mark.parametrize(
    ("augmenting", "height", "width"),
    [
        *((augment, *size) for size in SIZES),
        *((in_compiled_code, *size) for size in (*SIZES, (1, 9), (28, 28))),
    ],
)
@pytest.mark.parametrize("name", EACH)
def test_each_image_is_sampled_as_scipy_does(
    name: str, augmenting: Callable[[Tensor, Tensor, Augment], Tensor], height: int, width: int
) -> None:
    how, draws, source = EACH[name], uniforms(), images(height, width, channels=2)
    got = augmenting(source, draws, how).numpy()
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    maps = numpy_maps(draws, how, height=height, width=width)
    for image, out, matrix, offset in zip(source.numpy(), got, *maps, strict=True):
        start = centre + offset - matrix @ centre
        for channel, result in zip(image, out, strict=True):
            wanted = ndimage.affine_transform(channel, matrix, start, order=1, mode="nearest")
            np.testing.assert_allclose(result, wanted, atol=2e-5)


def keras_map(
    *, theta: float, tx: float, ty: float, shear: float, zx: float, zy: float
) -> tuple[Floats, Floats]:
    """The published composition: matrices in (x, y), then both axes swapped for (row, column)."""
    rotation = np.array(
        [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]]
    )
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.array([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    whole = rotation @ shift @ shearing @ zoom
    whole[:, [0, 1]] = whole[:, [1, 0]]
    whole[[0, 1]] = whole[[1, 0]]
    return whole[:2, :2], whole[:2, 2]


@pytest.mark.parametrize("name", [name for name in EACH if name != "flip"])
def test_the_transformations_are_composed_as_in_keras(name: str) -> None:
    how, height, width = EACH[name], 9, 14
    signed = 2 * uniforms().double().numpy() - 1
    how = how.model_copy(update={"horizontal_flip": False})
    maps = numpy_maps(uniforms(), how, height=height, width=width)
    for draw, matrix, offset in zip(signed, *maps, strict=True):
        wanted = keras_map(
            theta=np.deg2rad(draw[0] * how.rotation_degrees),
            tx=draw[2] * how.shift_fraction * width,
            ty=draw[1] * how.shift_fraction * height,
            shear=np.deg2rad(draw[3] * how.shear_degrees),
            zx=1 + draw[5] * how.zoom_fraction,
            zy=1 + draw[4] * how.zoom_fraction,
        )
        np.testing.assert_allclose(matrix, wanted[0], atol=1e-12)
        np.testing.assert_allclose(offset, wanted[1], atol=1e-12)


def test_a_shear_slants_upright_strokes() -> None:
    stroke = torch.zeros(1, 1, 9, 9)
    stroke[..., 4] = 1.0
    draws = torch.full((1, DRAWS), 0.5)
    draws[:, 3] = 1.0  # the whole 45 degrees
    out = augment(stroke, draws, Augment(shear_degrees=45))[0, 0]
    columns = out.argmax(dim=1)
    assert (columns.diff().abs() <= 1).all()
    assert abs(int(columns[0] - columns[-1])) >= 5


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_ranges_of_zero_change_nothing(height: int, width: int) -> None:
    source = images(height, width)
    torch.testing.assert_close(augment(source, uniforms(), Augment()), source, rtol=0, atol=1e-5)


def test_a_shift_by_whole_pixels_moves_the_image_and_repeats_its_edge() -> None:
    source = images(4, 8, count=1)
    draws = torch.full((1, DRAWS), 0.5)
    draws[:, 1] = 1.0  # a quarter of the height: one row
    out = augment(source, draws, Augment(shift_fraction=0.25))
    wanted = torch.cat([source[:, :, 1:], source[:, :, -1:]], dim=2)
    torch.testing.assert_close(out, wanted, rtol=0, atol=1e-5)


def test_a_flip_mirrors_left_and_right_exactly() -> None:
    source, draws = images(5, 8), uniforms()
    out = augment(source, draws, Augment(horizontal_flip=True))
    mirrored = draws[:, 6] < 0.5
    assert 0 < mirrored.sum() < len(mirrored)
    wanted = torch.where(mirrored.view(-1, 1, 1, 1), source.flip(3), source)
    torch.testing.assert_close(out, wanted, rtol=0, atol=1e-5)


def test_about_half_of_all_images_are_flipped() -> None:
    n = 10_000
    matrix, _ = pixel_maps(uniforms(n), Augment(horizontal_flip=True), height=8, width=8)
    share = (matrix[:, 1, 1] < 0).double().mean().item()
    assert share == pytest.approx(0.5, abs=5 * 0.5 / n**0.5)


def test_parameters_fill_their_ranges_and_no_more() -> None:
    n = 10_000
    matrix, _ = pixel_maps(uniforms(n), Augment(zoom_fraction=0.3), height=8, width=8)
    zoom = matrix.diagonal(dim1=1, dim2=2)
    assert zoom.min() >= 0.7
    assert zoom.max() <= 1.3
    torch.testing.assert_close(zoom.mean(0), torch.ones(2), rtol=0, atol=5 * 0.3 / (3 * n) ** 0.5)
    matrix, offset = pixel_maps(uniforms(n), Augment(rotation_degrees=30), height=8, width=8)
    angle = torch.rad2deg(torch.atan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    assert 29.9 < angle.max() <= 30.001
    assert -30.001 <= angle.min() < -29.9
    assert not offset.any()


def test_each_sample_has_its_own_parameters_and_no_others() -> None:
    source, draws = images(count=1).expand(COUNT, -1, -1, -1), uniforms()
    out = augment(source, draws, ALL)
    for first in range(COUNT):
        for second in range(first):
            assert (out[first] - out[second]).abs().max() > 1e-3
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(augment(source, draws[order], ALL), out[order])


@pytest.mark.parametrize("name", EACH)
def test_pixels_stay_finite_and_within_the_images_range(name: str) -> None:
    source = images(6, 10) * 3 - 1
    out = augment(source, uniforms(), EACH[name])
    low, high = source.amin(dim=(1, 2, 3)), source.amax(dim=(1, 2, 3))
    assert out.isfinite().all()
    assert (out.amin(dim=(1, 2, 3)) >= low - 1e-5).all()
    assert (out.amax(dim=(1, 2, 3)) <= high + 1e-5).all()


def test_a_replicate_is_augmented_alike_alone_and_among_others() -> None:
    seeds, source = (0, 5, 9), images(count=12).view(3, 4, 1, 8, 8)
    together, again = (augmented(source, ALL, generators(seeds, "augment")) for _ in range(2))
    assert torch.equal(together, again)
    for row, seed in enumerate(seeds):
        alone = augmented(source[row : row + 1], ALL, generators((seed,), "augment"))
        torch.testing.assert_close(alone[0], together[row])


@pytest.mark.parametrize("width", [3, 8, 21])
def test_values_other_than_0_are_found_in_their_order_and_none_where_they_are_many(
    width: int,
) -> None:
    code = native()
    if code is None:
        pytest.skip("needs a C++ compiler")
    draw = torch.Generator().manual_seed(4)
    values = torch.randn(50, width, generator=draw)
    values[:, : width // 2 + 1] = 0.0
    values = values[:, torch.randperm(width, generator=draw)]
    values[7] = 0.0
    found = nonzeros_of(values, code)
    assert found is not None
    starts, columns, others = found
    rows, wanted = values.nonzero(as_tuple=True)
    assert torch.equal(starts.diff(), torch.bincount(rows, minlength=50))
    assert torch.equal(columns[: starts[-1]].long(), wanted)
    assert torch.equal(others[: starts[-1]], values[rows, wanted])
    values[25:] = 1.0
    assert nonzeros_of(values, code) is None
    dense, zeros = torch.ones(64, width), torch.zeros(200, width)
    assert nonzeros_of(torch.cat([zeros[:60], dense, dense]), code) is None
    assert nonzeros_of(torch.cat([dense[:33], zeros]), code) is None  # by the first 64
    assert nonzeros_of(torch.cat([dense[:32], zeros]), code) is not None
