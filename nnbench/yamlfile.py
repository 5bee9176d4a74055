"""YAML files as plain data, with errors that name the file and the line."""

import re
from pathlib import Path
from typing import Any

import yaml

from nnbench.errors import NnbenchError

DEEPEST = 50  # levels of nesting; a claim needs six
LARGEST_BYTES = 2**23
LONGEST_NUMBER = 1000  # characters; a longer 1:30:00 (5400 in YAML) takes minutes to compute
_BASE_60 = re.compile(r"[-+0-9_.:]+")
MOST_VALUES = 10**6  # keys, values and collections, with every alias written out

# libyaml if the wheel includes it: ten times as fast for a config with thousands of levels
_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc, valid-type]
    """YAML without its traps: duplicate keys are errors, keys are text, 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, object]:  # noqa: ARG002
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refused("a key must be plain text", key)
            if (first := seen.get(key.value)) is not None:
                raise _refused(f"duplicate key {key.value!r} (first on line {first})", key)
            seen[key.value] = key.start_mark.line + 1
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


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
    except (OSError, UnicodeDecodeError) as error:
        raise _no_yaml(str(path), error) from None


def parse_yaml(text: str, *, where: str) -> Any:
    """Parse YAML text; ``where`` names it in errors, which are those of ``read_yaml``."""
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise _no_yaml(where, error) from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        # how PyYAML fails for impossible scalars: 2024-13-45, 0b_, !!int x
        raise NnbenchError(
            f"{where}: has a value that is not what it looks like ({error})",
            todo="put texts that look like numbers or dates in quotes",
        ) from None


def _no_yaml(where: str, error: Exception) -> NnbenchError:
    return NnbenchError(f"{where}: cannot be read as YAML\n  {error}")


def _read_text(path: Path) -> str:
    if "\0" in str(path):
        raise NnbenchError(f"{str(path)!r}: not a possible file name")
    with path.open("rb") as file:
        content = file.read(LARGEST_BYTES + 1)  # a device file never ends
    if len(content) > LARGEST_BYTES:
        raise NnbenchError(f"{path}: too large for a config", allowed=f"{LARGEST_BYTES} bytes")
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
            _check_number(event)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in anchors:
                raise _refused(f"*{event.anchor} is recursive: it stands in what it names", event)
            sizes[-1] += named.get(event.anchor or "", 1)
        if len(anchors) > DEEPEST:
            raise _refused(f"nested more than {DEEPEST} levels deep", event)
        if sizes[-1] > MOST_VALUES:
            raise _refused(f"more than {MOST_VALUES} values, aliases written out", event)


def _check_number(event: yaml.ScalarEvent) -> None:
    if len(event.value) > LONGEST_NUMBER and _BASE_60.fullmatch(event.value):
        raise _refused(f"a number of {len(event.value)} characters", event)


def _refused(problem: str, found: yaml.Event | yaml.Node) -> yaml.YAMLError:
    mark = found.start_mark
    return yaml.YAMLError(problem if mark is None else f"line {mark.line + 1}: {problem}")
