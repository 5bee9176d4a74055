"""Which inputs each registered model takes (no torch)."""

from __future__ import annotations

from collections.abc import Mapping

from nnbench.errors import NnbenchError

# torchvision's own figures: ``meta["min_size"]`` of each network's weights
SMALLEST_SIDE: Mapping[str, int] = {
    "resnet50": 1,
    "vgg16": 32,
    "alexnet": 63,
    "inception_v3": 75,
    "mobilenet_v2": 1,
}


def check_rank(model: str, shape: tuple[int, ...], *, ranks: tuple[int, ...]) -> None:
    """Refuse inputs that are neither the images nor the signals that a model takes."""
    if len(shape) not in ranks:
        names = {1: "(features,)", 3: "(channels, height, width)"}
        allowed = " or ".join(names[rank] for rank in ranks)
        raise NnbenchError(
            f"model {model!r}: inputs of the wrong shape", got=shape, allowed=allowed
        )


def check_blocks(model: str, shape: tuple[int, ...], *, blocks: int) -> None:
    """Refuse signals and images that are gone before the last of ``blocks`` halvings."""
    sides = shape[-2:] if len(shape) == 3 else shape
    if min(sides) < 2**blocks:
        raise NnbenchError(
            f"model {model!r}: inputs too small for {blocks} blocks, each of which halves them",
            got=shape,
            allowed=f"sides of at least {2**blocks}",
            todo="set fewer model_options.blocks",
        )


def check_recurrent(model: str, shape: tuple[int, ...], *, hidden: tuple[int, ...]) -> None:
    """Refuse a recurrent network without units, and inputs that are neither image nor signal."""
    check_rank(model, shape, ranks=(1, 3))
    if not hidden:
        raise NnbenchError(
            f"model {model!r} needs a hidden layer", got="hidden: []", allowed="hidden: [units]"
        )


def check_images(model: str, shape: tuple[int, ...], *, resize: int) -> None:
    """Refuse what one of torchvision's networks cannot take.

    Raises:
        NnbenchError: No images, a number of channels other than 1 and 3, or too small ones.
    """
    check_rank(model, shape, ranks=(3,))
    if shape[0] not in (1, 3):
        raise NnbenchError(
            f"model {model!r}: wrong number of channels", got=shape[0], allowed="1 or 3"
        )
    side, least = resize or min(shape[1:]), SMALLEST_SIDE[model]
    if side < least:
        raise NnbenchError(
            f"model {model!r}: images too small",
            got=f"a side of {side}",
            allowed=f"at least {least}",
            todo=f"set model_options: {{resize: {least}}} or more",
        )
