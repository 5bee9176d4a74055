"""The layers of torchvision's networks, to count their cost at any resolution (no torch).

Sources: the papers named in ``nnbench.models.zoo`` and torchvision's source, whose variants these are;
the tests compare with torchvision's modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from nnbench.models.costs import Branches, Conv, Cost, Dense, Layer, Maps, Pool, PoolTo, through


def zoo_cost(model: str, shape: tuple[int, ...], *, outputs: int, resize: int) -> Cost:
    """The cost of one image, which is repeated to three channels and may be enlarged."""
    maps: Maps = (3, resize or shape[1], resize or shape[2])
    return through([*NETWORKS[model](), Dense(outputs)], maps)[0]


def _alexnet() -> Iterator[Layer]:
    pool = Pool(3, 2)
    yield from (_biased(64, 11, stride=4, padding=2), pool, _biased(192, 5), pool)
    yield from (_biased(384, 3), _biased(256, 3), _biased(256, 3), pool, PoolTo(6))
    yield from (Dense(4096), Dense(4096))


def _vgg16() -> Iterator[Layer]:
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        yield from (_biased(channels, 3) for _ in range(count))
        yield Pool(2, 2)
    yield from (PoolTo(7), Dense(4096), Dense(4096))


def _biased(channels: int, kernel: int, *, stride: int = 1, padding: int | None = None) -> Conv:
    return Conv(channels, kernel, stride, padding, bias=True, norm=False)


def _resnet50() -> Iterator[Layer]:
    yield from (Conv(64, 7, 2), Pool(3, 2, 1))
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(count):
            step = stride if block == 0 else 1
            body = (Conv(width, 1), Conv(width, 3, step), Conv(4 * width, 1))
            beside = (Conv(4 * width, 1, step),) if block == 0 else ()
            yield Branches((body, beside), added=True)
    yield PoolTo(1)


def _mobilenet_v2() -> Iterator[Layer]:
    yield Conv(32, 3, 2)
    inputs = 32
    for expansion, channels, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
        (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for block in range(count):
            inner = expansion * inputs
            if expansion > 1:
                yield Conv(inner, 1)
            yield Conv(inner, 3, stride if block == 0 else 1, groups=inner)
            yield Conv(channels, 1)
            inputs = channels
    yield from (Conv(1280, 1), PoolTo(1))


def _inception_v3() -> Iterator[Layer]:
    yield from (Conv(32, 3, 2, 0), Conv(32, 3, 1, 0), Conv(64, 3), Pool(3, 2))
    yield from (Conv(80, 1), Conv(192, 3, 1, 0), Pool(3, 2))
    yield from map(_inception_a, (32, 64, 64))
    yield Branches(
        ((Conv(384, 3, 2, 0),), (Conv(64, 1), Conv(96, 3), Conv(96, 3, 2, 0)), (Pool(3, 2),))
    )
    yield from map(_inception_c, (128, 160, 160, 192))
    row, column = Conv(192, (1, 7)), Conv(192, (7, 1))
    yield Branches(
        (
            (Conv(192, 1), Conv(320, 3, 2, 0)),
            (Conv(192, 1), row, column, Conv(192, 3, 2, 0)),
            (Pool(3, 2),),
        )
    )
    yield from (_inception_e(), _inception_e(), PoolTo(1))


def _inception_a(pooled: int) -> Branches:
    return Branches(
        (
            (Conv(64, 1),),
            (Conv(48, 1), Conv(64, 5)),
            (Conv(64, 1), Conv(96, 3), Conv(96, 3)),
            (Pool(3, 1, 1), Conv(pooled, 1)),
        )
    )


def _inception_c(width: int) -> Branches:
    row, column = Conv(width, (1, 7)), Conv(width, (7, 1))
    return Branches(
        (
            (Conv(192, 1),),
            (Conv(width, 1), row, Conv(192, (7, 1))),
            (Conv(width, 1), column, row, column, Conv(192, (1, 7))),
            (Pool(3, 1, 1), Conv(192, 1)),
        )
    )


def _inception_e() -> Branches:
    split = Branches(((Conv(384, (1, 3)),), (Conv(384, (3, 1)),)))
    return Branches(
        (
            (Conv(320, 1),),
            (Conv(384, 1), split),
            (Conv(448, 1), Conv(384, 3), split),
            (Pool(3, 1, 1), Conv(192, 1)),
        )
    )


NETWORKS: Mapping[str, Callable[[], Iterator[Layer]]] = {
    "resnet50": _resnet50,
    "vgg16": _vgg16,
    "alexnet": _alexnet,
    "inception_v3": _inception_v3,
    "mobilenet_v2": _mobilenet_v2,
}
