"""YAML files as plain data, with errors that name the file and the line."""

import re
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from nnbench.errors import NnbenchError

DEEPEST = 50  # levels of nesting; a claim needs six
LARGEST_BYTES = 2**23
LONGEST_NUMBER = 1000  # characters; Python computes none beyond 4300
MOST_VALUES = 10**6  # keys, values and collections, with every alias written out

# libyaml if the wheel includes it: ten times as fast for a config with thousands of levels
_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_NO_NUMBER = re.compile(
    r"[-+]?\.(?:inf|nan)", re.IGNORECASE
)  # refused where a finite one is needed

# 12,500 without a space are two layers as likely as one; these are not
_THOUSANDS = re.compile(r"[1-9],\d{3}|[1-9]\d{1,2},0\d\d", re.ASCII)


class _Loader(_SafeLoader):  # type: ignore[misc, valid-type]
    """YAML without its traps: duplicate keys are errors, keys are text, 1e-3 is a number.

    Values that YAML 1.1 takes for something else than they look like are errors: 010 (8), 1:30 (90), no (false).
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, object]:  # noqa: ARG002
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused("a key must be plain text", key)
            if (first := seen.get(key.value)) is not None:
                raise _refused(f"duplicate key {key.value!r} (first on line {first})", key)
            seen[key.value] = key.start_mark.line + 1
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def construct_sequence(self, node: yaml.SequenceNode, deep: bool = False) -> list[object]:
        for first, second in pairwise(node.value):
            _see_two_values(first, second)
        found: list[object] = super().construct_sequence(node, deep=deep)
        return found

    def plain_int(self, node: yaml.ScalarNode) -> object:
        _see_plain_number(node)
        return self.construct_yaml_int(node)

    def plain_float(self, node: yaml.ScalarNode) -> object:
        if not _NO_NUMBER.fullmatch(node.value):
            _see_plain_number(node)
        return self.construct_yaml_float(node)

    def plain_bool(self, node: yaml.ScalarNode) -> bool:
        if node.value.lower() not in ("true", "false"):
            raise _misread(
                node,
                "YAML reads this word as true or false",
                f"write true or false; or, if the word itself is meant, in quotes: '{node.value}'",
            )
        return bool(node.value.lower() == "true")

    def no_date(self, node: yaml.ScalarNode) -> object:
        raise _misread(node, "YAML reads this as a date", f"put it in quotes: '{node.value}'")


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.plain_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.plain_float)
_Loader.add_constructor("tag:yaml.org,2002:bool", _Loader.plain_bool)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.no_date)

_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> Any:
    """Parse one YAML file.

    Raises NnbenchError if it is missing, is not YAML, has a key twice, is larger than 8 MB, is nested more
    than 50 levels deep, or grows to more than a million values through aliases.
    """
    try:
        return parse_yaml(_read_text(path), where=str(path))
    except FileNotFoundError:
        raise NnbenchError(
            f"{path}: no such config file",
            todo="correct the path (`--config`, or `documents:` in the config), or change to the "
            "folder that it starts from",
        ) from None
    except UnicodeDecodeError as error:
        got = f"byte {error.start + 1} is none of UTF-8"
        raise NnbenchError(
            f"{path}: cannot be read as YAML", got=got, todo="save it in UTF-8"
        ) from None
    except OSError as error:
        todo = "name a file that can be read"
        raise NnbenchError(f"{path}: cannot be read", got=error.strerror, todo=todo) from None


def parse_yaml(text: str, *, where: str) -> Any:
    """Parse YAML text; ``where`` names it in errors, which are those of ``read_yaml``."""
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except NnbenchError as error:
        raise error.at(where) from None
    except yaml.YAMLError as error:
        raise _no_yaml(where, text, error) from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # how PyYAML fails for impossible scalars: 2024-13-45, 0b_, !!int x
        raise NnbenchError(
            f"{where}: has a value that is not what it looks like ({error})",
            todo="put texts that look like numbers or dates in quotes",
        ) from None


def _no_yaml(where: str, text: str, error: yaml.YAMLError) -> NnbenchError:
    """The error for text that is no YAML: the line where that shows, and what PyYAML says of it."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        todo = "correct the file; config/README.md shows its form"
        return NnbenchError(f"{where}: cannot be read as YAML", got=error, todo=todo)
    said = ", ".join(filter(None, (getattr(error, "context", ""), getattr(error, "problem", ""))))
    line = (text.split("\n")[mark.line : mark.line + 1] or [""])[0]
    todo = "put a text in quotes that has : # or a bracket; close what is open above this line"
    return NnbenchError(
        f"{where}: cannot be read as YAML",
        got=f"line {mark.line + 1}: {line[:80]!r} ({said})",
        todo="indent with spaces instead of tabs" if "\t" in line else todo,
    )


def _read_text(path: Path) -> str:
    if "\0" in str(path):
        raise NnbenchError(
            f"{str(path)!r}: not a possible file name", todo="remove the character \\0"
        )
    with path.open("rb") as file:
        content = file.read(LARGEST_BYTES + 1)  # a device file never ends
    if len(content) > LARGEST_BYTES:
        raise NnbenchError(
            f"{path}: too large for a config",
            allowed=f"{LARGEST_BYTES} bytes",
            todo="name a file with keys and values; data are named by their path",
        )
    return content.decode("utf-8")


def _check_size(text: str) -> None:
    """Refuse, by a YAMLError, what overflows the C loader's stack, or the memory with aliases written out."""
    sizes = [0]  # of the open collections, with aliases written out
    anchors: list[str | None] = []
    named: dict[str, int] = {}
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(1)
            anchors.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = sizes.pop(), anchors.pop()
            sizes[-1] += size
            if anchor is not None:
                named[anchor] = size
        elif isinstance(event, yaml.ScalarEvent):
            sizes[-1] += 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in anchors:
                raise _refused(f"*{event.anchor} is recursive: it stands in what it names", event)
            sizes[-1] += named.get(event.anchor or "", 1)
        if len(anchors) > DEEPEST:
            raise _refused(f"nested more than {DEEPEST} levels deep", event)
        if sizes[-1] > MOST_VALUES:
            raise _refused(f"more than {MOST_VALUES} values, aliases written out", event)


def _see_plain_number(node: yaml.ScalarNode) -> None:
    """Raise an NnbenchError for a number that YAML reads in another base, or without what separates its digits."""
    text = str(node.value)
    if len(text) > LONGEST_NUMBER:
        raise _refused(f"a number of {len(text)} characters", node)
    if not _NUMBER.fullmatch(text):
        what = "YAML does not read this number as it is written"
        raise _misread(node, what, f"{_rewritten(text)}; or, if it is a text, put it in quotes")


def _rewritten(text: str) -> str:
    """What to write for a number with colons, separators, leading zeros, or in base 2 or 16."""
    digits = text.replace("_", "")
    if ":" in digits:
        return "write one number, such as 90 for 1:30"
    if digits.lower().lstrip("+-").startswith(("0x", "0b")):
        with suppress(ValueError):
            return f"write {int(digits, 0)}"
    plain = re.sub(r"^([-+]?)0+(?=\d)", r"\1", digits)
    return f"write {plain}" if _NUMBER.fullmatch(plain) else "write a number"


def _see_two_values(first: yaml.Node, second: yaml.Node) -> None:
    """Raise an NnbenchError for ``1,024`` in a list, without a space: two values to YAML."""
    if not (isinstance(first, yaml.ScalarNode) and isinstance(second, yaml.ScalarNode)):
        return
    text = f"{first.value},{second.value}"
    if first.end_mark.index + 1 == second.start_mark.index and _THOUSANDS.fullmatch(text):
        one, two = text.replace(",", ""), f"{first.value}, {int(second.value)}"
        todo = f"write {one} for one number, or {two} for two"
        raise _misread(first, "a comma parts two numbers, and no thousands", todo, got=text)


def _misread(node: yaml.Node, what: str, todo: str, *, got: str | None = None) -> NnbenchError:
    line = node.start_mark.line + 1
    shown = got or str(node.value)[:80]
    return NnbenchError(f"line {line}: {what}", got=shown, todo=todo)


def _refused(problem: str, found: yaml.Event | yaml.Node) -> yaml.YAMLError:
    mark = found.start_mark
    return yaml.YAMLError(problem if mark is None else f"line {mark.line + 1}: {problem}")
