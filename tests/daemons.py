"""Daemons of a test: started in the foreground, ended with it, and leaving nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path


def found(program: str) -> str | None:
    """Where a program is, those for root included."""
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def quietly(
    command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with more in its environment, and keep what it prints."""
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def run_once(*command: str) -> None:
    """Run a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"


def start(
    command: list[str],
    *,
    folder: Path,
    stack: ExitStack,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Start a daemon in the foreground; it ends with the stack, and with this process however it ends."""
    program = found(command[0])
    assert program is not None, command[0]
    with (folder / f"{Path(program).name}.out").open("w") as out:
        daemon = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", program, *command[1:]],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for this process, which ends them in order
        )
    stack.callback(_stop, daemon)


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def listens(port: int) -> bool:
    """Whether somebody answers there on this machine."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody uses."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [int(free.getsockname()[1]) for free in sockets]


def guard(variable: str, *, folder: Path, stack: ExitStack) -> None:
    """Kill what still has ``NAME=value`` in its environment, when the stack ends or this process is killed."""
    start([sys.executable, __file__, variable], folder=folder, stack=stack)


def _kill_when_told(variable: str) -> None:
    signal.sigwait({signal.SIGTERM})
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended meanwhile
            if variable.encode() in path.read_bytes().split(b"\0"):
                os.kill(int(path.parent.name), signal.SIGKILL)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _kill_when_told(sys.argv[1])
