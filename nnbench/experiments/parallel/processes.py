"""A group of cooperating processes, by ``torch.multiprocessing``: all succeed, or all are killed."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from nnbench.errors import NnbenchError
from nnbench.processes import last_lines


def run_together(
    work: Callable[..., None],
    *arguments: object,
    count: int,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> None:
    """Call ``work(rank, *arguments)`` in ``count`` new processes, ranks 0 … count - 1, and wait for them.

    ``work`` must be importable and the arguments picklable; ``environment`` is added to this process's.
    Raises NnbenchError if a process failed or was killed, or the timeout passed; all have ended by then.
    """
    deadline = time.monotonic() + timeout_seconds
    with _seen_by_children(environment):
        group: ProcessContext = start_processes(
            work, arguments, count, join=False, daemon=True, start_method="spawn"
        )
    try:
        while not group.join(max(0.0, deadline - time.monotonic())):
            if time.monotonic() > deadline:
                raise _late(group, timeout_seconds=timeout_seconds)
    except (ProcessExitedException, ProcessRaisedException) as error:
        raise _failure(error, count=count) from None
    finally:
        for process, file in zip(group.processes, group.error_files, strict=True):
            process.kill()
            process.join()
            Path(file).unlink(missing_ok=True)


@contextmanager
def _seen_by_children(environment: Mapping[str, str]) -> Iterator[None]:
    """Set variables for children that start now, and hide the main module, which each would run again."""
    kept, main = dict(os.environ), sys.modules["__main__"]
    os.environ.update(environment)
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        os.environ.clear()
        os.environ.update(kept)


def _late(group: ProcessContext, *, timeout_seconds: float) -> NnbenchError:
    running = [str(rank) for rank, process in enumerate(group.processes) if process.is_alive()]
    return NnbenchError(
        f"parallel training: {len(group.processes)} processes did not end within {timeout_seconds:.0f} s",
        got=f"still running: process {', '.join(running)}",
        todo="see what else the machine computes, or ask for fewer steps",
    )


def _failure(error: ProcessExitedException | ProcessRaisedException, *, count: int) -> NnbenchError:
    who = f"parallel training: process {error.error_index} of {count}"
    if isinstance(error, ProcessRaisedException):
        return NnbenchError(f"{who} failed", got="\n".join(last_lines(error.msg)))
    if error.signal_name is None:
        return NnbenchError(f"{who} failed (exit status {error.exit_code})")
    return NnbenchError(
        f"{who} was killed ({error.signal_name})",
        todo="free memory, the usual reason, and run again",
    )


def loopback_interface() -> str:
    """The loopback interface: ``lo`` on Linux, ``lo0`` on macOS; NnbenchError if there is none."""
    names = [name for _, name in socket.if_nameindex()]
    for name in ("lo", "lo0"):
        if name in names:
            return name
    raise NnbenchError(
        "parallel training: no loopback interface",
        got=", ".join(names) or "none",
        allowed="lo, lo0",
        todo="run where processes can talk to one another",
    )
