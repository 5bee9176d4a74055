"""Pickled lists, dictionaries, texts and byte arrays, read without running anything.

Python's own unpickler imports and calls whatever a file names. Here ``pickletools`` splits the file
into its instructions, and only those that build plain values are followed: no name is ever imported
or called, and every other instruction is an error. That is enough for CIFAR's batches, which Python
2 wrote as a dictionary with a list of labels and one array of uint8.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

# How numpy 1, numpy 2 and Python 2's texts in Python 3 name what they are rebuilt with.
_RECONSTRUCT = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}
_ENCODE = "_codecs encode"
_NAMES = _RECONSTRUCT | {"numpy ndarray", "numpy dtype", _ENCODE}


@dataclass(frozen=True, slots=True)
class _Name:
    """A function or class that the file names; it stays a name."""

    text: str


@dataclass(slots=True)
class _Array:
    """An array whose values come with a later instruction."""

    values: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class _Type:
    """A numpy type, as in ``u1``."""

    code: str


@dataclass(slots=True)
class _Machine:
    stack: list[Any] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)

    def above_mark(self) -> list[Any]:
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def last(self, count: int) -> list[Any]:
        found = self.stack[len(self.stack) - count :]
        if len(found) != count:
            raise IndexError("too few values")
        del self.stack[len(self.stack) - count :]
        return found

    def set_items(self, items: list[Any]) -> None:
        keys = items[::2]
        # of deeply nested tuples not even a hash can be taken: Python would crash
        if not all(isinstance(key, bytes | str) for key in keys):
            raise ValueError("a key that is no text")
        self.stack[-1].update(zip(keys, items[1::2], strict=True))

    def call(self) -> None:
        """What a call would have given, for the three that occur; nothing is called."""
        name, arguments = self.last(2)
        if name.text in _RECONSTRUCT:
            self.stack.append(_Array())
        elif name.text == "numpy dtype":
            self.stack.append(_Type(_text(arguments[0])))
        elif name.text == _ENCODE and arguments[1] == "latin1":
            self.stack.append(arguments[0].encode("latin-1"))
        else:
            raise ValueError(f"a call of {name.text}")

    def build(self) -> None:
        """Give an array its values: (version, shape, type, Fortran order, bytes)."""
        (state,) = self.last(1)
        if isinstance(self.stack[-1], _Type):
            return
        _, shape, kind, fortran, content = state
        if kind.code not in ("u1", "|u1") or fortran:
            raise ValueError(f"an array of {kind.code}")
        self.stack[-1].values = np.frombuffer(content, np.uint8).reshape(shape)


def _global(machine: _Machine, text: str) -> None:
    if text not in _NAMES:
        raise ValueError(f"the name {text.replace(' ', '.')}")
    machine.stack.append(_Name(text))


def _python2_text(machine: _Machine, text: str) -> None:
    machine.stack.append(text.encode("latin-1"))


def _push(machine: _Machine, value: Any) -> None:
    machine.stack.append(value)


def _put(machine: _Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _get(machine: _Machine, index: int) -> None:
    machine.stack.append(machine.memo[index])


_STEPS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda _m, _a: None,
    "FRAME": lambda _m, _a: None,
    "STOP": lambda _m, _a: None,
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1"), _push),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES"), _push),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _python2_text),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _get),
    "MEMOIZE": lambda m, _: _put(m, len(m.memo)),
    "APPEND": lambda m, _: _append(m, m.last(1)),
    "APPENDS": lambda m, _: _append(m, m.above_mark()),
    "SETITEM": lambda m, _: m.set_items(m.last(2)),
    "SETITEMS": lambda m, _: m.set_items(m.above_mark()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.above_mark())),
    "TUPLE1": lambda m, _: m.stack.append(tuple(m.last(1))),
    "TUPLE2": lambda m, _: m.stack.append(tuple(m.last(2))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(m.last(3))),
    "GLOBAL": _global,
    "STACK_GLOBAL": lambda m, _: _global(m, " ".join(m.last(2))),
    "REDUCE": lambda m, _: m.call(),
    "BUILD": lambda m, _: m.build(),
}


def _append(machine: _Machine, values: list[Any]) -> None:
    machine.stack[-1].extend(values)


def read_plain(content: bytes) -> dict[str, Any]:
    """The dictionary in a pickled file: keys as text, values plain or uint8 arrays.

    Raises:
        ValueError: It is damaged, is no dictionary, or has anything but plain values.
    """
    machine = _Machine()
    try:
        for instruction, argument, _ in pickletools.genops(content):
            if (step := _STEPS.get(instruction.name)) is None:
                raise ValueError(f"the instruction {instruction.name}")
            step(machine, argument)
        (found,) = machine.stack
        return {_text(key): _value(value) for key, value in found.items()}
    except (LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ValueError(f"no plain dictionary ({error})") from error


def _text(key: bytes | str) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else key


def _value(value: Any) -> Any:
    return value.values if isinstance(value, _Array) else value
