"""Which GPUs this process may use, by names that mean the same to every process of the machine."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from itertools import takewhile

from nnbench.errors import NnbenchError

VISIBLE = "CUDA_VISIBLE_DEVICES"
NVIDIA_SMI_SECONDS = 30.0  # it takes seconds where the driver is not kept loaded


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that this process may use: by UUID, or as CUDA_VISIBLE_DEVICES calls them."""
    named = os.environ.get(VISIBLE)
    if named is not None and not named.strip():
        return ()
    listed = _listed()
    if named is None:
        return tuple((listed or {}).values())
    return visible_among(named, listed)


def visible_among(named: str, listed: Mapping[str, str] | None) -> tuple[str, ...]:
    """The GPUs that a value of CUDA_VISIBLE_DEVICES makes visible, as CUDA and PyTorch read it.

    The first entry decides whether indices, UUIDs (or beginnings of them) or MIG instances follow;
    the list ends at the first entry that is none, and a repeated one makes all of it void. ``listed``
    maps index -> UUID of the machine's GPUs; None: unknown, so that every name is taken as it is.
    """
    kind = next((kind for kind in ("GPU-", "MIG-") if named.startswith(kind)), None)
    entries = (_index(entry) if kind is None else entry for entry in named.split(","))
    names = tuple(takewhile(lambda entry: entry and entry.startswith(kind or ""), entries))
    if len(set(names)) < len(names):
        return ()
    if listed is None or kind == "MIG-":  # nvidia-smi's table lists no MIG instances
        return names
    found = tuple(takewhile(bool, (_uuid(name, listed) for name in names)))
    return found if len(set(found)) == len(found) else ()


def _index(entry: str) -> str:
    """The number that an entry begins with, as strtoul reads it; an empty text without one."""
    match = re.match(r"\s*\+?0*(\d+)", entry, re.ASCII)
    return match[1] if match else ""


def _uuid(name: str, listed: Mapping[str, str]) -> str:
    """The one GPU of an index or of the beginning of a UUID; an empty text if it is not one."""
    found = [uuid for uuid in listed.values() if name.startswith("GPU-") and uuid.startswith(name)]
    return listed.get(name, found[0] if len(found) == 1 else "")


def _listed() -> dict[str, str] | None:
    """Index -> UUID of every GPU that nvidia-smi sees; None where it is missing or broken."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(  # noqa: S603 - of the user's own PATH
            query, capture_output=True, text=True, timeout=NVIDIA_SMI_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NnbenchError(
            f"nvidia-smi does not answer within {NVIDIA_SMI_SECONDS:g} seconds",
            todo="see what is wrong with the GPUs, or set `device: cpu` in the config",
        ) from error
    except OSError:
        return None
    rows = (line.split(",") for line in done.stdout.splitlines() if line.count(",") == 1)
    return None if done.returncode else {index.strip(): uuid.strip() for index, uuid in rows}
