"""The modules behind a name, found as a job would find them but not executed, and their digests.

Of the user's own code each module counts that the import system would find, with the packages around
it; the standard library and installed distributions count by name alone.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from glob import glob
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from nnbench.cells.meaning import COMPILED, OPENS, Meaning, Note, Target, meaning_of
from nnbench.errors import NnbenchError

PACKAGE = Path(__file__).parent.parent
# They hold names, messages, checks, file formats and what planning needs, and change no number.
NEUTRAL = re.compile(
    r"nnbench(\.(errors|registry|schema|processes|records(\..+)?|datasets\.checks"
    r"|experiments\.(measured|reads)|(.+\.)?(cost|costs|\w+_costs)))?"
)
NEUTRAL_TO_READERS = re.compile(r"nnbench\.registry")
_STANDARD_LIBRARY = Path(os.__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Module:
    """A module that the import system finds; ``path`` is None for a package without ``__init__``."""

    name: str
    path: Path | None = None
    package: bool = False
    ours: bool = False
    """Whether its content counts: it is the package's or the user's own, not installed."""

    @property
    def packaged(self) -> bool:
        """Whether it is part of the package."""
        return self.name.partition(".")[0] == PACKAGE.name


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """Something in a user's own code that the fingerprint cannot follow."""

    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        """As the plan prints it."""
        here = Path.cwd()
        file = self.file.relative_to(here) if self.file.is_relative_to(here) else self.file
        return f"{file}, line {self.line}: {self.what}"


# --- finding modules


@cache
def _located(name: str, start: Path | None) -> tuple[Module, tuple[str, ...]] | None:
    """A module and the folders of its submodules, its parents found but not executed."""
    parent, _, tail = name.rpartition(".")
    folders = None if start is None else [str(start)]
    if parent:
        above = _located(parent, start)
        if above is None:
            return None
        folders = list(above[1])
    elif name == PACKAGE.name:
        folders = [str(PACKAGE.parent)]
    finders = sys.meta_path if folders is None else (PathFinder,)
    specs = (finder.find_spec(tail, folders) for finder in finders if hasattr(finder, "find_spec"))
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is None or name == "__main__":  # a script has no name that a job could import
        return None
    inside = tuple(spec.submodule_search_locations or ())
    return _module(name, spec, inside), inside


def _module(name: str, spec: ModuleSpec, inside: tuple[str, ...]) -> Module:
    path = Path(spec.origin) if spec.origin and spec.has_location else None
    places = [path] if path else [Path(folder) for folder in inside]
    ours = name.partition(".")[0] == PACKAGE.name or any(map(_is_own_place, places))
    return Module(name, path, package=spec.submodule_search_locations is not None, ours=ours)


def _is_own_place(path: Path) -> bool:
    real = path.resolve()  # a link in site-packages may lead to the user's own folder, and back
    installed = {"site-packages", "dist-packages"} & set(real.parts)
    return not installed and not real.is_relative_to(_STANDARD_LIBRARY)


def find(name: str, start: Path | None = None) -> Module | None:
    """A module by its absolute name; of an installed package, the package stands for all its modules."""
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    top = _located(name.partition(".")[0], start)
    if top is None or not top[0].ours:
        return top and top[0]
    found = _located(name, start)
    return found and found[0]


@cache
def _imported(importer: Module, name: str) -> Module | None:
    """What a module gets that imports a name: as the job will, or else from the folders above it."""
    found = find(name)
    if (
        found is None
        and importer.path
        and not importer.packaged
        and not find(name.partition(".")[0])
    ):
        here = Path.cwd()
        above = [folder for folder in importer.path.parents if folder.is_relative_to(here)]
        found = next((module for folder in above if (module := find(name, folder))), None)
    return found


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


@cache
def _meaning(module: Module) -> Meaning:
    if module.path is None:
        return Meaning()
    if module.path.suffix in (".py", ".pyw") and module.path.is_file():
        return meaning_of(_content(module.path), module.path, module.name, package=module.package)
    # it may lie in an archive
    file = next((p for p in (module.path, *module.path.parents) if p.is_file()), module.path)
    whole = hashlib.sha256(_content(file)).hexdigest()
    return Meaning(words=(whole,), notes=(Note(1, COMPILED),))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NnbenchError(f"{path}: cannot be read ({error.strerror})") from error


# --- from modules to digests


@cache
def _needs(module: Module, neutral: re.Pattern[str]) -> frozenset[Module]:
    """The modules that count with this one: those it imports, and the packages around all of them."""
    wanted = [word for word in _meaning(module).words if isinstance(word, Target)]
    names = {module.name, *(f"{w.module}.{w.name}" if w.name else w.module for w in wanted)}
    origins = {origin for w in wanted if (origin := origin_of(module, w, neutral)[0])}
    names |= {origin.name for origin in origins}
    around = {above for name in names for above in _with_parents(name)}
    found = origins | {m for name in around if (m := _imported(module, name))}
    return frozenset(m for m in found if m.ours and not neutral.fullmatch(m.name)) - {module}


@cache
def reached(module: Module, neutral: re.Pattern[str]) -> frozenset[Module]:
    """A module and all that counts with it, directly or not."""
    seen: set[Module] = set()
    todo = [module]
    while todo:
        if (at := todo.pop()) not in seen:
            seen.add(at)
            todo += _needs(at, neutral)
    return frozenset(seen)


def origin_of(
    importer: Module, wanted: Target, neutral: re.Pattern[str]
) -> tuple[Module | None, str]:
    """Where a name comes from, through packages that hand it on: a module of ours, and a name in it."""
    seen: set[Target] = set()
    while True:
        seen.add(wanted)
        module = _imported(importer, wanted.module)
        if module is None or not module.ours:
            return None, wanted.otherwise or f"{wanted.module}.{wanted.name}".rstrip(".")
        further = None
        if not neutral.fullmatch(module.name):  # what a neutral module needs is not followed
            further = _meaning(module).exports.get(wanted.name)
        if further is None or further in seen:
            break
        importer, wanted = module, further
    inner = _imported(importer, f"{wanted.module}.{wanted.name}") if wanted.name else None
    if inner and inner.ours:
        module, wanted = inner, Target(inner.name)
    return (None if neutral.fullmatch(module.name) else module), wanted.name


def digest(module: Module, neutral: re.Pattern[str] = NEUTRAL) -> str:
    """The hash of what a module and all that it needs do (64 hex digits)."""
    return _digests(module, neutral)[module]


@cache
def _digests(module: Module, neutral: re.Pattern[str]) -> Mapping[Module, str]:
    all_of_them = reached(module, neutral)
    return _circle(frozenset(m for m in all_of_them if module in reached(m, neutral)), neutral)


@cache
def _circle(circle: frozenset[Module], neutral: re.Pattern[str]) -> Mapping[Module, str]:
    """Digests of modules that import each other; mostly it is one alone.

    Each round carries what a module does one import further, so that after as many rounds as there
    are modules each digest covers all of them, wherever one enters.
    """
    digests = dict.fromkeys(circle, "")
    for _ in circle:
        digests = {module: _mixed(module, digests, neutral) for module in circle}
    return digests


def _mixed(module: Module, circle: Mapping[Module, str], neutral: re.Pattern[str]) -> str:
    def of(other: Module) -> str:
        return circle[other] if other in circle else digest(other, neutral)

    def word(wanted: Target) -> str:
        origin, name = origin_of(module, wanted, neutral)
        return f"<{of(origin) if origin else ''}:{name}>"

    meaning = _meaning(module)
    words = [word(w) if isinstance(w, Target) else w for w in meaning.words]
    # packages that do nothing are not missed: a module may move into one or out of it
    run = sorted({of(m) for m in _needs(module, neutral) if _meaning(m).words})
    return sha256([*words, "imports", *run, "inputs", *_inputs(module)])


def sha256(texts: Sequence[str]) -> str:
    """The hash of texts without NUL, in their order (64 hex digits)."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


@cache
def _inputs(module: Module) -> tuple[str, ...]:
    """Names, as the module's folder sees them, and checksums of the files that it says it reads."""
    if module.path is None:
        return ()
    folder = module.path.parent
    paths = {p for entry in _meaning(module).inputs or () for p in _files(module.path, entry)}
    sums = {os.path.relpath(p, folder): hashlib.sha256(_content(p)).hexdigest() for p in paths}
    return tuple(f"{name} {sums[name]}" for name in sorted(sums))


def _files(importer: Path, entry: str) -> Iterator[Path]:
    folder = importer.parent
    literal = (folder / entry).exists()
    names = [entry] if literal else glob(entry, root_dir=folder, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not names:
        raise NnbenchError(
            f"{importer}: nnbench_inputs names a file that does not exist",
            got=repr(entry),
            allowed=f"paths and patterns that start at {folder}",
            todo="correct the name, or remove it from the list",
        )
    for path in (folder / name for name in names):
        yield from filter(Path.is_file, path.rglob("*")) if path.is_dir() else [path]


def unfollowed_in(module: Module) -> Iterator[Unfollowed]:
    """What one module uses and the fingerprint cannot follow; nothing of the package's own modules."""
    meaning = _meaning(module)
    for note in () if module.packaged else meaning.notes:
        declared = note.what == OPENS and meaning.inputs is not None
        # what has a name of ours is followed into its own file
        top = _imported(module, note.used.partition(".")[0])
        ours = note.what == OPENS and top is not None and top.ours
        if module.path and not declared and not ours:
            yield Unfollowed(module.path, note.line, note.what)


def reachable(*names: str) -> list[Path]:
    """The files of these modules and of all that they import, directly or not; sorted."""
    found = [module for name in names if (module := find(name))]
    paths = {m.path for root in found for m in reached(root, NEUTRAL_TO_READERS)}
    return sorted(path for path in paths if path)


def forget() -> None:
    """Drop what was read, for a process that outlives an edit of the code (tests)."""
    for cached in (_located, _imported, _meaning, _needs, reached, _digests, _circle, _inputs):
        cached.cache_clear()
    importlib.invalidate_caches()
    sys.path_importer_cache.clear()
