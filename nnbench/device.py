"""Where a cell trains, and the numerical flags that its record states."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from nnbench.errors import NnbenchError


def choose_device(name: str) -> torch.device:
    """The device that a config names; ``auto`` takes a GPU where there is one.

    Raises:
        NnbenchError: The device does not exist on this machine.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    count = torch.cuda.device_count() if device.type == "cuda" else 0
    missing = (device.type == "cuda" and (device.index or 0) >= count) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        allowed = ["auto", "cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        raise NnbenchError(
            f"device {name!r} does not exist on {platform.node()}",
            allowed=", ".join(allowed),
            todo="set `device: auto` in the config, or run where there is a GPU",
        )
    return device


def fix_numerics(threads: int) -> None:
    """Make results depend on nothing but the cell: fixed threads, deterministic kernels, no TF32."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    # the same switch as use_deterministic_algorithms(), which imports PyTorch's compiler on the way
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs time
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def synchronise(device: torch.device) -> None:
    """Wait for the device, so that a clock read next tells the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def is_out_of_memory(error: Exception) -> bool:
    """PyTorch says it by type on a GPU, and by words of its allocator on a CPU."""
    by_type = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return by_type or "DefaultCPUAllocator" in str(error)


def peak_memory_mb(device: torch.device) -> float | None:
    """Peak memory that PyTorch allocated on a GPU, in MB; None on a CPU."""
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None


def describe_device(device: torch.device) -> dict[str, Any]:
    """The device's name, driver and flags, for the record."""
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "cudnn": torch.backends.cudnn.version() if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "tf32": torch.backends.cuda.matmul.allow_tf32,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def cpu_name() -> str:
    """The processor's own name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
