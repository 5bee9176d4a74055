"""Data are data: an image starts no program, an archive leaves no folder, and no promise takes memory."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.client import HTTPException
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from malformed import watched
from own_cases import CSV, FOLDER, FRUIT, csv_data, described, folder_data, npz_data, refused
from PIL import Image

from nnbench.datasets import digits
from nnbench.datasets.cifar import CIFAR10_FILES
from nnbench.datasets.mnist import MNIST_FILES
from nnbench.datasets.own.description import content_fingerprint
from nnbench.datasets.prepared import files, store
from nnbench.datasets.sources import images
from nnbench.errors import NnbenchError

# --- a user's own data


def test_no_image_starts_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow hands EPS to Ghostscript; here one lies in wait."""
    ghostscript = tmp_path / "bin/gs"
    ghostscript.parent.mkdir()
    ghostscript.write_text(f"#!/bin/sh\ntouch '{tmp_path}/executed'\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(ghostscript.parent), prepend=os.pathsep)
    path = folder_data(tmp_path)
    Image.new("RGB", (6, 4)).save(tmp_path / "images/cat/0.png", "EPS")
    with watched(tmp_path):
        refused(r"1 files cannot be read...cat/0\.png...none of BMP, GIF", path)
    assert not (tmp_path / "executed").exists()


def test_an_image_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    (tmp_path / "images/cat/0.png").write_bytes(b"P6 100000 100000 255\n")
    refused("1 files cannot be read...far too many pixels", path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda p: socket.socket(socket.AF_UNIX).bind(str(p))])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_nobody_waits_for_a_file_that_is_none(
    make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder_data(tmp_path)
    monkeypatch.chdir(tmp_path / "images/cat")  # a socket's name may not be long
    Path("0.png").unlink()
    make(Path("0.png"))
    with watched(tmp_path):
        refused("1 files cannot be read...no regular file", path)


def test_links_in_circles_end(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    for name in ("a", "b", "c"):
        (tmp_path / "images/cat" / name).symlink_to(tmp_path / "images")
    with watched(tmp_path):
        assert content_fingerprint(path)
        refused("has folders inside a class folder", path)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNPACKED_ALWAYS", 10_000)
    path = npz_data(tmp_path)
    np.savez_compressed(tmp_path / "a.npz", inputs=np.zeros((500, 1000)), labels=np.arange(500) % 2)
    refused("cannot be read as an npz...bytes unpack to...savez", path)


def test_an_array_takes_no_memory_for_what_it_only_promises(tmp_path: Path) -> None:
    path = npz_data(tmp_path)
    head = io.BytesIO()
    fields = {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2**10)}
    np.lib.format.write_array_header_1_0(head, fields)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("inputs.npy", head.getvalue())
    refused("promises 9007199254740992 bytes and has 0", path)


@pytest.mark.parametrize("name", ["a\x07b", "x" * 101, "\u202eexe"])
def test_a_class_that_cannot_be_printed_is_named(name: str, tmp_path: Path) -> None:
    rows = "".join(f"{n},{name if n % 2 else FRUIT[0]}\n" for n in range(20))
    refused("1 class names cannot be printed", csv_data(tmp_path, f"width,kind\n{rows}"))


def test_a_class_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    try:
        os.rename(tmp_path / "images/cat", os.fsencode(tmp_path) + b"/images/c\xff")  # noqa: PTH104
    except OSError:
        pytest.skip("this file system takes Unicode alone")
    refused(r"class names cannot be printed...udcff", path)


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "a/" * 3000, "../" * 20 + "nowhere.csv"])
def test_a_path_that_cannot_be_is_no_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").touch()
    refused("path: no such file", described(tmp_path, CSV, path=name))
    refused("path: no such folder", described(tmp_path, FOLDER, path=name))


def test_a_table_of_many_classes_is_told_at_once(tmp_path: Path) -> None:
    rows = "".join(f"{n},name{n}\n" for n in range(100_000))
    path = csv_data(tmp_path, f"width,kind\n{rows}")
    with watched(tmp_path):  # looking every name up in a list would take minutes
        refused("too few samples of a class", path)


# --- downloads and prepared data


class Quiet(SimpleHTTPRequestHandler):
    """A web server that says nothing."""

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[str]:
    """The address of an archive, on this machine, that would write beside its folder."""
    (tmp_path / "web").mkdir()
    with tarfile.open(tmp_path / "web/evil.tar.gz", "w:gz") as tar:
        for name in ("../escaped", *CIFAR10_FILES.md5):
            tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    handler = partial(Quiet, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/evil.tar.gz"
        server.shutdown()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # torchvision leaves a connection open
def test_an_archive_is_not_unpacked_before_its_checksum_is_right(
    evil: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = pytest.importorskip("torchvision.datasets").CIFAR10
    monkeypatch.setattr(kind, "url", evil)
    with pytest.raises(NnbenchError, match=r"the download to .* failed(.|\n)*corrupted"):
        CIFAR10_FILES.load(tmp_path / "data", True)
    assert [path.name for path in (tmp_path / "data").rglob("*")] == ["cifar-10-python.tar.gz"]
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize(
    "broken", [EOFError, HTTPException, OSError, RuntimeError, tarfile.ReadError, zlib.error]
)
def test_a_download_that_breaks_off_is_told(
    broken: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(_self: Any) -> None:
        raise broken("in the middle")

    kind = pytest.importorskip("torchvision.datasets").CIFAR10
    monkeypatch.setattr(kind, "download", download)
    with pytest.raises(NnbenchError, match=r"failed(.|\n)*in the middle"):
        CIFAR10_FILES.load(tmp_path, True)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / next(iter(MNIST_FILES.md5))
    with path.open("wb") as file:
        file.truncate(images.LARGEST_BYTES + 1)  # without taking room on the disk
    with pytest.raises(NnbenchError, match="at most 536870912"):
        MNIST_FILES.read_checked(path)


def test_a_full_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f/a").write_bytes(b"")
    source = replace(MNIST_FILES, folder="f", md5={"a": hashlib.md5(b"").hexdigest()})  # noqa: S324
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(NnbenchError, match=r"/f cannot be loaded(.|\n)*got: .*nowhere"):
        source.load(tmp_path, may_download=False)


def test_prepared_samples_are_those_of_the_manifest_whatever_their_checksum(tmp_path: Path) -> None:
    store.prepare(digits.DATASET, tmp_path, data_folder=None, download=False)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    wrong = files.npz_bytes(
        {"inputs": np.zeros((3, 1, 8, 8), np.uint8), "labels": np.array([0, 1, 10])}
    )
    (tmp_path / "test.npz").write_bytes(wrong)
    manifest["files"]["test.npz"] = files.sha256(wrong)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NnbenchError, match="other samples than its manifest says"):
        store.load_test(tmp_path)


def test_a_manifest_names_no_file_elsewhere(tmp_path: Path) -> None:
    store.prepare(digits.DATASET, tmp_path, data_folder=None, download=False)
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    manifest["files"]["../../other.npz"] = "0" * 64
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(NnbenchError, match="cannot be read as a manifest"):
        store.read_manifest(tmp_path)
