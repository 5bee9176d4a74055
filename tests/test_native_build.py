"""The compiled code is made once for a machine, and where it cannot be made, that is said."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from made_up_plan import claim, planned
from tiny_training import built, settings_of, tiny_data

from nnbench.cells.modules import find, inputs_in
from nnbench.engine.native import build
from nnbench.engine.native.network import compiled_network
from nnbench.jobs.here import machine_notes

SEEDS = (0, 1, 2)

pytestmark = [
    pytest.mark.usefixtures("on_one_thread"),
    pytest.mark.skipif(build.compiler_here() is None, reason="needs a C++ compiler"),
]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and nothing loaded yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "native", build.native.__wrapped__)
    return tmp_path / "nnbench"


LOAD = "from nnbench.engine.native.build import native; assert native()"


def test_it_is_compiled_once_and_a_damaged_file_is_made_anew(fresh: Path) -> None:
    def load(**environment: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-c", LOAD], env={**os.environ, **environment}, check=False
        )
        return done.returncode == 0

    assert load()
    (file,) = fresh.iterdir()
    made = file.stat().st_mtime_ns
    assert load()
    assert file.stat().st_mtime_ns == made
    file.write_bytes(b"damaged")
    assert load()
    assert file.read_bytes() != b"damaged"


def test_jobs_that_compile_at_the_same_time_do_not_disturb_each_other(fresh: Path) -> None:
    jobs = [subprocess.Popen([sys.executable, "-c", LOAD]) for _ in range(4)]
    assert [job.wait(timeout=120) for job in jobs] == [0] * 4
    assert len(list(fresh.iterdir())) == 1


SAME_BITS = """
import torch
from tiny_training import built, settings_of, tiny_data
from nnbench.engine.native.build import native
from nnbench.engine.native.network import compiled_network

data = tiny_data((0,), shape=(1, 6, 5), size=40)
network = compiled_network(built(settings_of(model="elman"), (0,), data), data.bank)
rows = torch.arange(12).unsqueeze(0)
alone = torch.cat([network.outputs(rows[:, i : i + 1]) for i in range(12)], dim=1)
assert network.outputs(rows).equal(alone)
print(native().compiler)
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions of x86-64")
@pytest.mark.parametrize("flags", ["-mno-avx512f -mtune=znver2", "-mno-avx512f -mno-avx"])
@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_a_sample_has_the_same_bits_alone_whatever_compiles_the_code(
    compiler: str, flags: str, fresh: Path, tmp_path: Path
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    other = tmp_path / "other"
    other.write_text(f'#!{shutil.which("sh")}\nexec {compiler} "$@" {flags}\n')
    other.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", SAME_BITS],
        env={**os.environ, "CXX": str(other), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_without_a_compiler_it_says_so_once_and_goes_on(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert build.native() is None
    assert (
        "there is no C++ compiler: dense and recurrent networks train in PyTorch"
        in capsys.readouterr().err
    )
    assert not fresh.exists()


def test_a_compiler_that_fails_is_named_with_its_reason(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.write_text(f"#!{shutil.which('sh')}\necho >&2 'error: unknown option'\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert build.native() is None
    assert f"{broken} does not compile it (error: unknown option)" in capsys.readouterr().err


def test_the_switch_turns_it_off(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(build.SWITCH, "off")
    assert build.native() is None
    assert not fresh.exists()


def test_an_edit_of_the_compiled_code_is_an_edit_of_the_training_code() -> None:
    found = find("nnbench.engine.native.build")
    assert found is not None
    assert [text.partition(" ")[0] for text in inputs_in(found)] == ["recurrent.hpp", "step.cpp"]


def test_a_batch_that_does_not_fit_the_memory_is_a_memory_error() -> None:
    """Like PyTorch's own, it makes the groups of replicates smaller."""
    data = tiny_data(SEEDS)
    network = compiled_network(built(settings_of(), SEEDS, data), data.bank)
    assert network is not None
    with pytest.raises(MemoryError):
        network.each(lambda replicate: int(replicate == 1))


@pytest.mark.parametrize(("device", "told"), [("auto", True), ("cpu", True), ("cuda", False)])
def test_the_plan_says_where_dense_networks_will_be_slow(
    device: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(tmp_path, claim())
    plan = dataclasses.replace(plan, config=plan.config.model_copy(update={"device": device}))
    assert list(machine_notes(plan)) == []
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert ["no C++ compiler" in note for note in machine_notes(plan)] == [True] * told
