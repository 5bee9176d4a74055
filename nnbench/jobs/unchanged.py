"""Whether data and code are still what a run was planned with, and which of them is not.

Whatever is read is compared before and after: nobody's edit comes between a name and what it stands for.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnbench.cells.cell import Cell, code_of_cell, dataset_of, named_code
from nnbench.cells.fingerprint import forget, inputs_of, source_of
from nnbench.datasets.own.description import read_description
from nnbench.datasets.prepared.source import SOURCE, Source, fixed_source
from nnbench.datasets.prepared.store import read_manifest
from nnbench.errors import NnbenchError
from nnbench.records.store import dataset_folder
from nnbench.registry import is_data_file, is_own, load

PLAN_ANEW = "start snakemake again: it plans with what is there now"


@contextmanager
def as_planned(planned: Source) -> Iterator[None]:
    """Compare a dataset's raw files and code with the plan, before and after they are read.

    Raises:
        NnbenchError: One of them changed; the message says which.
    """
    _compare(planned)
    try:
        yield
    finally:  # also after an error, which may come of data that were being written just then
        _compare(planned)


def _compare(planned: Source) -> None:
    forget()
    try:
        if (found := source_of(planned.dataset)) == planned:
            return
        what, got = difference(planned, found), None
    except (NnbenchError, OSError) as error:
        what, got = "the data", getattr(error, "what", error)
    finally:
        dataset_of.cache_clear()  # its sizes and classes may be those of before
    raise NnbenchError(
        f"dataset {planned.dataset!r}: {what} changed after this run was planned",
        got=got,
        todo=PLAN_ANEW,
    )


def difference(planned: Source, found: Source) -> str:
    """Which of a dataset's data, description and code are not as planned, in words."""
    if planned.made_of == found.made_of:  # what all datasets are prepared by
        return "the code of nnbench that prepares it"
    if planned.made_of[0] != found.made_of[0]:
        return "the code that makes it, or a file that this names in nnbench_inputs,"
    if planned.description != found.description:
        return "its description"
    return f"the data ({read_description(Path(planned.dataset))[1]})"


def check_folder(source: Source, folder: Path) -> None:
    """Whether a folder that is named as the plan names it is the one of these data; any other name will do.

    Raises:
        NnbenchError: It is named after other data, or other code.
    """
    label = dataset_folder(Path(), source.dataset).name[:-8]  # with its dash
    plans = re.fullmatch(re.escape(label) + "[0-9a-f]{8}", folder.name)
    if plans and not named_after(source, folder):
        raise NnbenchError(
            f"dataset {source.dataset!r}: the data, or what reads them, changed after this run was planned",
            got=f"folder {folder.name}",
            allowed=f"{label}{source.fingerprint[:8]}, or a name of another form",
            todo=PLAN_ANEW,
        )


def named_after(source: Source, folder: Path) -> bool:
    """Whether the folder has the name that the plan gives it."""
    return folder.name.endswith(f"-{source.fingerprint[:8]}")


def check_planned(cell: Cell, data: Path) -> None:
    """Whether the prepared data and the code, as this process first saw it, are those of the cell.

    Raw files are not looked at: what the prepared ones were made of is written beside them.

    Raises:
        NnbenchError: One of them changed; the message says which.
    """
    source = fixed_source(data)
    if source is None and is_data_file(cell.dataset):
        read_manifest(data)  # where nothing is prepared, that is what is wrong
        todo = "delete the folder and rerun, so that the dataset is prepared anew"
        raise NnbenchError(f"dataset file {data / SOURCE} is missing or damaged", todo=todo)
    made_of = source.made_of if source else None
    if code_of_cell(cell.dataset, cell.settings, cell.search, made_of=made_of) != cell.code:
        after = "changed after this run was planned"
        if source and not named_after(source, data):
            raise NnbenchError(
                f"cell {cell.id}: the data {after}", got=f"others in {data}", todo=PLAN_ANEW
            )
        raise NnbenchError(
            f"cell {cell.id}: the training code{_own_code(cell)} {after}", todo=PLAN_ANEW
        )


def _own_code(cell: Cell) -> str:
    own = ", ".join(name for name in named_code(cell) if is_own(name))
    return f" (nnbench's, or that of {own} with imports and nnbench_inputs)" if own else ""


def own_parts(cell: Cell, data: Path) -> tuple[str, ...]:
    """The own code that a job runs: not that of fixed data, which are prepared."""
    names = dict.fromkeys(filter(is_own, named_code(cell)))
    return tuple(name for name in names if name != cell.dataset or not fixed_source(data))


def import_own_parts(cell: Cell, data: Path) -> None:
    """Import a cell's own parts, then check the cell: no edit, while a job waits, comes in between.

    Raises:
        NnbenchError: As in ``check_planned``.
    """
    parts = own_parts(cell, data)
    for name in parts:
        # an option may only look like a name; and what is wrong with a part is told when it is used
        with suppress(NnbenchError):
            load("part", name, {})
    if parts:
        forget()
        check_planned(cell, data)


@contextmanager
def same_inputs(cell: Cell, data: Path) -> Iterator[None]:
    """Whether the files in ``nnbench_inputs`` of own parts stay what they are while a block is measured.

    Raises:
        NnbenchError: They do not, or are gone: what was measured is not to be stored.
    """
    parts = own_parts(cell, data)
    before = inputs_of(*parts)
    yield
    try:
        differing = {*before} ^ {*inputs_of(*parts)}
        changed = ", ".join(sorted({text.rpartition(" ")[0] for text in differing}))
    except NnbenchError as error:
        changed = error.what
    if changed:
        what = f"cell {cell.id}: a file in nnbench_inputs changed while the cell was measured"
        raise NnbenchError(what, got=changed, todo=PLAN_ANEW)
