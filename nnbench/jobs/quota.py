"""How much of the CPUs the control groups of a container, a job or a service leave to this process."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NO_LIMIT = float(2**20)  # cores; more than any machine has
_MEMBERSHIPS = Path("/proc/self/cgroup")
_MOUNTED = Path("/sys/fs/cgroup")


def cpu_quota(memberships: Path = _MEMBERSHIPS, mounted: Path = _MOUNTED) -> float:
    """Cores' worth of CPU time, such as 0.5, by the tightest of the groups and those that they lie in.

    Args:
        memberships: The kernel's list of this process's groups: lines of ``number:controllers:/path``.
        mounted: Where the groups' files are: those of version 2, and a folder a controller of version 1.
    """
    with suppress(OSError):
        lines = memberships.read_text().splitlines()
        return min((_quota(folder) for folder in _folders(lines, mounted)), default=NO_LIMIT)
    return NO_LIMIT


def _folders(lines: list[str], mounted: Path) -> Iterator[Path]:
    """The folders of each group and of those above it. Within a container its own group is the top one."""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            tops = [mounted, mounted / "unified"]
        elif "cpu" in controllers.split(","):
            tops = [mounted / controllers, mounted / "cpu"]
        else:
            continue
        for top in tops:
            group = top / path.lstrip("/")
            yield from (group, *(above for above in group.parents if above.is_relative_to(top)))


def _quota(folder: Path) -> float:
    """Cores of one group: ``cpu.max`` is "quota period" or "max period", version 1 has a file each."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / "cpu.max").read_text().split()
        return float(quota) / float(period) if quota != "max" else NO_LIMIT
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (
            (folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
        )
        return float(quota) / float(period) if float(quota) > 0 else NO_LIMIT
    return NO_LIMIT
