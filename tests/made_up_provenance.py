"""The made-up machine, versions and datasets of ``made_up_results``."""

from __future__ import annotations

import math
from typing import Any


def _ring(radius: float, *, size: int = 16) -> list[list[int]]:
    """A grey ring, a stand-in for a written digit."""
    middle = (size - 1) / 2

    def pixel(y: int, x: int) -> int:
        distance = abs(math.hypot(y - middle, x - middle) - radius)
        return max(0, int(255 * (1 - distance / 2)))

    return [[pixel(y, x) for x in range(size)] for y in range(size)]


def _wave(label: int) -> list[float]:
    return [round(math.sin((x + 3 * label) / (2 + label / 3)), 4) for x in range(40)]


def _dataset(
    name: str, title: str, *, classes: int, samples: list[dict[str, Any]]
) -> dict[str, Any]:
    fixed = name == "mnist5k"
    shape = {"mnist5k": [1, 16, 16], "mnist1d": [40], "coin_flip": [10], "diabetes": [10]}[name]
    return {
        "name": name, "title": title, "source": "made up for the tests", "licence": "CC0",
        "kind": "fixed" if fixed else "generated", "input_shape": shape,
        "task": "classification", "target_name": "", "target_unit": "",
        "class_names": [str(k) for k in range(classes)],
        "sizes": {"trainval": 4000, "test": 1000},
        "class_counts": {"trainval": [4000 // classes + k for k in range(classes)],
                         "test": [1000 // classes] * classes},
        "sha256": {"trainval": "ab" * 32, "test": "cd" * 32}, "samples": samples,
    }  # fmt: skip


def made_up_datasets() -> list[dict[str, Any]]:
    """One set of images, one of signals, one of plain features."""
    images = [{"label": k, "pixels": _ring(1.5 + k / 2)} for k in range(10)]
    signals = [{"label": k, "values": _wave(k)} for k in range(10)]
    features = [{"label": k, "values": _wave(k)[:10]} for k in range(2)]
    return [
        _dataset("mnist5k", "MNIST-5k", classes=10, samples=images),
        _dataset("mnist1d", "MNIST-1D", classes=10, samples=signals),
        _dataset("coin_flip", "Coin flips", classes=2, samples=features),
        _regression(),
    ]


def _regression() -> dict[str, Any]:
    """Numbers to predict in place of classes."""
    rows = [{"label": 25.0 + 3 * k, "values": _wave(k)[:10]} for k in range(20)]
    return _dataset("diabetes", "Diabetes", classes=2, samples=rows) | {
        "task": "regression", "target_name": "progression", "target_unit": "", "class_names": [],
        "class_counts": {},
    }  # fmt: skip


def made_up_provenance() -> dict[str, Any]:
    """Provenance of a run that never took place."""
    return {
        "nnbench_version": "0.1.0", "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "git_dirty": True, "config": {"tier": "default", "seeds": 10, "only": ["*"]},
        "config_sha256": "ef" * 32, "tier": "default", "seeds": 10, "tuning_seeds": 3,
        "generated": "2026-11-21T08:00:00+00:00",
        "run": {
            "cells": 42, "first_start": "2026-11-21T07:46:28+00:00",
            "last_end": "2026-11-21T08:00:00+00:00", "wall_seconds": 812.0, "busy_seconds": 1500.0,
            "train_seconds": 1400.0, "evaluate_seconds": 80.0, "load_seconds": 20.0,
            "peak_memory_mb": 900.0,
        },
        "machines": [{
            "hostname": "example", "cpu": "Example CPU", "cores": 8, "memory_gb": 24.0,
            "platform": "Linux-6.1-x86_64", "device": "cpu", "device_name": "Example CPU",
            "threads": 1, "cells": 42,
        }],
        "versions": [{
            "python": "3.11.7", "torch": "2.15.0", "torchvision": "0.30.0", "numpy": "2.4.0",
            "cuda": None, "cudnn": None, "cells": 42,
        }],
        "flags": {"deterministic": True, "tf32": False},
        "datasets": made_up_datasets(),
        "rejected_records": [{"cell": "00000000deadbeef", "reason": "checksum does not match"}],
        "missing_cells": [
            {"cell": "0000000000c0ffee", "claims": ["loss/depth"], "reason": "no record"}
        ],
    }  # fmt: skip
