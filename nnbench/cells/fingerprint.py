"""The fingerprint of the code that can change a cell's numbers.

It covers what a job reaches by import from its entry point, from what its experiment measures with, and
from its dataset, model, activation and optimizer. Modules that only name, check, plan or store things
are left out, and so is the whole report. ``modules`` says which modules of the user's own code count,
``meaning`` what of a file counts. No module is executed but an experiment's declaration.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from nnbench.cells import modules
from nnbench.cells.meaning import Target, Unfollowed
from nnbench.cells.modules import (
    NEUTRAL_TO_READERS,
    Module,
    digest,
    find,
    origin_of,
    reached,
    sha256,
)
from nnbench.datasets.own.description import content_fingerprint, forget_files
from nnbench.datasets.prepared.source import Source
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.registry import (
    ACTIVATIONS,
    DATASETS,
    EXPERIMENTS,
    MODELS,
    OPTIMIZERS,
    is_data_file,
    is_own,
    target,
)

PACKAGE = modules.PACKAGE
ENTRY = "nnbench.experiments.run"
_SWAPPED = {"model": MODELS, "activation": ACTIVATIONS, "optimizer": OPTIMIZERS}


@cache
def code_fingerprint(
    dataset: str,
    model: str,
    activation: str,
    optimizer: str,
    experiment: str = "training",
    *parts: str,
    made_of: tuple[str, ...] | None = None,
) -> str:
    """SHA-256 (16 hex digits) over what the code behind one cell's numbers does.

    All names are as the cell has them; ``parts`` is what else it names, see ``further_parts``. With
    ``made_of``, the dataset is not looked at: it was prepared of that, see ``Source``.
    NnbenchError if a module is missing, or a file of the user's own code cannot be read.
    """
    code, *own_data = made_of or source_of(dataset).made_of
    measured_by = (ENTRY, target(experiment, EXPERIMENTS), experiment_of(experiment).measure)
    swapped = (
        target(model, MODELS),
        target(activation, ACTIVATIONS),
        target(optimizer, OPTIMIZERS),
    )
    further = (_meant(part, text=True) for part in parts)
    return sha256([*map(_meant, measured_by), code, *map(_meant, swapped), *own_data, *further])[
        :16
    ]


def _meant(name: str, *, text: bool = False) -> str:
    """What ``module:object`` stands for; an option's ``text`` may only look like such a name."""
    module_name, _, attribute = name.partition(":")
    module = find(module_name)
    if module is None and not text:
        raise NnbenchError(
            f"{name!r} cannot be found (no module {module_name!r})",
            todo="correct the name, or install the module or add its folder to PYTHONPATH",
        )
    if module is None or not module.ours:
        return name
    origin, attribute = origin_of(module, Target(module_name, attribute))
    return f"{digest(origin) if origin else ''}:{attribute}:{digest(module)}"


@cache
def source_of(dataset: str) -> Source:
    """What a dataset's name stands for, as this process first saw it: its code, and own data's content.

    NnbenchError if it is not there, or cannot be read.
    """
    code = _meant(target(dataset, DATASETS))
    content: tuple[str, ...] = ()
    described = ""
    if is_data_file(dataset):
        content = (content_fingerprint(Path(dataset)),)
        described = hashlib.sha256(Path(dataset).read_bytes()).hexdigest()
    return Source(
        dataset=dataset,
        fingerprint=sha256([_meant("nnbench.datasets.prepared.store"), code, *content])[:16],
        made_of=(code, *content),
        description=described,
    )


def further_parts(
    options: Mapping[str, object], candidates: Sequence[Mapping[str, object]]
) -> tuple[str, ...]:
    """What a cell names as ``module:object`` in its options and its search's candidates, sorted."""
    swapped = {
        target(str(candidate[key]), known)
        for candidate in candidates
        for key, known in _SWAPPED.items()
        if key in candidate
    }
    return tuple(sorted(swapped.union(filter(is_own, _texts([options, candidates])))))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def unfollowed(*names: str) -> tuple[Unfollowed, ...]:
    """What cannot be followed in own code that is named as ``module:object``, by file and line."""
    return tuple(sorted({found for m in _own(names) for found in modules.unfollowed_in(m)}))


def inputs_of(*names: str) -> tuple[str, ...]:
    """Names and checksums, as they are now, of the files in ``nnbench_inputs`` of own code."""
    return tuple(sorted(text for module in _own(names) for text in modules.inputs_in(module)))


def _own(names: Iterable[str]) -> set[Module]:
    """The modules of own code that is named as ``module:object``."""
    roots = [root for name in names if is_own(name) and (root := find(name.partition(":")[0]))]
    return {module for root in roots if root.ours for module in reached(root)}


def dataset_fingerprint(dataset: str) -> str:
    """SHA-256 (16 hex digits) over the code that prepares one dataset, checksums of its data included."""
    return source_of(dataset).fingerprint


def forget() -> None:
    """Look at every file anew: what has changed since a process looked at it is found from now on."""
    for known in (code_fingerprint, source_of):
        known.cache_clear()
    modules.forget()
    forget_files()


def forget_if_edited() -> None:
    """In a process that was forked from one that has looked at the files: do so anew if one of them has changed."""
    if modules.edited():
        forget()


def module_fingerprint(module: str) -> str:
    """SHA-256 (16 hex digits) over one of the package's modules and all that it imports."""
    found = find(module)
    assert found is not None, module
    return digest(found, NEUTRAL_TO_READERS)[:16]
