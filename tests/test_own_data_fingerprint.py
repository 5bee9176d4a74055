"""A user's own data are known by their content, wherever and whenever they were written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from own_cases import FOLDER, csv_data, csv_text, described, draw_image, folder_data

from nnbench.datasets.own import description as own
from nnbench.datasets.own.description import content_fingerprint, dataset_at


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    before = content_fingerprint(path)
    (tmp_path / "images/.DS_Store").write_bytes(b"x")
    (tmp_path / "images/cat/.thumb").write_bytes(b"x")
    assert dataset_at(path).train_size + dataset_at(path).validation_size == 7
    assert content_fingerprint(path) == before


def test_the_fingerprint_is_that_of_names_and_contents(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    before = content_fingerprint(path)
    assert len(before) == 64
    image = tmp_path / "images/cat/0.png"
    image.rename(tmp_path / "images/cat/new.png")
    renamed = content_fingerprint(path)
    (tmp_path / "images/cat/new.png").rename(image)
    assert content_fingerprint(path) == before
    draw_image(image, colour=(1, 2, 3))
    changed = content_fingerprint(path)
    (tmp_path / "images/cat").rename(tmp_path / "images/cow")  # the same order of files
    other_class = content_fingerprint(path)
    (tmp_path / "images/cow/0.png").unlink()
    gone = content_fingerprint(path)
    described(tmp_path, FOLDER, split_seed=1)
    assert len({before, renamed, changed, other_class, gone, content_fingerprint(path)}) == 6


def test_the_fingerprint_does_not_depend_on_where_and_when(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = csv_data(tmp_path / name)
        os.utime(tmp_path / name / "t.csv", (1, 1) if name == "one" else (2e9, 2e9))
        found.append(content_fingerprint(path))
    assert found[0] == found[1]


def test_a_file_is_read_once_as_long_as_it_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv_data(tmp_path)
    before = content_fingerprint(path)
    hits = own._sha256_of.cache_info().hits
    assert content_fingerprint(path) == before
    assert own._sha256_of.cache_info().hits == hits + 1
    (tmp_path / "t.csv").write_text(csv_text(31))
    assert content_fingerprint(path) != before
