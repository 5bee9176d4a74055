"""Compiles ``step.cpp`` once per machine and loads it; without a C++ compiler there is nothing to load.

The file in the user's cache is named by everything that decides its content: source, flags, compiler, and the
processor that the compiler sees. Jobs that compile at the same time write the same bytes and replace them
atomically.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nnbench.processes import user_cache

SOURCE = Path(__file__).with_name("step.cpp")
PARTS = (SOURCE, SOURCE.with_name("recurrent.hpp"))  # that it consists of
FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared",
    # GCC rounds some sums otherwise than others on processors where it avoids chains of multiply-adds
    "--param=avoid-fma-max-bits=0",
)  # fmt: skip
COMPILERS = ("c++", "g++", "clang++")
SECONDS = 600.0  # at most, for each call of the compiler: far more than it takes, unless the machine is very busy
SWITCH = "NNBENCH_NATIVE"
"""Environment variable: ``off`` trains dense and recurrent networks by PyTorch, too."""

nnbench_inputs = ["step.cpp", "recurrent.hpp"]


@dataclass(frozen=True, slots=True)
class Native:
    """The compiled code and the first line of its compiler's ``--version``."""

    library: ctypes.CDLL
    compiler: str


@functools.cache
def native() -> Native | None:
    """The compiled code of this machine; None, with a word on stderr, if it cannot be had."""
    if os.environ.get(SWITCH) == "off":
        return None
    compiler = compiler_here()
    if compiler is None:
        _say("there is no C++ compiler")
        return None
    try:
        version = _output(compiler, "--version").splitlines()[0]
        return Native(_loaded(compiler, version), version)
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or str(error)
        _say(f"{compiler} does not compile it ({detail.strip().splitlines()[-1]})")
        return None


def compiler_here() -> str | None:
    """Path of the C++ compiler: ``$CXX``, or the first that is found."""
    names = (os.environ["CXX"],) if os.environ.get("CXX") else COMPILERS
    return next((path for name in names if (path := shutil.which(name))), None)


def _say(why: str) -> None:
    print(
        f"nnbench: {why}: dense and recurrent networks train in PyTorch, more slowly",
        file=sys.stderr,
    )


def _loaded(compiler: str, version: str) -> ctypes.CDLL:
    processor = _output(compiler, *FLAGS, "-dM", "-E", "-x", "c++", os.devnull)
    parts = (*(part.read_text() for part in PARTS), *FLAGS, version, processor)
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    with tempfile.TemporaryDirectory() as private:
        path = _folder(Path(private)) / f"step-{name}.so"
        try:
            return ctypes.CDLL(str(path))
        except OSError:  # not compiled yet, or damaged
            _compile(compiler, path)
            return ctypes.CDLL(str(path))


def _folder(private: Path) -> Path:
    """The user's cache, or a folder of this process alone if there is none to write to."""
    cache = user_cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return private
    return cache if os.access(cache, os.W_OK) else private


def _compile(compiler: str, path: Path) -> None:
    handle, name = tempfile.mkstemp(suffix=".so", dir=path.parent)
    os.close(handle)
    try:
        _output(compiler, *FLAGS, str(SOURCE), "-o", name)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _output(*command: str) -> str:
    found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603
    return found.stdout
