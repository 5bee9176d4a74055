"""The fingerprint of the code that can change a cell's numbers.

It covers what a job reaches by import from its entry point, from what its experiment measures with, and
from its dataset, model, activation and optimizer. What counts of each file is what it does
(``meaning``): prose, layout, the place and the name of a file do not count. Of the user's own code each
module counts that the import system would find, and the files that it lists in ``nnbench_inputs``;
what cannot be followed is named by ``unfollowed``. The standard library and installed distributions
count by name alone. Modules that only name, check, plan or store things are left out, and so is the
whole report. No module is executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from nnbench.cells import modules
from nnbench.cells.meaning import Target
from nnbench.cells.modules import (
    NEUTRAL,
    NEUTRAL_TO_READERS,
    Unfollowed,
    digest,
    find,
    origin_of,
    reached,
    sha256,
    unfollowed_in,
)
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
    target,
)

PACKAGE = modules.PACKAGE
ENTRY = "nnbench.experiments.run"


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
    """SHA-256 (16 hex digits) over what the code behind one cell's numbers does.

    The experiment's declaration is loaded, since it names the module that measures; it needs no torch.

    Args:
        dataset: As the cell names it.
        model: As its settings name it, and so the next three.
        activation: See above.
        optimizer: See above.
        experiment: See above.
        parts: What else the cell names, see ``further_parts``.

    Raises:
        NnbenchError: A module is missing, or a file of the user's own code cannot be read.
    """
    measure: str = load("experiment", experiment, EXPERIMENTS).measure
    names = (
        target(experiment, EXPERIMENTS),
        measure,
        target(dataset, DATASETS),
        target(model, MODELS),
        target(activation, ACTIVATIONS),
        target(optimizer, OPTIMIZERS),
    )
    further = (_meant(part, text=True) for part in parts)
    return sha256([*map(_meant, (ENTRY, *names)), *_own_data(dataset), *further])[:16]


def _meant(name: str, *, text: bool = False) -> str:
    """What ``module:object`` stands for; an option's ``text`` may look like a name and be none."""
    module_name, _, attribute = name.partition(":")
    module = find(module_name)
    if module is None and not text:
        raise NnbenchError(
            f"{name!r} cannot be found (no module {module_name!r})",
            todo="correct the name, or install the module or add its folder to PYTHONPATH",
        )
    if module is None or not module.ours:
        return name
    origin, attribute = origin_of(module, Target(module_name, attribute), NEUTRAL)
    return f"{digest(origin) if origin else ''}:{attribute}:{digest(module)}"


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


def unfollowed(*names: str) -> tuple[Unfollowed, ...]:
    """What the fingerprint cannot follow in a user's own code, sorted by file and line.

    Args:
        names: As a config writes them; those that are no ``module:object`` are passed over.
    """
    roots = [root for name in names if is_own(name) and (root := find(name.partition(":")[0]))]
    modules = {m for root in roots if root.ours for m in reached(root, NEUTRAL)}
    found = {u for m in modules for u in unfollowed_in(m)}
    return tuple(sorted(found, key=lambda u: (u.file, u.line, u.what)))


def _own_data(dataset: str) -> tuple[str, ...]:
    """What a user's own data hold; nothing for a dataset that code makes."""
    if not is_data_file(dataset):
        return ()
    from nnbench.datasets.own.description import content_fingerprint  # noqa: PLC0415 - only where it is needed

    return (content_fingerprint(Path(dataset)),)


@cache
def dataset_fingerprint(dataset: str) -> str:
    """SHA-256 (16 hex digits) over the code that prepares one dataset, checksums of its data included."""
    store = _meant("nnbench.datasets.prepared.store")
    return sha256([store, _meant(target(dataset, DATASETS)), *_own_data(dataset)])[:16]


def module_fingerprint(module: str) -> str:
    """SHA-256 (16 hex digits) over one of the package's modules and all that it imports."""
    found = find(module)
    assert found is not None, module
    return digest(found, NEUTRAL_TO_READERS)[:16]


def forget() -> None:
    """Drop what was read, for a process that outlives an edit of the code (tests)."""
    code_fingerprint.cache_clear()
    dataset_fingerprint.cache_clear()
    modules.forget()
