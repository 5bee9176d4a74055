"""The file of a checkpoint: whole, of the same cell and machine, and nothing in it is executed."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from nnbench.engine.checkpoint import Checkpoint, load, write

IDENTITY = {"cell": "0123456789abcdef", "torch": "2"}


def saved(path: Path, **changes: Any) -> dict[str, Any]:
    state = {"weights": [torch.arange(4.0), torch.tensor(torch.nan)], "seconds": 1.5}
    content = {"identity": IDENTITY, "done": {"a": [1, None, 0.1]}, "state": ("b", state)}
    write(path, {**content, **changes})
    return content


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    saved(path)
    found = load(path)
    assert found is not None
    assert (found["identity"], found["done"]) == (IDENTITY, {"a": [1, None, 0.1]})
    assert found["state"][1]["weights"][0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_the_state_of_another_machine_or_version_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checkpoint.pt"
    saved(path)
    checkpoint = Checkpoint(path)
    checkpoint.open({**IDENTITY, "torch": "3"})
    assert not checkpoint.resumed
    assert checkpoint.saved("b") is None
    assert "of another machine or version; the cell starts anew" in capsys.readouterr().err
    checkpoint.open(IDENTITY)
    assert checkpoint.resumed
    assert checkpoint.once("a", list) == [1, None, 0.1]
    assert checkpoint.saved("c") is None
    assert checkpoint.saved("b") is not None


@pytest.mark.parametrize("place", ["head", "digest", "middle", "last byte", "truncated", "empty"])
def test_a_damaged_checkpoint_is_named_and_the_cell_starts_anew(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "checkpoint.pt"
    saved(path)
    content = bytearray(path.read_bytes())
    at = {"head": 3, "digest": 30, "middle": len(content) // 2, "last byte": -1}.get(place)
    if at is not None:
        content[at] ^= 0x10
    path.write_bytes({"truncated": content[:-100], "empty": b""}.get(place, content))
    assert load(path) is None
    assert f"{path}: not a usable checkpoint" in capsys.readouterr().err


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (os.environ["EVIL"],))


def test_nothing_in_a_checkpoint_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checksum is right, as anybody could make it."""
    monkeypatch.setenv("EVIL", str(tmp_path / "executed"))
    saved(tmp_path / "checkpoint.pt", done={"a": Evil()})
    assert load(tmp_path / "checkpoint.pt") is None
    assert "not a usable checkpoint" in capsys.readouterr().err
    assert not (tmp_path / "executed").exists()
    unsafe = io.BytesIO((tmp_path / "checkpoint.pt").read_bytes()[85:])
    torch.load(unsafe, weights_only=False)  # the trap works: this is what must not happen
    assert (tmp_path / "executed").exists()
