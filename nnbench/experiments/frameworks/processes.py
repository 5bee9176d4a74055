"""Child processes that answer one question: limits, time limit, and no orphan."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

LAST_LINES = 5  # of the standard error of a process that failed
LONGEST_LINE = 300  # characters of each
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


class NoAnswerError(Exception):
    """A child process failed; the text says how."""


def ask(
    command: Sequence[str],
    question: bytes,
    *,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> str:
    """Start a process, give it the question on its standard input, and wait for its answer.

    Raises:
        NoAnswerError: It died, or took too long and was ended; with the last lines that it wrote.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command,
            input=question,
            capture_output=True,
            timeout=timeout_seconds,
            env=dict(environment),
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswerError(
            f"ended after {timeout_seconds:g} s without an answer{_last_lines(error.stderr)}"
        ) from None
    except subprocess.CalledProcessError as error:
        raise NoAnswerError(f"{_how(error.returncode)}{_last_lines(error.stderr)}") from None
    return done.stdout.decode(errors="replace")


def _how(code: int) -> str:
    return f"ended with code {code}" if code >= 0 else f"killed by signal {-code}"


def _last_lines(stderr: bytes | None) -> str:
    lines = (stderr or b"").decode(errors="replace").strip().splitlines()[-LAST_LINES:]
    return f": {' | '.join(line.strip()[:LONGEST_LINE] for line in lines)}" if lines else ""


def limits(*, threads: int, device: str, index: int | None = None) -> dict[str, str]:
    """This process's environment with so many threads and one device for every framework.

    Args:
        threads: CPU threads to compute with.
        device: ``cpu``, ``cuda`` or ``mps``.
        index: Which of the GPUs that this process sees; None: the first.
    """
    one = {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"}
    return {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        **(one if threads == 1 else {}),
        "CUDA_VISIBLE_DEVICES": _visible(index or 0) if device == "cuda" else "-1",
        "JAX_PLATFORMS": device,
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _visible(index: int) -> str:
    """One of the GPUs that this process may see, in the driver's own numbers or names."""
    own = os.environ.get("CUDA_VISIBLE_DEVICES")
    return own.split(",")[index] if own else str(index)
