"""A group of processes that work together: all of them end well, or none goes on.

Nothing lies on the disk (output goes to files without a name), and the processes meet at a socket
that is bound to the loopback address before they start, so that no port can be lost to another.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from nnbench.errors import NnbenchError

POLL_SECONDS = 0.05
CONNECT_SECONDS = 5.0
LOOPBACK = "127.0.0.1"
SHOWN_LINES = 4  # of a failed process's last words


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One running process and what it says."""

    rank: int
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    errors: IO[bytes]


def run_together(
    command: Sequence[str],
    document: Mapping[str, Any],
    *,
    count: int,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> str:
    """Run ``count`` processes to their end and return what the first one printed.

    Each gets as its last argument the document as JSON, with ``rank``, ``count``, ``parent`` (the
    id of this process), ``port`` and, for rank 0, ``listener``: the descriptor of the socket that
    listens at the port.

    Raises:
        NnbenchError: A process failed, was killed, or they took too long; all of them have ended.
    """
    deadline = time.monotonic() + timeout_seconds
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=count))
        _check_reachable(listener)
        common = {**document, "count": count, "parent": os.getpid()}
        common["port"] = listener.getsockname()[1]
        workers = []
        for rank in range(count):
            own = {**common, "rank": rank, "listener": listener.fileno() if rank == 0 else None}
            started = _started([*command, json.dumps(own)], own, environment=environment)
            workers.append(stack.enter_context(started))
        listener.close()  # rank 0 has its own copy
        _wait(workers, deadline=deadline, timeout_seconds=timeout_seconds)
        return _read(workers[0].output)


def _check_reachable(listener: socket.socket) -> None:
    """Connect once, because the processes would try for minutes where the way is closed."""
    try:
        with (
            socket.create_connection(listener.getsockname(), timeout=CONNECT_SECONDS),
            listener.accept()[0],
        ):
            return
    except OSError as error:
        raise NnbenchError(
            f"parallel training: {LOOPBACK} cannot be reached, processes could not talk",
            got=error,
            todo="bring the loopback interface up (ip link set lo up)",
        ) from error


@contextmanager
def _started(
    command: Sequence[str], own: Mapping[str, Any], *, environment: Mapping[str, str]
) -> Iterator[Worker]:
    """Start one process; it does not outlive the context."""
    kept = () if own["listener"] is None else (own["listener"],)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - this package's own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            pass_fds=kept,
            env={**os.environ, **environment},
        )
        try:
            yield Worker(rank=own["rank"], process=process, output=output, errors=errors)
        finally:
            process.kill()
            process.wait()


def _wait(workers: Sequence[Worker], *, deadline: float, timeout_seconds: float) -> None:
    while True:
        codes = [worker.process.poll() for worker in workers]
        if failed := [w for w, code in zip(workers, codes, strict=True) if code]:
            raise _failure(failed, count=len(workers))
        if all(code == 0 for code in codes):
            return
        if time.monotonic() > deadline:
            running = [str(w.rank) for w, code in zip(workers, codes, strict=True) if code is None]
            raise NnbenchError(
                f"parallel training: {len(workers)} processes did not end "
                f"within {timeout_seconds:.0f} s",
                got=f"still running: process {', '.join(running)}",
                todo="see what else the machine computes, or ask for fewer steps",
            )
        time.sleep(POLL_SECONDS)


def _failure(failed: Sequence[Worker], *, count: int) -> NnbenchError:
    """Names the process that failed first, as far as that can be told: others lose their peer."""
    words = {worker.rank: _last_words(worker) for worker in failed}
    first = min(failed, key=lambda w: (w.process.returncode > 0, "peer" in words[w.rank], w.rank))
    code = first.process.returncode
    how = f"was killed ({_signal_name(-code)})" if code < 0 else f"failed (exit status {code})"
    return NnbenchError(
        f"parallel training: process {first.rank} of {count} {how}",
        got=words[first.rank] or "no message",
        todo="free memory, the usual reason, and run again" if code < 0 else None,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_words(worker: Worker) -> str:
    lines = [line for line in _read(worker.errors).splitlines() if line.strip()]
    return "\n".join(lines[-SHOWN_LINES:])


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def loopback_interface() -> str:
    """The name of the interface that leads nowhere but here: ``lo`` on Linux, ``lo0`` on macOS.

    Raises:
        NnbenchError: There is none.
    """
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
