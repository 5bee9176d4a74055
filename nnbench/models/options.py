"""The ``model_options`` of each registered model, with defaults; read by plan and builders (no torch)."""

from __future__ import annotations

from collections.abc import Mapping

from nnbench.errors import NnbenchError, unknown_name

Value = bool | int | float | str

# resize: the side to which images are enlarged, bilinearly; 0: not at all
_ZOO: Mapping[str, Value] = {"resize": 0}

# Width 16 and two blocks are nnbench's own choice: a small network for images of 28 x 28.
OPTIONS: Mapping[str, Mapping[str, Value]] = {
    "mlp": {"norm": "none", "skip": False},
    "cnn": {"width": 16, "blocks": 2},
    "lstm": {},
    "gru": {},
    "resnet50": _ZOO,
    "vgg16": _ZOO,
    "alexnet": _ZOO,
    "inception_v3": _ZOO,
    "mobilenet_v2": _ZOO,
}
CHOICES: Mapping[str, tuple[str, ...]] = {"norm": ("none", "batch")}
KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", str: "a text"}


def options_of(model: str, given: Mapping[str, Value]) -> dict[str, Value]:
    """A registered model's options: the given ones over the defaults.

    Raises:
        NnbenchError: A name that the model does not have, or a value that it does not take.
    """
    known = OPTIONS[model]
    for name, value in given.items():
        where = f"model_options of {model!r}"
        if name not in known:
            raise _unknown(where, name, known)
        _check_value(f"{where}: {name}", value, known[name], choices=CHOICES.get(name))
    return {**known, **given}


def _unknown(where: str, name: str, known: Mapping[str, Value]) -> NnbenchError:
    if known:
        return unknown_name(where, name, known)
    return NnbenchError(f"{where}: it has none", got=repr(name), todo="remove the key")


def _check_value(
    where: str, value: Value, default: Value, *, choices: tuple[str, ...] | None
) -> None:
    if choices is not None and value not in choices:
        raise unknown_name(where, str(value), choices)
    kind = type(default)
    if type(value) is not kind:  # a bool is no number here
        raise NnbenchError(f"{where}: wrong type", got=repr(value), allowed=KINDS[kind])
    least = min(1, default) if kind is int else None  # where 0 is the default it is allowed
    if least is not None and value < least:  # type: ignore[operator]  # both are int
        raise NnbenchError(f"{where}: too small", got=value, allowed=f"{least} or more")
