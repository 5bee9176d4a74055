"""Where and with what a cell was measured: machine, versions, code, for its record."""

import datetime as dt
import os
import platform
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from nnbench import __version__
from nnbench.jobs.quota import cpu_quota

CHECKOUT = str(Path(__file__).parent.parent.parent)
HEAD = "# branch.oid "  # in git's status, before the commit
PACKAGES = ("torch", "torchvision", "numpy")


def now() -> str:
    """The time in UTC, ISO 8601."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


@cache
def versions() -> dict[str, str | None]:
    """Versions of Python and the packages that make the numbers."""
    found: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for package in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return {"nnbench": __version__, "python": platform.python_version(), **found}


def cores_there() -> int:
    """The CPU cores that this process may use: by its affinity, and by the quotas of its control groups."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min(cores, int(cpu_quota())))


def memory_there() -> float | None:
    """The machine's memory in GiB; None where the system does not tell."""
    with suppress(ValueError, OSError, AttributeError):
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    return None


def machine() -> dict[str, object]:
    """The machine's name, system, cores and memory."""
    return {
        "hostname": platform.node(),
        "platform": platform.platform(),
        "cores": cores_there(),
        "memory_gb": memory_there(),
    }


def peak_memory_mb() -> float | None:
    """The largest resident size that this process had, in MB."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


@cache
def git_state() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that the package runs from, as this process first saw it; None outside one."""
    asked = ("--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=no")
    status = _git("status", *asked, "--", "nnbench", "config")
    if status is None:
        return {"git_commit": None, "git_dirty": None}
    lines = status.splitlines()
    heads = (line.removeprefix(HEAD) for line in lines if line.startswith(HEAD))
    commit = next((head for head in heads if head != "(initial)"), None)
    return {"git_commit": commit, "git_dirty": not all(line.startswith("#") for line in lines)}


def _git(*arguments: str) -> str | None:
    # with --git-dir no repository that the checkout merely lies in is asked
    where = ("--git-dir", f"{CHECKOUT}/.git", "--work-tree", CHECKOUT)
    command = ("git", "-C", CHECKOUT, *where, *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - fixed arguments
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
