"""Changed test images: by exactly as much as was asked, and nothing comes in from outside."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from nnbench.engine.images import DRAWS, augment, check_range, shift_images
from nnbench.errors import NnbenchError
from nnbench.sections import Augment, Shift

SIZES = [(8, 8), (7, 12), (28, 28)]
ALL = Shift(rotation_degrees=20, shift_fraction=0.1, noise=0.2, contrast=0.5)


pytestmark = pytest.mark.usefixtures("on_one_thread")


def images(height: int = 8, width: int = 8, *, channels: int = 1, count: int = 40) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, height, width, generator=draw)


def shifted(source: Tensor, shift: Shift, seed: int = 0) -> Tensor:
    return shift_images(source, shift, generator=torch.Generator().manual_seed(seed))


def nearest(got: Tensor, candidates: list[npt.NDArray[np.float32]]) -> list[int]:
    """Which candidate each image is; it must be one of them."""
    off = [np.abs(got.numpy() - wanted).max(axis=(1, 2, 3)) for wanted in candidates]
    assert (np.min(off, axis=0) < 2e-5).all()
    return np.argmin(off, axis=0).tolist()


def turned(source: Tensor, angle: float) -> npt.NDArray[np.float32]:
    """By scipy, with zeros outside that the interpolation reaches into."""
    return ndimage.rotate(
        source.numpy(), angle, axes=(3, 2), reshape=False, order=1, mode="grid-constant"
    )


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("angle", [10, 45, 137])
def test_images_are_turned_by_exactly_the_angle_as_scipy_does(
    angle: float, height: int, width: int
) -> None:
    source = images(height, width, channels=2)
    got = shifted(source, Shift(rotation_degrees=angle))
    sides = nearest(got, [turned(source, angle), turned(source, -angle)])
    assert 5 < sum(sides) < 35  # both sides, of 40


def test_test_images_are_transformed_at_random_as_training_images_are() -> None:
    how = Augment(rotation_degrees=30, shift_fraction=0.2, horizontal_flip=True)
    source = images(28, 28)
    draw = torch.Generator().manual_seed(0)
    torch.randint(0, 2, (len(source), DRAWS), generator=draw)  # the directions, drawn first
    wanted = augment(source, torch.rand(len(source), DRAWS, generator=draw), how)
    assert torch.equal(shifted(source, Shift(augment=how)), wanted.clamp(0, 1))


def test_a_quarter_turn_of_a_known_image() -> None:
    source = torch.tensor([[0.1, 0.2], [0.3, 0.4]]).expand(20, 1, 2, 2)
    got = shifted(source, Shift(rotation_degrees=90))
    left, right = [[0.2, 0.4], [0.1, 0.3]], [[0.3, 0.1], [0.4, 0.2]]
    wanted = [np.full((20, 1, 2, 2), side, np.float32) for side in (left, right)]
    assert set(nearest(got, wanted)) == {0, 1}


def moved(source: Tensor, rows: int, columns: int) -> npt.NDArray[np.float32]:
    return ndimage.shift(source.numpy(), (0, 0, rows, columns), order=0)


def test_images_move_along_both_axes_by_exactly_the_share_and_black_comes_in() -> None:
    source = images(8, 12) * 0.5 + 0.5
    got = shifted(source, Shift(shift_fraction=0.25))  # 2 of 8 rows, 3 of 12 columns
    corners = [moved(source, rows, columns) for rows in (2, -2) for columns in (3, -3)]
    assert set(nearest(got, corners)) == {0, 1, 2, 3}
    assert ((got == 0).sum(dim=(1, 2, 3)) == 8 * 12 - 6 * 9).all()


def test_a_turn_on_black_ground_brings_in_black() -> None:
    got = shifted(torch.ones(5, 1, 9, 9), Shift(rotation_degrees=45))
    assert (got[:, :, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
    assert (got[:, :, 4, 4] == 1).all()


def test_contrast_shrinks_distances_from_each_images_own_mean() -> None:
    source = torch.tensor([[0.0, 1.0, 0.0, 1.0], [0.8, 0.8, 0.8, 0.0]]).view(2, 1, 2, 2)
    got = shifted(source, Shift(contrast=0.25)).view(2, 4)
    wanted = torch.tensor([[0.375, 0.625, 0.375, 0.625], [0.65, 0.65, 0.65, 0.45]])
    torch.testing.assert_close(got, wanted)
    assert shifted(source, Shift(contrast=0)).view(2, 4).std(dim=1).max() < 1e-6


def test_noise_has_the_deviation_asked_for_and_is_cut_to_0_and_1() -> None:
    grey = torch.full((50, 1, 28, 28), 0.5)
    noise = shifted(grey, Shift(noise=0.05)) - grey
    count = noise.numel()
    assert abs(noise.mean().item()) < 5 * 0.05 / count**0.5
    assert abs(noise.std().item() / 0.05 - 1) < 5 / (2 * count) ** 0.5
    black = shifted(torch.zeros(50, 1, 28, 28), Shift(noise=2.0))
    assert black.min() == 0
    assert black.max() == 1
    assert abs((black == 0).double().mean().item() - 0.5) < 0.02  # half of the noise is negative


def test_light_changes_before_the_sensor_adds_its_noise() -> None:
    grey = torch.full((50, 1, 28, 28), 0.5)
    noise = shifted(grey, Shift(noise=0.1, contrast=0.1)) - grey
    assert 0.095 < noise.std() < 0.105  # not shrunk by the contrast


def test_stronger_shifts_differ_in_their_strength_alone() -> None:
    source = images(9, 9)
    weak, strong = (shifted(source, Shift(rotation_degrees=a)) for a in (10, 30))
    sides = nearest(weak, [turned(source, 10), turned(source, -10)])
    assert nearest(strong, [turned(source, 30), turned(source, -30)]) == sides
    quiet, loud = (shifted(source, Shift(rotation_degrees=10, noise=s)) for s in (0.0, 1e-6))
    torch.testing.assert_close(quiet, loud, rtol=0, atol=1e-5)


def test_no_shift_changes_nothing_and_no_shift_changes_its_source() -> None:
    source = images(7, 9, channels=3)
    before = source.clone()
    assert torch.equal(shifted(source, Shift()), source)
    got = shifted(source, ALL)
    assert torch.equal(source, before)
    assert got.shape == source.shape
    assert got.min() >= 0
    assert got.max() <= 1


def test_the_same_seed_gives_the_same_images_and_another_one_others() -> None:
    state = torch.get_rng_state()
    assert torch.equal(shifted(images(), ALL), shifted(images(), ALL))
    assert not torch.equal(shifted(images(), ALL), shifted(images(), ALL, seed=1))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("inf")])
def test_images_of_another_range_are_refused(value: float) -> None:
    check_range(images())
    with pytest.raises(NnbenchError, match=r"shifts: images must lie within \[0, 1\]"):
        check_range(torch.cat([images(), torch.full_like(images(), value)]))
