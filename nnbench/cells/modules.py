"""The modules behind a name, found as a job would find them but not executed, and their digests.

Of the user's own code each module counts that the import system would find, with the packages around
it and the files that it lists in ``nnbench_inputs``; the standard library and installed distributions
count by name alone. Modules whose names ``neutral`` matches do not count.
"""

import hashlib
import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from glob import glob
from importlib.machinery import PathFinder
from itertools import accumulate
from pathlib import Path

from nnbench.cells.known import known_meaning
from nnbench.cells.meaning import COMPILED, OPENS, Meaning, Target, Unfollowed
from nnbench.errors import NnbenchError

PACKAGE = Path(__file__).parent.parent
# They hold names, messages, checks, file formats and what planning needs, and change no number.
NEUTRAL = re.compile(
    r"nnbench(\.(errors|registry|schema|processes|records(\..+)?|datasets\.checks"
    r"|experiments\.(measured|reads)|(.+\.)?(cost|costs|\w+_costs)))?"
)
NEUTRAL_TO_READERS = re.compile(r"nnbench(\.(api|registry))?")  # they name everything
_STANDARD_LIBRARY = Path(os.__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Module:
    """A module that the import system finds."""

    name: str
    path: Path | None  # None for a package without ``__init__``
    inside: tuple[str, ...] | None  # the folders of its submodules; None if it is no package
    ours: bool  # whether its content counts: it is the package's or the user's own, not installed

    @property
    def packaged(self) -> bool:
        """Whether it is part of the package."""
        return self.name.partition(".")[0] == PACKAGE.name


@cache
def _read() -> dict[Path, tuple[int, ...]]:
    """Files that count, with what tells that they changed."""
    return {}


@cache
def _located(name: str, start: Path | None) -> Module | None:
    """A module, its parents found but not executed; ``start`` replaces the import system's folders."""
    parent, _, tail = name.rpartition(".")
    folders = None if start is None else [str(start)]
    if parent:
        above = _located(parent, start)
        if above is None:
            return None
        folders = list(above.inside or ())
    elif name == PACKAGE.name:
        folders = [str(PACKAGE.parent)]
    finders = sys.meta_path if folders is None else (PathFinder,)
    specs = (finder.find_spec(tail, folders) for finder in finders if hasattr(finder, "find_spec"))
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is None or name == "__main__":  # a script has no name that a job could import
        return None
    path = Path(spec.origin) if spec.origin and spec.has_location else None
    inside = spec.submodule_search_locations
    lies_at = [path] if path else map(Path, inside or ())
    ours = name.partition(".")[0] == PACKAGE.name or any(map(_is_own, lies_at))
    return Module(name, path, None if inside is None else tuple(inside), ours)


def _is_own(path: Path) -> bool:
    real = path.resolve()  # a link in site-packages may lead to the user's own folder, and back
    installed = {"site-packages", "dist-packages"} & set(real.parts)
    return not installed and not real.is_relative_to(_STANDARD_LIBRARY)


def find(name: str, start: Path | None = None) -> Module | None:
    """A module by its absolute name; of an installed package, the package stands for all its modules."""
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    top = _located(name.partition(".")[0], start)
    return _located(name, start) if top and top.ours else top


@cache
def _imported(importer: Module, name: str) -> Module | None:
    """What a module gets that imports a name: as the job will, or else from the folders above it."""
    found = find(name)
    if found or importer.packaged or not importer.path or find(name.partition(".")[0]):
        return found
    here = Path.cwd()
    above = [folder for folder in importer.path.parents if folder.is_relative_to(here)]
    return next((module for folder in above if (module := find(name, folder))), None)


@cache
def _meaning(module: Module) -> Meaning:
    path = module.path
    if path is None:
        return Meaning()
    if path.suffix in (".py", ".pyw") and path.is_file():
        package = module.inside is not None
        return known_meaning(_content(path), path, module.name, package=package)
    file = next((p for p in (path, *path.parents) if p.is_file()), path)  # it may be an archive
    return Meaning(words=(_file_sha256(file),), notes=(Unfollowed(path, 1, COMPILED),))


def _content(path: Path) -> bytes:
    try:
        _read()[path] = _stamp(path)
        return path.read_bytes()
    except OSError as error:
        raise NnbenchError(
            f"{path}: cannot be read ({error.strerror})", todo="make the file readable"
        ) from error


def _file_sha256(path: Path) -> str:
    return hashlib.sha256(_content(path)).hexdigest()


@cache
def _needs(module: Module, neutral: re.Pattern[str]) -> frozenset[Module]:
    """The modules that count with this one: those it imports, and the packages around all of them."""
    wanted = [word for word in _meaning(module).words if isinstance(word, Target)]
    origins = {origin for w in wanted if (origin := origin_of(module, w, neutral)[0])}
    names = {module.name, *(w.full for w in wanted), *(origin.name for origin in origins)}
    around = {above for name in names for above in accumulate(name.split("."), "{}.{}".format)}
    found = origins | {m for name in around if (m := _imported(module, name))}
    return frozenset(m for m in found if m.ours and not neutral.fullmatch(m.name)) - {module}


@cache
def reached(module: Module, neutral: re.Pattern[str] = NEUTRAL) -> frozenset[Module]:
    """A module and all that counts with it, directly or not."""
    seen: set[Module] = set()
    todo = [module]
    while todo:
        if (at := todo.pop()) not in seen:
            seen.add(at)
            todo += _needs(at, neutral)
    return frozenset(seen)


def origin_of(
    importer: Module, wanted: Target, neutral: re.Pattern[str] = NEUTRAL
) -> tuple[Module | None, str]:
    """Where a name comes from, through packages that hand it on: a module of ours, and a name in it."""
    seen: set[Target] = set()
    further: Target | None = wanted
    while further and further not in seen:
        wanted = further
        seen.add(wanted)
        module = _imported(importer, wanted.module)
        if module is None or not module.ours:
            return None, wanted.otherwise or wanted.full
        # what a neutral module needs is not followed
        exports = {} if neutral.fullmatch(module.name) else _meaning(module).exports
        importer, further = module, exports.get(wanted.name)
    # here the importer is the module that has the name, and asks for a submodule of its own
    inner = _imported(importer, wanted.full) if wanted.name else None
    if inner and inner.ours:
        importer, wanted = inner, Target(inner.name)
    return (None if neutral.fullmatch(importer.name) else importer), wanted.name


@cache
def digest(module: Module, neutral: re.Pattern[str] = NEUTRAL) -> str:
    """The hash of what a module and all that it needs do (64 hex digits)."""
    circle = frozenset(m for m in reached(module, neutral) if module in reached(m, neutral))
    return _circle(circle, neutral)[module]


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

    words = [word(w) if isinstance(w, Target) else w for w in _meaning(module).words]
    # packages that do nothing are not missed: a module may move into one or out of it
    run = sorted({of(m) for m in _needs(module, neutral) if _meaning(m).words})
    return sha256([*words, "imports", *run, "inputs", *inputs_in(module)])


def sha256(texts: Sequence[str]) -> str:
    """The hash of texts without NUL, in their order (64 hex digits)."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


def inputs_in(module: Module) -> list[str]:
    """Names, as the module's folder sees them, and checksums of the files that it says it reads."""
    if module.path is None:
        return []
    found = {p for entry in _meaning(module).inputs or () for p in _files(module.path, entry)}
    files = {os.path.relpath(path, module.path.parent): path for path in found}
    return [f"{name} {_file_sha256(files[name])}" for name in sorted(files)]


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


def unfollowed_in(module: Module) -> list[Unfollowed]:
    """What one module uses and the fingerprint cannot follow; nothing of the package's own modules."""
    meaning = _meaning(module)

    def is_followed(note: Unfollowed) -> bool:
        top = _imported(module, note.used.partition(".")[0])
        own = top is not None and top.ours  # then it is followed into its own file
        return note.what == OPENS and (own or meaning.inputs is not None)

    return [] if module.packaged else [note for note in meaning.notes if not is_followed(note)]


def edited() -> bool:
    """Whether a file has changed since this process read it, or the one that it was forked from."""
    return any(_stamp(path) != before for path, before in _read().items())


def _stamp(path: Path) -> tuple[int, ...]:
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino
    return ()


def forget() -> None:
    """Look at every file anew."""
    _read().clear()
    importlib.invalidate_caches()
    for known in (_located, _imported, _meaning, _needs, reached, digest, _circle):
        known.cache_clear()
