"""Whether anything of nnbench runs beside a cell that measures time: the machine is shared, or had alone.

Snakemake gives such a cell all cores, but may start others beside it where its data were made in the same run
(its issue 3913), and knows nothing of other runs on the machine. So whatever computes holds a lock of the
machine together with the others, and a cell that measures time holds it alone.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nnbench.errors import NnbenchError
from nnbench.jobs.lease import FOLDER, machine_folder, pauses
from nnbench.jobs.locks import Locks, guarded, to_log


@contextmanager
def machine(*, alone: bool) -> Iterator[Locks]:
    """Hold this machine together with others, or alone; waits for those who hold it otherwise.

    Yields what ``check_held`` looks at.

    Raises:
        NnbenchError: It cannot be held alone, since lock files cannot be used: no time is measured then.
    """
    with Locks() as held:
        if sys.platform != "win32":
            _take(held, machine_folder(), alone=alone)
        yield held


def check_held(held: Locks) -> None:
    """Refuse a time if other cells may have run beside it: NnbenchError where the lock is no longer what they ask for.

    A lock file that is removed stays locked, but whoever comes then makes a new one, and is let in.
    """
    if not held.whole():
        raise NnbenchError(
            "other cells may have run beside this one, which measures time: nothing is recorded",
            got=f"the lock files in {machine_folder()} were removed while it ran",
            todo=f"start it again, and leave them there (or set {FOLDER} to a folder that nothing clears)",
        )


def _take(held: Locks, folder: Path, *, alone: bool) -> None:
    others = "what runs" if alone else "a cell that measures time"
    waits = pauses(f"waiting for the end of {others} on this machine")
    try:
        held.enter_context(guarded(folder, kept=True))
        # who wants it alone keeps the line, so that no later one is let in before
        with Locks() as line:
            while not line.take(folder / "machine.line", shared=not alone):
                next(waits)
            while not held.take(folder / "machine", shared=not alone):
                next(waits)
    except OSError as error:
        if alone:
            raise NnbenchError(
                f"{folder}: its lock files cannot be used, so nothing keeps other cells from running beside this one",
                got=error,
                todo=f"set that right, or set {FOLDER} to a folder that all users of this machine can write to",
            ) from error
        to_log(f"{folder}: its lock files cannot be used ({error.strerror})")
