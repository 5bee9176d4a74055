"""Levels that are numbers: a sentence says of what they are."""

import re
from collections.abc import Mapping, Sequence

from nnbench.claims.outcomes import named

_NUMBER = re.compile(r"\d[\d.,–-]*(e[+-]?\d+)?( ?%|°)?")
_COUNTED = "number of "
_WORDS = 2  # up to which a name stands before its number


def with_factor(said: str, levels: Sequence[str], factor: str) -> str:
    """A sentence whose first number says what it is a level of, as in: batch size 64 came out ahead of 16.

    A level that a sentence would quote merely because it is a number stands without quotation marks then.
    Without a name of the factor nothing is changed.
    """
    quoted = {named(level): level for level in levels if _NUMBER.fullmatch(level)}
    first = min((name for name in quoted if name in said), key=said.index, default=None)
    what = re.split(r",| and | \(", factor)[0]
    if first is None or not what:
        return said
    said = said.replace(first, _of_what(quoted[first], what), 1).replace(
        f"({what}) (", f"({what}; "
    )
    for name, level in quoted.items():
        said = said.replace(name, level)
    return said


def renamed(said: str, names: Mapping[str, str]) -> str:
    """A sentence with other names for levels that stand in quotation marks in it."""
    for level, name in names.items():
        said = said.replace(f"“{level}”", name)
    return said


def _of_what(number: str, what: str) -> str:
    """As in: batch size 64, 50,000 training samples, 45° (size of the shift), 20 hours (training duration)."""
    what, _, unit = what.partition(" in ")
    if unit:
        return f"{number} {unit} ({what})"
    if what.startswith(_COUNTED) and number != "1":
        return f"{number} {what.removeprefix(_COUNTED)}"
    return f"{what} {number}" if what.count(" ") < _WORDS else f"{number} ({what})"
