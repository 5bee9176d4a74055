"""Shared ground of the config models: strict, frozen, no unknown keys, errors in plain words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from nnbench.errors import NnbenchError, nearest


class Strict(BaseModel):
    """A config section: unknown keys and wrong types are errors, values cannot be changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Strict)


def parse(model: type[Model], data: object, *, where: str) -> Model:
    """Check plain data (as YAML or JSON gives it) against a config model.

    Raises:
        NnbenchError: Every problem found, each with its place, what was found, what is allowed.
    """
    try:
        # Strict validation through JSON lets lists stand for tuples, and nothing else for anything.
        return model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise _explain(model, error, where=where) from None
    except (TypeError, ValueError) as error:
        raise NnbenchError(f"{where}: not plain data ({error})") from None


def _explain(model: type[Strict], error: ValidationError, *, where: str) -> NnbenchError:
    problems = [_problem(model, item) for item in error.errors(include_url=False)]
    first = problems[0]
    if len(problems) == 1:
        place = f"{where}: {first[0]}" if first[0] else where
        return NnbenchError(f"{place}: {first[1]}", got=first[2], allowed=first[3], todo=first[4])
    lines = [
        f"{place}: {what}"
        + (f" (got: {got})" if got is not None else "")
        + (f" (allowed: {allowed})" if allowed else "")
        + (f" ({todo})" if todo else "")
        for place, what, got, allowed, todo in problems
    ]
    return NnbenchError(f"{where}: {len(problems)} problems\n  " + "\n  ".join(lines))


def _problem(
    model: type[Strict], item: Mapping[str, Any]
) -> tuple[str, str, str | None, str | None, str | None]:
    loc = tuple(item["loc"])
    place = ".".join(str(part) for part in loc)
    if item["type"] == "extra_forbidden":
        allowed = _fields_at(model, loc[:-1])
        guess = nearest(str(loc[-1]), allowed)
        todo = f"did you mean {guess!r}?" if guess else "remove the key"
        return place, "unknown key", repr(loc[-1]), ", ".join(allowed), todo
    if item["type"] == "missing":
        return place, "required key is missing", None, None, "add it"
    message = _PLAIN.get(item["type"]) or item["msg"].removeprefix("Value error, ")
    return place, message, _short(item["input"]), None, _hint(item)


# pydantic speaks of JSON; users write YAML
_PLAIN: Mapping[str, str] = {
    "tuple_type": "should be a list: [a, b]",
    "list_type": "should be a list: [a, b]",
    "dict_type": "should be keys with values: {key: value}",
    "model_type": "should be keys with values: {key: value}",
    "model_attributes_type": "should be keys with values: {key: value}",
    "int_type": "should be a whole number",
    "float_type": "should be a number",
    "string_type": "should be a text",
    "bool_type": "should be true or false",
    "json_invalid": "has a text that is no valid Unicode",
}
_NUMBER = re.compile(r"[-+]?[\d.]+([eE][-+]?\d+)?")
LONGEST_SHOWN = 100  # characters of a value; a whole section is no help in an error


def _short(value: object) -> str | None:
    shown = repr(value)
    return shown if len(shown) <= LONGEST_SHOWN else None


def _hint(item: Mapping[str, Any]) -> str | None:
    """What the user most likely meant."""
    value = item["input"]
    if item["type"] == "literal_error" and isinstance(value, str):
        guess = nearest(value, re.findall(r"'([^']*)'", item["ctx"]["expected"]))
        return f"did you mean {guess!r}?" if guess else None
    number = isinstance(value, str) and _NUMBER.fullmatch(value)
    if number and item["type"] in ("float_type", "int_type"):
        return "write it without quotes; in config.yaml write 0.001, not 1e-3"
    return None


def _fields_at(model: type[Strict], loc: Iterable[object]) -> list[str]:
    """The keys that the config model allows at a place inside it."""
    here: Any = model
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = here.model_fields[str(part)].annotation
        else:
            here = get_args(here)[-1]
        if get_origin(here) in (Union, UnionType):
            here = next(a for a in get_args(here) if a is not type(None))
    return (
        sorted(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []
    )
