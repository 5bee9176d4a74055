"""Devices, and the numerical flags that a record reports."""

import os
import platform
from pathlib import Path

import torch

from nnbench.engine.native.build import native
from nnbench.errors import NnbenchError

Fact = bool | int | str | None


def choose_device(name: str) -> torch.device:
    """The device that a config names (``auto``: a GPU if possible); NnbenchError if it does not exist."""
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
    """Make results depend on the cell alone: fixed thread count, deterministic kernels, no TF32."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required by cuBLAS
    # the same switch as use_deterministic_algorithms(), which also imports PyTorch's compiler
    torch.set_deterministic_debug_mode("warn")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a debugging aid that costs time
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def synchronise(device: torch.device) -> None:
    """Wait for the device to finish, so that the clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: on a GPU the error's type says so, on a CPU only its message."""
    by_type = isinstance(error, torch.OutOfMemoryError | MemoryError)
    # the CPU and MPS allocators, and cuBLAS and cuDNN, which allocate memory themselves
    words = ("DefaultCPUAllocator", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return by_type or any(word in str(error) for word in words)


def release_memory(device: torch.device) -> None:
    """Return unused memory to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def peak_memory_mb(device: torch.device) -> float | None:
    """Peak memory that PyTorch allocated on a GPU, in MB; None on a CPU."""
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else None


def describe_device(device: torch.device) -> dict[str, Fact]:
    """The device's name, driver and flags, for the record."""
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name(),
        "driver": _driver() if device.type == "cuda" else None,
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "cudnn": torch.backends.cudnn.version() if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "tf32": torch.backends.cuda.matmul.allow_tf32,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def identity(device: torch.device) -> dict[str, Fact]:
    """What must match for an interrupted cell to continue with the same numbers."""
    described = {key: value for key, value in describe_device(device).items() if key != "driver"}
    code = native() if device.type == "cpu" else None
    compiler = code.compiler if code else None
    return {"torch": str(torch.__version__), "compiler": compiler, **described}


def _driver() -> str | None:
    """The version of NVIDIA's kernel module; None where Linux does not report it."""
    version = Path("/sys/module/nvidia/version")
    return version.read_text(encoding="ascii").strip() if version.is_file() else None


def cpu_name() -> str:
    """The processor's model name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
