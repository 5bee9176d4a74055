"""What a plan says of a user's own data: what they tell about themselves, and which classes levels read."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nnbench.cells.cell import Cell, dataset_of
from nnbench.datasets.own.look import notes_of, summary_of
from nnbench.plan.levels import Use
from nnbench.registry import is_data_file


def data_notes(cells: Mapping[str, Cell], uses: Sequence[Use]) -> Iterator[str]:
    """Sentences, each once, with the data file that they are about in front.

    Raises NnbenchError if the data cannot be used.
    """
    for name in sorted({cell.dataset for cell in cells.values() if is_data_file(cell.dataset)}):
        path = Path(name)
        yield from (f"{name}: {text}" for text in (summary_of(path), *notes_of(path)))
    yield from dict.fromkeys(
        f"{use.dataset}: {what}"
        for use in uses
        if is_data_file(use.dataset)
        for what in _classes(use, cells)
    )


def _classes(use: Use, cells: Mapping[str, Cell]) -> Iterator[str]:
    """The classes that a level reads, by name; where it takes some alone, with its training samples."""
    where = f"{use.claim}, level {use.level!r}"
    if use.at is not None and use.at.startswith("class "):
        yield f"{where}: reads the {use.at}"
    for cell in (cells[cell_id] for cell_id in use.cells if cells[cell_id].settings.classes):
        names = [repr(dataset_of(cell.dataset).class_names[n]) for n in cell.settings.classes]
        size = cell.settings.train_size
        samples = f"; trains on {size:,} samples" if size else ""
        yield f"{where}: has the classes {', '.join(names)}{samples}"
