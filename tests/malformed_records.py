"""Malformed files of well-known datasets, of jobs, and of the report; each has the checksum that guards it."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from made_up_plan import CLAIM, made_up_record, planned
from made_up_plan import store as store_record
from made_up_results import made_up_results
from malformed import damaged, retyped
from malformed_cases import Case, case, file_case, unzipped, zipped

from nnbench.audit.compare import compare
from nnbench.audit.text import compare_text
from nnbench.cells.cell import canonical, make_cell, read_cell
from nnbench.datasets import digits
from nnbench.datasets.cifar import CIFAR10_FILES
from nnbench.datasets.mnist import MNIST_FILES
from nnbench.datasets.prepared import store
from nnbench.datasets.sources.images import ImageFiles
from nnbench.engine import checkpoint
from nnbench.errors import NnbenchError
from nnbench.experiments.measured import Search
from nnbench.records.results import read_results
from nnbench.records.store import SCHEMA_VERSION, read_record
from nnbench.report.write import write_report
from nnbench.settings import Settings
from nnbench.verdicts.judge import gather, judge, write_results
from nnbench.verdicts.tables import write_tables

# --- well-known data; torchvision reads none of it unless its MD5 is the published one


def damaged_file(source: ImageFiles, folder: Path, name: str, good: bytes) -> Case:
    """All files have the right checksum, but for one that is damaged in every way."""
    below = folder / source.folder
    below.mkdir(parents=True)
    for other in source.md5:
        (below / other).write_bytes(good)
    md5 = hashlib.md5(good).hexdigest()  # noqa: S324 - the authors' choice
    known = replace(source, md5=dict.fromkeys(source.md5, md5))

    def load(content: bytes) -> None:
        (below / name).write_bytes(content)
        known.load(folder, may_download=False)

    inputs = damaged(good[:150]).map(lambda head: head + good[150:]).filter(lambda c: c != good)
    return Case(inputs=inputs, load=load, names=(f"{name} is truncated or damaged",))


@case("IDX files (MNIST)")
def idx_files(folder: Path) -> Case:
    sizes = [(0x0803).to_bytes(4, "big"), *(n.to_bytes(4, "big") for n in (5, 28, 28))]
    good = b"".join(sizes) + bytes(5 * 784)
    return damaged_file(MNIST_FILES, folder, "train-images-idx3-ubyte", good)


@case("pickled batches (CIFAR)")
def cifar_batches(folder: Path) -> Case:
    good = pickle.dumps({b"labels": [0, 1], b"data": np.zeros((2, 3072), np.uint8)}, 2)
    return damaged_file(CIFAR10_FILES, folder, "data_batch_1", good)


# --- what jobs leave for one another


def load_all(folder: Path) -> None:
    store.is_whole(folder)
    for load in (store.load_samples, store.load_test, store.load_trainval):
        load(folder)


@case("prepared data: the manifest's bytes")
def manifest_bytes(folder: Path) -> Case:
    store.prepare(digits.DATASET, folder / "d", data_folder=None, download=False)
    path = folder / "d/manifest.json"
    return file_case(path, lambda: load_all(path.parent), names=("manifest.json", ".npz"))


@case("prepared data: the manifest's fields")
def manifest_tree(folder: Path) -> Case:
    manifest = store.prepare(digits.DATASET, folder / "d", data_folder=None, download=False)

    def load(data: Any) -> None:
        (folder / "d/manifest.json").write_text(json.dumps(data), encoding="utf-8")
        load_all(folder / "d")

    names = ("manifest.json", ".npz")
    return Case(
        inputs=retyped(json.loads(json.dumps(manifest.model_dump(mode="json")))),
        load=load,
        names=names,
    )


@case("prepared data: arrays with a right checksum")
def prepared_arrays(folder: Path) -> Case:
    manifest = store.prepare(
        digits.DATASET, folder / "d", data_folder=None, download=False
    ).model_dump(mode="json")
    path = folder / "d/samples.npz"
    parts = unzipped(path.read_bytes())

    def load(content: bytes) -> None:
        path.write_bytes(content)
        files = {**manifest["files"], path.name: hashlib.sha256(content).hexdigest()}
        (folder / "d/manifest.json").write_text(json.dumps({**manifest, "files": files}))
        store.load_samples(folder / "d")

    heads = st.sampled_from(sorted(parts)).flatmap(
        lambda name: damaged(parts[name][:200]).map(
            lambda head: zipped({**parts, name: head + parts[name][200:]})
        )
    )
    return Case(
        inputs=st.one_of(damaged(path.read_bytes()), heads), load=load, names=("samples.npz",)
    )


@case("cell's document, its text")
def cell_text(folder: Path) -> Case:
    content = make_cell("digits", Settings()).to_json().encode()

    def load(data: bytes) -> None:
        read_cell(data.decode("utf-8", "replace"))

    return Case(inputs=damaged(content), load=load, names=("cell",))


@case("cell's document with a right id")
def cell_tree(folder: Path) -> Case:
    search = Search(candidates=({"lr": 0.1}, {"lr": 0.2}), seeds=(7, 8))
    good = make_cell("digits", Settings(), search=search).model_dump(mode="json")

    def load(data: Any) -> None:
        read_cell(json.dumps(with_id(data)))

    return Case(inputs=retyped(good), load=load, names=("cell",), examples=120)


def with_id(cell: Any) -> Any:
    try:
        content = canonical({key: cell[key] for key in cell if key != "id"})
        return {**cell, "id": hashlib.sha256(content.encode()).hexdigest()[:16]}
    except (TypeError, ValueError):
        return cell


@case("record, its bytes")
def record_bytes(folder: Path) -> Case:
    plan = planned(folder, CLAIM, seeds=5)
    cell = next(iter(plan.cells.values()))
    path = store_record(plan, cell, made_up_record(cell, {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5]}))
    return file_case(path, lambda: read_record(path))


@case("record with a right checksum, read and judged")
def record_tree(folder: Path) -> Case:
    plan = planned(folder, {**CLAIM, "settings": {"train_for": "1 epoch"}}, seeds=5)
    metrics = {"test_loss": [0.1, 0.2, 0.3, 0.4, 0.5], "test_accuracy": [0.9] * 5}
    samples = {"losses": dict.fromkeys("01234", "ADwAQA=="), "hits": dict.fromkeys("01234", "gA==")}
    more = {"samples": {**samples, "groups": "AAAAAAEAAAA="}, "test_samples": 2}
    paths = [store_record(plan, c, made_up_record(c, metrics, **more)) for c in plan.cells.values()]
    good = read_record(paths[0]).model_dump(mode="json")

    def load(record: Any) -> None:
        paths[0].write_bytes(sealed(record))
        evidence = gather(plan)  # a record that is refused counts as missing
        write_tables(evidence, folder / "results/aggregate")
        write_results(judge(plan, evidence), folder / "reports/results.json")
        read_results(folder / "reports/results.json")
        read_record(paths[0])

    return Case(inputs=retyped(good), load=load, names=("record-0-4.json",), examples=90)


def sealed(record: Any) -> bytes:
    """A record's file as someone would write it who knows the format, NaN and all."""
    body = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    head = {"schema_version": SCHEMA_VERSION, "sha256": hashlib.sha256(body).hexdigest()}
    return json.dumps(head, separators=(",", ":"))[:-1].encode() + b',"record":' + body + b"}\n"


@case("interrupted cell's state with a right checksum")
def checkpoint_bytes(folder: Path) -> Case:
    import torch

    path = folder / "checkpoint.pt"
    state = {"weights": torch.zeros(3, 4), "generator": torch.Generator().get_state()}
    checkpoint.write(path, {"identity": {"a": 1}, "done": {"x": [1.0]}, "state": ("part", state)})
    assert checkpoint.load(path)
    body = path.read_bytes()[len(checkpoint.HEAD) + checkpoint.DIGEST :]
    parts = unzipped(body)
    (program,) = (name for name in parts if name.endswith("data.pkl"))
    legacy = pickle.dumps({"identity": {}, "done": {}, "state": ("part", {})}, protocol=2)

    def load(content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest().encode()
        path.write_bytes(checkpoint.HEAD + digest + content)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            if checkpoint.load(path) is None:
                raise NnbenchError(said.getvalue())  # said, not raised: the cell starts anew

    inside = damaged(parts[program]).map(lambda data: zipped({**parts, program: data}))
    inputs = st.one_of(damaged(body), inside, damaged(legacy))
    return Case(inputs=inputs, load=load, names=("checkpoint.pt",), examples=240)


# --- the report's input


def small_results() -> dict[str, Any]:
    results = copy.deepcopy(made_up_results())
    results["claims"] = results["claims"][:1]
    for claim in results["claims"]:
        claim["results"] = claim["results"][:1]
    results["provenance"]["datasets"] = results["provenance"]["datasets"][:2]
    return results


@case("results.json, its bytes")
def results_bytes(folder: Path) -> Case:
    path = folder / "results.json"
    return file_case(path, lambda: read_results(path), json.dumps(small_results()).encode())


@case("results.json, its fields")
def results_tree(folder: Path) -> Case:
    path = folder / "results.json"

    def load(data: Any) -> None:
        path.write_text(json.dumps(data), encoding="utf-8")
        read_results(path)

    return Case(inputs=retyped(small_results()), load=load, names=("results.json",), examples=150)


@case("results.json, compared with another")
def results_compared(folder: Path) -> Case:
    path, other = folder / "results.json", folder / "other.json"
    other.write_text(json.dumps(small_results()), encoding="utf-8")

    def load(data: Any) -> None:
        path.write_text(json.dumps(data), encoding="utf-8")
        compare_text(compare(other, path), names=("a", "b"))

    return Case(inputs=retyped(small_results()), load=load, names=("results.json",))


@case("results.json with right types, shown")
def results_shown(folder: Path) -> Case:
    path = folder / "results.json"

    def load(data: Any) -> None:
        path.write_text(json.dumps(data), encoding="utf-8")
        write_report(read_results(path), folder / "reports")

    names = ("results.json",)
    return Case(inputs=retyped(small_results()), load=load, names=names, examples=25)
