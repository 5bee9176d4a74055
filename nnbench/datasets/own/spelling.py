"""One name for each data file, however a config spells its path: two names would be two data sets."""

import os
from pathlib import Path
from typing import TypeVar

from nnbench.datasets.own.description import read_description
from nnbench.datasets.prepared.files import is_there
from nnbench.errors import NnbenchError
from nnbench.registry import is_data_file

Said = TypeVar("Said")


def one_name(name: str) -> str:
    """The path of a data file as cells have it: from the working directory, without links inside it.

    A path that leads out of the working directory keeps its links: where a folder lies on one machine is
    no part of a cell. Other names, and paths of no file, are returned as they are.
    """
    path, here = Path(name), Path.cwd()
    if not is_data_file(name) or not is_there(path):
        return name
    real, plain = _without_links(path), Path(os.path.abspath(path))  # noqa: PTH100 - links are kept
    inside = real.is_relative_to(here) or not (is_there(plain) and plain.samefile(path))
    return Path(os.path.relpath(real if inside else plain, here)).as_posix()


def _without_links(path: Path) -> Path:
    """The path without links; a linked file that describes data beside the link itself is kept."""
    real, beside = path.resolve(), path.parent.resolve() / path.name
    if real == beside:
        return real
    try:
        data = [read_description(description)[1].resolve() for description in (real, beside)]
    except NnbenchError:
        return beside
    return real if data[0] == data[1] else beside


def named_once(datasets: dict[str, Said]) -> dict[str, Said]:
    """What is said of each data set, by its one name; ValueError if two things are said of one."""
    found: dict[str, Said] = {}
    for name, said in datasets.items():
        one = one_name(name)
        if found.setdefault(one, said) != said:
            raise ValueError(f"{one!r} stands there twice, with different settings: name it once")
    return found
