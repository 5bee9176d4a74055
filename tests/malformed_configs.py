"""Malformed configs, claims, and data of a user's own."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st
from made_up_plan import CLAIM, TUNED, document
from malformed import damaged, retyped
from malformed_cases import Case, case, file_case, unzipped, zipped
from own_cases import CSV, FOLDER, NPZ, csv_text, folder_data, npz_arrays
from PIL import Image

from nnbench.claims.config import parse_config, read_config
from nnbench.datasets.base import check_pools
from nnbench.datasets.own.description import content_fingerprint, dataset_at
from nnbench.plan.plan import make_plan

DOCUMENT = document({
    "c0": {**CLAIM, "controls": {"k": {"l1": 0.1}}, "links": ["paper/c1"], "margin": 0.05}
    | {"settings": {"train_for": "2 epochs", "shifts": {"turned": {"rotation_degrees": 10.0}}}},
    "c1": {**CLAIM, **TUNED, "variants": {"v": {"title": "t", "margin": 0.2}}},
    "c2": {"title": "t", "quote": "q", "kind": "differs", "margin": 0.05, "metric": "images_per_second",
           "datasets": {"random_inputs": {}}, "levels": {"A": {"at": "A"}, "B": {"at": "B"}},
           "settings": {"experiment": "inference_speed",
                        "experiment_options": {"models": {"A": "alexnet", "B": "resnet18"}}}},
    "c3": {"title": "t", "quote": "q", "kind": "best", "better": ["g"], "than": ["p"],
           "datasets": {"digits": {}},
           "levels": {"p": {}, "g": {"pick": {"by": "validation_loss", "grid": {"lr": [0.1, 0.2]}}}}},
})  # fmt: skip
ANY = ("config", "paper", "dataset")  # a wrong value shows where it is used


def config_in(folder: Path) -> dict[str, Any]:
    (folder / "paper.yaml").write_text(yaml.safe_dump(DOCUMENT, sort_keys=False), encoding="utf-8")
    return {
        "documents": [str(folder / "paper.yaml")], "only": ["*"], "tier": "default", "seeds": 5,
        "device": "cpu", "reference": {"hidden": [16]}, "overrides": {"paper/c0": {"margin": 0.1}},
        "dataset_settings": {"digits": {"batch_size": 16}}, "instead": {"digits": ["mnist5k"]},
        "results": "results", "reports": "reports", "data_folder": "data", "download": False,
    }  # fmt: skip


@case("config.yaml, its bytes")
def config_bytes(folder: Path) -> Case:
    path = folder / "config.yaml"
    content = yaml.safe_dump(config_in(folder)).encode()
    return file_case(path, lambda: make_plan(read_config(str(path))), content, names=ANY)


@case("config, as Snakemake gives it")
def config_tree(folder: Path) -> Case:
    return Case(
        inputs=retyped(config_in(folder)), load=lambda d: make_plan(parse_config(d)), names=ANY
    )


@case("config, as JSON on the command line")
def config_json(folder: Path) -> Case:
    content = json.dumps(config_in(folder)).encode()

    def load(data: bytes) -> None:
        make_plan(read_config("{" + data.decode("utf-8", "replace")))

    return Case(inputs=damaged(content[1:]), load=load, names=ANY)


@case("config file laid over another")
def config_over(folder: Path) -> Case:
    (folder / "config.yaml").write_text(yaml.safe_dump(config_in(folder)), encoding="utf-8")
    path = folder / "over.yaml"
    content = b"seeds: 7\nreference: {lr: 0.1}\nonly: [paper/*]\n"
    return file_case(
        path,
        lambda: make_plan(read_config(f"{folder}/config.yaml", str(path))),
        content,
        names=(*ANY, path.name),
    )


@case("claims file, its bytes")
def claims_bytes(folder: Path) -> Case:
    config = parse_config(config_in(folder))
    return file_case(folder / "paper.yaml", lambda: make_plan(config), names=ANY)


@case("claims file, its fields")
def claims_tree(folder: Path) -> Case:
    config = parse_config(config_in(folder))

    def load(data: Any) -> None:
        text = yaml.safe_dump(data, sort_keys=False)
        (folder / "paper.yaml").write_text(text, encoding="utf-8")
        make_plan(config)

    return Case(inputs=retyped(DOCUMENT), load=load, names=ANY, examples=120)


# --- a user's own data


def read_own(path: Path) -> None:
    dataset = dataset_at(path)
    assert dataset.load is not None
    check_pools(dataset, dataset.load(None, False))
    content_fingerprint(path)


def own_in(folder: Path) -> None:
    (folder / "t.csv").write_text(csv_text(), encoding="utf-8")
    np.savez(folder / "a.npz", **npz_arrays())
    folder_data(folder)


@case("description of own data, its bytes")
def own_bytes(folder: Path) -> Case:
    own_in(folder)
    path = folder / "mine.yaml"
    more = {"test_share": 0.3, "train_size": 10, "features": ["width"]}
    content = yaml.safe_dump({**CSV, **more}).encode()
    names = ("mine.yaml", "t.csv", "images")
    return file_case(path, lambda: read_own(path), content, names=names)


@case("description of own data, its fields")
def own_tree(folder: Path) -> Case:
    own_in(folder)
    path = folder / "mine.yaml"

    def load(data: Any) -> None:
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        read_own(path)

    inputs = st.one_of(*(retyped(dict(spec)) for spec in (CSV, NPZ, FOLDER)))
    names = ("mine.yaml", "t.csv", "a.npz", "images", "passwd", "etc", "dataset")
    return Case(inputs=inputs, load=load, names=names)


def described_in(folder: Path, spec: Mapping[str, Any]) -> Path:
    own_in(folder)
    (folder / "mine.yaml").write_text(yaml.safe_dump(dict(spec)), encoding="utf-8")
    return folder / "mine.yaml"


@case("own table (CSV)")
def own_csv(folder: Path) -> Case:
    path = described_in(folder, CSV)
    return file_case(folder / "t.csv", lambda: read_own(path), names=("t.csv", "mine.yaml"))


@case("own arrays (npz), its bytes")
def own_npz(folder: Path) -> Case:
    path = described_in(folder, NPZ)
    return file_case(folder / "a.npz", lambda: read_own(path), names=("a.npz",))


@case("own arrays (npz), what lies inside")
def own_npz_inside(folder: Path) -> Case:
    path = described_in(folder, NPZ)
    parts = unzipped((folder / "a.npz").read_bytes())

    def load(data: tuple[str, bytes]) -> None:
        name, head = data
        changed = {**parts, name: head + parts[name][128:]}  # numpy pads heads to 128 bytes
        (folder / "a.npz").write_bytes(zipped(changed))
        read_own(path)

    inputs = st.sampled_from(sorted(parts)).flatmap(
        lambda name: st.tuples(st.just(name), damaged(parts[name][:128]))
    )
    return Case(inputs=inputs, load=load, names=("a.npz", "mine.yaml"), examples=120)


def picture(kind: str) -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    image, buffer = Image.fromarray(values), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = 6  # turned: its values are read, too
    more = {"exif": exif} if kind in ("JPEG", "PNG", "TIFF", "WEBP") else {}
    image.save(buffer, kind, **more)
    return buffer.getvalue()


@case("own images")
def own_images(folder: Path) -> Case:
    path = described_in(folder, FOLDER)
    kinds = ("BMP", "EPS", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")

    def load(data: bytes) -> None:
        (folder / "images/cat/0.png").write_bytes(data)
        read_own(path)

    inputs = st.one_of(*(damaged(picture(kind)) for kind in kinds))
    return Case(inputs=inputs, load=load, names=("images",), examples=240)
