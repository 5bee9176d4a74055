"""YAML files as plain data, with errors that name the file and the line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from nnbench.errors import NnbenchError

DEEPEST = 50  # levels of nesting in a file; a claim needs six

# libyaml where the wheel has it: ten times as fast on a config of thousands of levels
_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc, valid-type]
    """YAML without its traps: duplicate keys are errors, keys are text, 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: ARG002
        seen: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be plain text", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"duplicate key {key.value!r} (first on line {seen[key.value]})",
                    key.start_mark,
                )
            seen[key.value] = key.start_mark.line + 1
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def read_yaml(path: Path) -> Any:
    """Parse one YAML file.

    Raises:
        NnbenchError: The file is missing, is not YAML, or has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _check_depth(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise NnbenchError(
            f"{path}: no such config file",
            todo="correct the path (`--config`, or `documents:` in the config), or change to the "
            "folder that it starts from",
        ) from None
    except (yaml.YAMLError, OSError) as error:
        raise NnbenchError(f"{path}: cannot be read as YAML\n  {error}") from None
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # how PyYAML fails at impossible scalars: 2024-13-45, 0b_, !!int x
        raise NnbenchError(
            f"{path}: has a value that is not what it looks like ({error})",
            todo="put texts that look like numbers or dates in quotes",
        ) from None


def _check_depth(text: str) -> None:
    """Refuse what would overflow the C loader's stack (a crash, not an exception)."""
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} levels deep")
