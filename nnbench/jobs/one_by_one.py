"""The cells of a batch, each in a process of its own that begins with PyTorch already there.

So a cell has its own GPU, peak of memory and global state as if it were alone, and one that crashes or is killed
takes no other with it.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

from nnbench.errors import NnbenchError
from nnbench.jobs.alone import machine
from nnbench.jobs.marks import log_path
from nnbench.processes import PROCESSES, ending_by

STARTED, MEASURED, FAILED = "started", "measured", "failed"  # in the log, see progress.batch_log
Measure = Callable[[str, int], int]


def measure_each(
    cells: Mapping[str, int], results: Path, measure: Measure, ready: Callable[[], None]
) -> None:
    """Measure cells (id -> seeds) one after the other, each with its own log, and say in this one's what they do.

    Args:
        cells: In this order.
        results: Their logs lie in it.
        measure: Measures one and returns an exit status; called in the cell's process.
        ready: Does once, in this process, what the cells' processes are to find done.

    Raises:
        NnbenchError: One of them failed; the others are measured.
    """
    if sys.platform == "linux":
        with machine(alone=False):  # seconds of computing, not beside a cell that measures time
            ready()
    failed = [cell for cell, seeds in cells.items() if not _measured(cell, seeds, results, measure)]
    if failed:
        raise NnbenchError(
            f"{len(failed)} of {len(cells)} cells failed",
            got=", ".join(failed),
            todo=f"see {log_path(results, failed[0], cells[failed[0]])}",
        )


def _measured(cell: str, seeds: int, results: Path, measure: Measure) -> bool:
    log = log_path(results, cell, seeds)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    started = time.monotonic()
    print(f"cell {cell} {STARTED} {log}", flush=True)
    process = PROCESSES.Process(target=_in_process, args=(cell, seeds, log, measure), name=cell)
    process.start()
    with _ended_with(process):
        process.join()
    if (code := process.exitcode or 0) < 0:
        with log.open("a", encoding="utf-8") as file:
            how = f"killed by {signal.Signals(-code).name}"
            print(f"nnbench: error: the process of cell {cell} was {how}", file=file)
    how = FAILED if code else MEASURED
    print(f"cell {cell} {how} {time.monotonic() - started:.2f}", flush=True)
    return not code


@contextmanager
def _ended_with(process: BaseProcess) -> Iterator[None]:
    """A process that is asked to end asks this one first, and waits until it has saved its state."""

    def stop(status: int) -> None:
        process.terminate()
        process.join()
        sys.exit(status)

    with ending_by(stop):
        yield


def _in_process(cell: str, seeds: int, log: Path, measure: Measure) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    with suppress(AttributeError):  # a standard stream that is closed
        sys.stdout.flush()
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    sys.exit(measure(cell, seeds))
