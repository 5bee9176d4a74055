"""Tables and report that were not made of the present records: what lets Snakemake make them again.

It goes by time stamps, and a clock may have gone back between two runs. Of inputs it asks, too, whether their
content is new: so a file of its own says that records have changed.
"""

import os
import time
from pathlib import Path

from nnbench.records.store import MADE_OF, write_atomically

LONG_AGO = 1  # seconds since the epoch; Snakemake takes 0 for no time at all
CHANGED = "records.changed"


def make_again(present: str, tables: Path, reports: Path) -> None:
    """Give what was not made of these records a time before all of them, and say that they have changed."""
    for made, outputs in (
        (tables / MADE_OF, ()),
        (reports / "results.json", (reports / "index.html",)),
    ):
        if made.exists() and not is_made_of(present, made):
            for path in filter(Path.exists, (made, *outputs)):
                os.utime(path, (LONG_AGO, LONG_AGO))
            # records that are again what they were once have changed, too
            write_atomically(tables / CHANGED, f"{present} {time.time_ns()}\n".encode())


def changed(tables: Path) -> list[Path]:
    """That file, if records ever changed outside a run."""
    return [path for path in (tables / CHANGED,) if path.exists()]


def is_made_of(records: str, made: Path) -> bool:
    """Whether a file of tables or results states the checksum of these records, as it does in its head."""
    with made.open("rb") as file:
        return records.encode() in file.read(200)
