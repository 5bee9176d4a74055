"""The fingerprint of the code that can change a cell's numbers.

It covers the modules that a job reaches by import from its own entry point, from what its experiment
measures with, and from its dataset and its model: a change there gives every affected cell a new id,
and so a new measurement. Modules that only name, check or store things are left out, and so is the
whole report.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from nnbench.errors import NnbenchError
from nnbench.registry import (
    ACTIVATIONS,
    DATASETS,
    EXPERIMENTS,
    MODELS,
    OPTIMIZERS,
    is_data_file,
    is_own,
    load,
    source_file,
    target,
)

PACKAGE = Path(__file__).parent.parent
ENTRY = "nnbench.experiments.run"
# They hold names, messages, checks and file formats, all of them resolved before a cell is hashed.
NEUTRAL = frozenset((
    "nnbench", "nnbench.errors", "nnbench.registry", "nnbench.schema", "nnbench.records.store",
    "nnbench.datasets.checks", "nnbench.processes", "nnbench.experiments.measured",
))  # fmt: skip


@cache
def _module_path(name: str) -> Path | None:
    base = PACKAGE.parent.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


@cache
def _imports(path: Path) -> frozenset[Path]:
    """The package's and the user's own files that one file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_content(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    found = [_module_path(n) for n in names if n.startswith("nnbench") and n not in NEUTRAL]
    if not path.is_relative_to(PACKAGE):
        found += [_own_path(name, path) for name in names]
    return frozenset(path for path in found if path is not None)


def _own_path(name: str, importer: Path) -> Path | None:
    """A module that a user's own module imports, if it lies beside it or above it in the project."""
    here = Path.cwd()
    if not importer.is_relative_to(here) or "site-packages" in importer.parts:
        return None  # installed: versioned by whoever installed it
    for folder in importer.parents:
        if not folder.is_relative_to(here):
            break
        base = folder.joinpath(*name.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file() and not path.is_relative_to(PACKAGE):
                return path
    return None


def reachable(*roots: Path) -> list[Path]:
    """All package files that the roots import, directly or not, the roots included; sorted."""
    seen: set[Path] = set()
    todo = list(roots)
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(_imports(path))
    return sorted(seen)


@cache
def code_fingerprint(
    dataset: str,
    model: str,
    activation: str,
    optimizer: str,
    experiment: str = "training",
    *,
    parts: tuple[str, ...] = (),
) -> str:
    """SHA-256 (16 hex digits) over names and contents of the files behind one cell's numbers.

    The experiment's declaration is loaded, since it names the module that measures; it needs no torch.

    Args:
        dataset: As the cell names it.
        model: As its settings name it, and so the next three.
        activation: See above.
        optimizer: See above.
        experiment: See above.
        parts: What else the cell names, see ``further_parts``.
    """
    measure: str = load("experiment", experiment, EXPERIMENTS).measure
    # what the names stand for: two objects may lie in one file, and torch's in none of ours
    meant = (
        target(experiment, EXPERIMENTS),
        measure,
        *_dataset_names(dataset),
        target(model, MODELS),
        target(activation, ACTIVATIONS),
        target(optimizer, OPTIMIZERS),
        *parts,
    )
    return _hashed(
        _module_path(ENTRY),
        source_file(experiment, EXPERIMENTS),
        source_file(measure, {}),
        source_file(dataset, DATASETS),
        source_file(model, MODELS),
        source_file(optimizer, OPTIMIZERS),
        _file_of(target(activation, ACTIVATIONS)),
        *map(_file_if_there, parts),
        names=meant,
    )


def _file_of(name: str) -> Path | None:
    """Where a part is defined; torch's own are versioned by the record, not by a hash of its files."""
    return None if name.startswith(("torch.", "torchvision.")) else source_file(name, {})


def _file_if_there(name: str) -> Path | None:
    """An option's text may look like a name and be none; what needs a module says so in the job."""
    try:
        return _file_of(name)
    except NnbenchError:
        return None


def further_parts(
    options: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """What a cell names as ``module:object`` beside its own settings, sorted.

    Args:
        options: Its ``experiment_options``: any text in them.
        candidates: Of its search: they may put parts in place of the settings' own.
    """
    swapped = {
        target(candidate[key], known)
        for candidate in candidates
        for key, known in _SWAPPED.items()
        if key in candidate
    }
    named = (text for text in _texts([options, candidates]) if is_own(text))
    return tuple(sorted(swapped | set(named)))


_SWAPPED = {"model": MODELS, "activation": ACTIVATIONS, "optimizer": OPTIMIZERS}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)


def _dataset_names(dataset: str) -> tuple[str, ...]:
    """What a dataset's name stands for; of a user's own data, what their files hold."""
    if not is_data_file(dataset):
        return (target(dataset, DATASETS),)
    from nnbench.datasets.own.description import content_fingerprint  # noqa: PLC0415 - only where it is needed

    return target(dataset, DATASETS), content_fingerprint(Path(dataset))


@cache
def dataset_fingerprint(dataset: str) -> str:
    """SHA-256 (16 hex digits) over the code that prepares one dataset, checksums of its data included."""
    names = _dataset_names(dataset) if is_data_file(dataset) else ()
    return _hashed(
        _module_path("nnbench.datasets.prepared.store"), source_file(dataset, DATASETS), names=names
    )


def module_fingerprint(module: str) -> str:
    """SHA-256 (16 hex digits) over one of the package's modules and all that it imports."""
    return _hashed(_module_path(module))


def _hashed(*roots: Path | None, names: tuple[str, ...] = ()) -> str:
    digest = hashlib.sha256("\0".join(names).encode())
    for path in reachable(*(root for root in roots if root is not None)):
        name = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name
        digest.update(name.encode() + b"\0" + _content(path) + b"\0")
    return digest.hexdigest()[:16]


def forget() -> None:
    """Drop what was read, for a process that outlives an edit of the code (tests)."""
    for cached in (_module_path, _content, _imports, code_fingerprint, dataset_fingerprint):
        cached.cache_clear()
    sys.path_importer_cache.clear()
