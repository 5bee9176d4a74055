"""The inputs that each registered model accepts, and its options with their defaults (no torch).

The plan and the builders read the same table, so both reject the same settings in the same words.
"""

from collections.abc import Mapping

from nnbench.errors import NnbenchError, unknown_name
from nnbench.settings import Settings

Value = bool | int | float | str
Options = Mapping[str, Value]
Shape = tuple[int, ...]

LARGE = 5_000_000  # parameters, nnbench's own limit: 80 MB with gradients and Adam's moments
MANY = 1_000  # the most seeds that a config allows

# torchvision's own figures: ``meta["min_size"]`` of each network's weights
SMALLEST_SIDE: Mapping[str, int] = {
    "resnet50": 1, "vgg16": 32, "alexnet": 63, "inception_v3": 75, "mobilenet_v2": 1,
}  # fmt: skip

RECURRENT = ("lstm", "gru", "elman")

OPTIONS: Mapping[str, Options] = {
    "mlp": {"norm": "none", "skip": False},
    # nnbench's choice: a small network for images of 28 x 28
    "cnn": {"width": 16, "blocks": 2, "kernel": 3, "pooling": "max", "dense_first": False},
    **{model: {} for model in RECURRENT},
    # resize: the side to which images are enlarged, bilinearly; 0: not at all
    **{model: {"resize": 0} for model in SMALLEST_SIDE},
}
CHOICES: Mapping[str, tuple[str, ...]] = {
    "norm": ("none", "batch"),
    "pooling": ("max", "average"),
}
KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", str: "a text"}


def check_model(settings: Settings, input_shape: Shape) -> None:
    """Check a registered model's options and inputs; a user's models are not checked.

    Raises NnbenchError for an unknown option, one of the wrong type, or an input shape that does not fit.
    """
    if settings.model in OPTIONS:
        checked_options(
            settings.model, settings.model_options, shape=input_shape, hidden=settings.hidden
        )


def checked_options(
    model: str, given: Options, *, shape: Shape, hidden: tuple[int, ...]
) -> Options:
    """A registered model's options, defaults included; ``shape`` is that of one sample.

    Raises NnbenchError as ``check_model`` does.
    """
    known = OPTIONS[model]
    for name, value in given.items():
        _check_option(model, name, value)
    options = {**known, **given}
    if model in SMALLEST_SIDE:
        _check_images(model, shape, resize=int(options["resize"]))
    elif model != "mlp":
        _check_rank(model, shape, 1, 3)
    if model == "cnn":
        _check_blocks(model, shape, blocks=int(options["blocks"]))
        _check_kernel(int(options["kernel"]))
    if model in RECURRENT and not hidden:
        raise NnbenchError(
            f"model {model!r} needs a hidden layer",
            got="hidden: []",
            todo="set hidden, as in hidden: [64]",
        )
    return options


def replicates_at_once(parameters: int) -> int:
    """How many replicates of a network with this many parameters are trained together.

    A large network is trained alone: its arithmetic keeps the processor busy, and the weights, gradients and
    moments of ten would fill the memory. The answer depends only on the network, so that a cell is measured
    the same way everywhere.
    """
    return 1 if parameters > LARGE else MANY


def _check_option(model: str, name: str, value: Value) -> None:
    known, where = OPTIONS[model], f"model_options of {model!r}"
    if not known:
        raise NnbenchError(f"{where}: it has none", got=repr(name), todo="remove the key")
    if name not in known:
        raise unknown_name(where, name, known)
    default, where = known[name], f"{where}: {name}"
    if name in CHOICES and value not in CHOICES[name]:
        raise unknown_name(where, str(value), CHOICES[name])
    if type(value) is not type(default):  # bool is not accepted as a number
        raise NnbenchError(
            f"{where}: wrong type",
            got=repr(value),
            allowed=KINDS[type(default)],
            todo=f"write it as in {name}: {default}",
        )
    if type(value) is int and value < min(1, int(default)):  # 0 only where it is the default
        raise NnbenchError(
            f"{where}: too small",
            got=value,
            allowed=f"{min(1, int(default))} or more",
            todo=f"the default is {default}",
        )


def _check_rank(model: str, shape: Shape, *ranks: int) -> None:
    """Reject inputs that are not the images or signals that a model accepts."""
    if len(shape) not in ranks:
        names = {1: "(features,)", 3: "(channels, height, width)"}
        allowed = " or ".join(names[rank] for rank in ranks)
        raise NnbenchError(
            f"model {model!r}: inputs of the wrong shape",
            got=shape,
            allowed=allowed,
            todo="choose another model or dataset",
        )


def _check_blocks(model: str, shape: Shape, *, blocks: int) -> None:
    """Reject signals and images that vanish before the last of ``blocks`` halvings."""
    sides = shape[-2:] if len(shape) == 3 else shape
    if min(sides) < 2**blocks:
        raise NnbenchError(
            f"model {model!r}: inputs too small for {blocks} blocks, each of which halves them",
            got=shape,
            allowed=f"sides of at least {2**blocks}",
            todo="set fewer model_options.blocks",
        )


def _check_kernel(kernel: int) -> None:
    """Reject even sides, which have no middle: the maps would keep their size on one side only."""
    if kernel % 2 == 0:
        raise NnbenchError(
            "model_options of 'cnn': kernel is even",
            got=kernel,
            allowed="an odd number",
            todo=f"write kernel: {kernel + 1}, or another odd number",
        )


def _check_images(model: str, shape: Shape, *, resize: int) -> None:
    _check_rank(model, shape, 3)
    if shape[0] not in (1, 3):
        raise NnbenchError(
            f"model {model!r}: wrong number of channels",
            got=shape[0],
            allowed="1 or 3",
            todo="choose another model or dataset",
        )
    side, least = resize or min(shape[1:]), SMALLEST_SIDE[model]
    if side < least:
        raise NnbenchError(
            f"model {model!r}: images too small",
            got=f"a side of {side}",
            allowed=f"at least {least}",
            todo=f"set model_options: {{resize: {least}}} or more",
        )
