"""Reading results.json: what it has to look like to be shown, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nnbench.errors import NnbenchError
from nnbench.records.results import Results

SCHEMA_VERSION = 1
_AGAIN = "run `nnbench judge` again with this version of nnbench"


def read_results(path: Path) -> dict[str, Any]:
    """Read ``results.json``.

    Raises:
        NnbenchError: It is missing, is no JSON, or is not what ``nnbench judge`` writes.
    """
    try:
        results = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise NnbenchError(
            f"{path}: cannot be read ({error})", todo="run `nnbench judge` first"
        ) from error
    check_results(results, where=str(path))
    checked: dict[str, Any] = results
    return checked


def check_results(results: object, *, where: str = "results.json") -> None:
    """See that a results document can be shown.

    Raises:
        NnbenchError: It has another schema version, or a field is missing or of another type.
    """
    version = results.get("schema_version") if isinstance(results, Mapping) else None
    if version != SCHEMA_VERSION:
        raise NnbenchError(
            f"{where} has a schema version that this nnbench cannot show",
            got=repr(version)[:100],
            allowed=SCHEMA_VERSION,
            todo=_AGAIN,
        )
    try:
        Results.model_validate(results)
    except ValidationError as error:
        first: Any = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:200]
        what = first["msg"].removeprefix("Value error, ")
        got = repr(first["input"])[:100] if first["type"] != "missing" else None
        raise NnbenchError(f"{where}: {place}: {what}", got=got, todo=_AGAIN) from None
    except RecursionError:
        raise NnbenchError(f"{where}: nested too deep", todo=_AGAIN) from None
