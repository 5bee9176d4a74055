"""Whether a reader of the report can tell its data sets apart: it names them by their titles."""

import unicodedata
from collections.abc import Iterable

from nnbench.cells.cell import dataset_of
from nnbench.errors import NnbenchError


def check_titles(datasets: Iterable[str]) -> None:
    """Raise NnbenchError if two of these data sets have titles that read the same."""
    found: dict[str, str] = {}
    for name in datasets:
        title = dataset_of(name).title
        other = found.setdefault(_as_read(title), name)
        if other != name:
            raise NnbenchError(
                f"data sets {other!r} and {name!r} have the same title",
                got=repr(title),
                allowed="a title of its own for each: reports name data sets by their titles",
                todo="change the title of one, or name one alone if the two are the same data",
            )


def _as_read(title: str) -> str:
    """Without what the eye passes over: case, spaces, and other forms of the same letters."""
    return "".join(unicodedata.normalize("NFKC", title).casefold().split())
