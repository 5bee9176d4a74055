"""What a batch's job says of its cells, in its log: read while it runs, so that a run is told by the cell."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nnbench.jobs.one_by_one import FAILED, MEASURED, STARTED
from nnbench.progress.narrator import Narrator

_LINE = re.compile(
    rf"cell ([0-9a-f]{{16}}) ({STARTED}|{MEASURED}|{FAILED})(?: (.*))?"
)  # its log, or how many seconds it took


@dataclass(slots=True)
class BatchLog:
    """A log that is followed; ``running`` is the cell that began and has not ended."""

    path: Path
    running: str | None = None
    failed: bool = False
    """Whether the failure of a cell was told."""
    _read: int = 0
    _told: set[str] = field(default_factory=set)

    def again(self) -> None:
        """Its job begins once more, and goes on with its log."""
        self.running, self.failed = None, False

    def tell(self, narrator: Narrator) -> None:
        """Tell what is new in it."""
        for line in self._new():
            if found := _LINE.fullmatch(line):
                self._tell(narrator, *found.groups())

    def ended(self, narrator: Narrator, *, otherwise: str = "") -> bool:
        """Its job has ended, by ``otherwise`` where its cell did not say how; False: no cell was concerned."""
        self.tell(narrator)
        if self.running is not None:
            narrator.cell_failed(self.running, otherwise=otherwise)
            self.running, self.failed = None, True
        return self.failed

    def _tell(self, narrator: Narrator, cell: str, what: str, more: str | None) -> None:
        self.running = cell if what == STARTED else None
        if cell in self._told:  # before a retry
            return
        if what == STARTED:
            narrator.cell_started(cell, Path(more or ""))
        elif what == MEASURED:
            self._told.add(cell)
            narrator.cell_finished(cell, took=float(more or 0))
        else:
            self.failed = True
            narrator.cell_failed(cell, took=float(more or 0))

    def _new(self) -> Iterator[str]:
        with suppress(OSError), self.path.open("rb") as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(end)
            yield from whole.decode(errors="replace").splitlines()
