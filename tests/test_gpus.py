"""The pool of GPUs that jobs share: what CUDA would make visible, by names that every process understands."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_gpus import A, B, nvidia_smi, two_gpus, without_nvidia_smi

from nnbench.errors import NnbenchError
from nnbench.jobs import lease
from nnbench.jobs.lease import visible_among, visible_gpus

MIG = "MIG-1fb2a3c4-5d6e-5f70-8192-a3b4c5d6e7f8"
MANY = settings(max_examples=500, deadline=None, derandomize=True, database=None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    two_gpus(tmp_path, monkeypatch)
    return tmp_path


@pytest.mark.parametrize(
    ("named", "pool"),
    [
        ("", []),
        (" ", []),
        ("-1", []),
        ("NoDevFiles", []),  # SLURM's word for none
        ("0", [A]),
        ("1,0", [B, A]),
        (" 1 , 0 ", [B, A]),
        ("0,2,1", [A]),  # what follows an invalid entry is invisible
        ("0,-1,1", [A]),
        ("1,1", []),
        (A, [A]),
        ("GPU-8932", [A]),
        ("GPU-8a44,GPU-8932", [B, A]),
        ("GPU-8", []),  # of both
        ("GPU-8932,GPU-8932f", []),  # twice the same
        ("GPU-8932,1", [A]),  # the first entry says of which kind all are
        ("0,GPU-8a44", [A]),
        ("GPU-77,GPU-8932", []),
        (MIG, [MIG]),
        (f"{MIG},MIG-{A}/1/0", [MIG, f"MIG-{A}/1/0"]),
        (f"{MIG},0", [MIG]),
    ],
)
def test_the_pool_is_what_cuda_makes_visible(
    named: str, pool: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus() == tuple(pool)


UUIDS = ("GPU-aa", "GPU-ab", "GPU-b", "GPU-bc")
ENTRIES = st.sampled_from(
    [*UUIDS, "GPU-", "GPU-a", "GPU-aaa", "MIG-x", "MIG-y/1/0", "", " ", "x", "-1", "0", "1", " 2",
     "3 ", "4", "01", "+1", "1gpu2", "99999999999", "GPU-aa "]
)  # fmt: skip


@MANY
@given(st.lists(ENTRIES, max_size=5).map(",".join), st.integers(0, len(UUIDS)))
def test_the_pool_is_read_as_pytorch_reads_it(named: str, count: int) -> None:
    uuids = list(UUIDS[:count])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUDA_VISIBLE_DEVICES", named)
        parsed = torch.cuda._parse_visible_devices()
    listed = {str(index): uuid for index, uuid in enumerate(uuids)}
    assert visible_among(named, None) == tuple(map(str, parsed))
    if parsed and isinstance(parsed[0], str):
        if parsed[0].startswith("GPU-"):
            wanted = torch.cuda._transform_uuid_to_ordinals(parsed, uuids)
            assert visible_among(named, listed) == tuple(uuids[index] for index in wanted)
        else:
            assert visible_among(named, listed) == tuple(parsed)
        return
    seen = next((place for place, index in enumerate(parsed) if index >= count), len(parsed))
    assert visible_among(named, listed) == tuple(uuids[index] for index in parsed[:seen])


@MANY
@given(st.text(max_size=30), st.booleans())
def test_any_text_gives_a_pool_of_distinct_gpus(named: str, known: bool) -> None:
    pool = visible_among(named, {"0": A, "1": B} if known else None)
    assert len(set(pool)) == len(pool)
    assert all(pool)


def test_without_the_variable_the_pool_is_what_nvidia_smi_lists() -> None:
    assert visible_gpus() == (A, B)


def test_without_nvidia_smi_the_pool_is_what_the_variable_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_nvidia_smi(monkeypatch, folder)
    assert visible_gpus() == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert visible_gpus() == ("3", "1")


@pytest.mark.parametrize(
    "script",
    ["echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9",
     "echo 'No devices were found'", "exit 6", f"echo '0, {A}'; exit 1"],
)  # fmt: skip
def test_an_nvidia_smi_that_fails_names_no_gpu(folder: Path, script: str) -> None:
    nvidia_smi(folder, script)
    assert visible_gpus() == ()


def test_an_nvidia_smi_that_hangs_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(folder, "exec sleep 600")
    monkeypatch.setattr(lease, "NVIDIA_SMI_SECONDS", 0.1)
    with pytest.raises(NnbenchError, match=r"nvidia-smi does not answer(.|\n)*device: cpu"):
        visible_gpus()
