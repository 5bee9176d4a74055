"""Names of classes as people write them: missing ones, ones that mean the same, and numbers."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from nnbench.datasets.base import Labels
from nnbench.datasets.own.common import first_few
from nnbench.datasets.own.rows import as_number
from nnbench.errors import NnbenchError, unknown_name

# What other programs write for a value that is missing; letters count as capitals, but for ``None``:
# "none" is often a class.
MISSING = ("NA", "N/A", "NaN", "NaT", "NULL", "#N/A", "<NA>", "?", "-", ".", "None")
_ANY_CASE = frozenset(text.casefold() for text in MISSING if text != "None")
_BETWEEN = re.compile(r"(?<=[^\W\d_])[\s_-]+(?=[^\W\d_])")  # letters; 1-2 is not 12
_HIDDEN = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff]")  # take no space where they are shown


def is_missing(text: str, missing: Sequence[str]) -> bool:
    """Whether a cell holds no value: an empty one, and what is said to stand for one."""
    usual = missing is MISSING and text.casefold() in _ANY_CASE
    return not text or text in missing or usual


def numbered(targets: Sequence[str], rename: Mapping[str, str]) -> tuple[tuple[str, ...], Labels]:
    """The classes in order, numbers by their value, and each target's place among them.

    Raises NnbenchError if classes look the same, or are the same number, or one to be renamed is not there.
    """
    found = sorted(set(targets), key=_order(set(targets)))
    if unknown := [name for name in rename if name not in found]:
        raise unknown_name("rename names no class", unknown[0], found)
    names = tuple(dict.fromkeys(rename.get(name, name) for name in found))
    _check_alike(names)
    number = {name: n for n, name in enumerate(names)}
    place = {name: number[rename.get(name, name)] for name in found}
    return names, np.array([place[target] for target in targets], np.int64)


def _order(names: Iterable[str]) -> Callable[[str], tuple[float, str]]:
    numbers = {name: as_number(name) for name in names}
    if any(value is None for value in numbers.values()):
        return lambda name: (0.0, name)
    return lambda name: (numbers[name] or 0.0, name)


def _check_alike(names: Sequence[str]) -> None:
    if same := _together(names, _as_shown):
        raise NnbenchError(
            "classes have different names that look or count the same",
            got=first_few([" and ".join(map(ascii, group)) for group in same]),
            todo="write each class in one way, or give both one name by `rename`",
        )


def near_twins(names: Sequence[str]) -> list[list[str]]:
    """Classes whose names differ in capitals, spaces or marks alone, which may be one class."""
    return _together(names, _letters)


def _together(names: Sequence[str], key: Callable[[str], object]) -> list[list[str]]:
    groups: defaultdict[object, list[str]] = defaultdict(list)
    for name in names:
        groups[key(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _as_shown(name: str) -> object:
    """The number that a name is, or what of it can be seen."""
    shown = " ".join(_HIDDEN.sub("", unicodedata.normalize("NFKC", name)).split())
    value = as_number(shown)
    return shown if value is None else value


def _letters(name: str) -> str:
    """A name without what people write now and then: capitals, spaces, and marks around its end."""
    shown = str(_as_shown(name)).casefold()
    return _BETWEEN.sub("", shown).strip(".,;:'\"`") or shown
