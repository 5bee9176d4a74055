"""A quota of CPU time counts as the cores that it is worth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nnbench.jobs import provenance
from nnbench.jobs.quota import NO_LIMIT, cpu_quota


def groups(folder: Path, memberships: str, files: dict[str, str]) -> float:
    """The quota where the kernel would show these files."""
    (folder / "cgroup").write_text(memberships)
    for name, content in files.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return cpu_quota(folder / "cgroup", folder / "fs")


V1 = "9:name=systemd:/\n3:cpuset:/\n1:cpu,cpuacct:/q\n0::/\n"


@pytest.mark.parametrize(
    ("memberships", "files", "quota"),
    {
        "version 2": ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5),
        "a group above": (
            "0::/a/b\n",
            {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"},
            0.5,
        ),
        "the tightest": (
            "0::/a/b\n",
            {"a/b/cpu.max": "300000 100000\n", "a/cpu.max": "400000 100000\n"},
            3.0,
        ),
        "in a container": ("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0),
        "version 1": (
            V1,
            {
                "cpu,cpuacct/q/cpu.cfs_quota_us": "50000\n",
                "cpu,cpuacct/q/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        "version 1, own folder": (
            "1:cpu:/host/path\n",
            {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            2.5,
        ),
        "version 1 without": (
            V1,
            {"cpu/q/cpu.cfs_quota_us": "-1\n", "cpu/q/cpu.cfs_period_us": "100000\n"},
            NO_LIMIT,
        ),
        "no limit": ("0::/\n", {"cpu.max": "max 100000\n"}, NO_LIMIT),
        "unreadable": ("0::/\n", {"cpu.max": "what\n"}, NO_LIMIT),
        "another controller": ("4:memory:/q\n", {"memory/q/cpu.max": "1 2"}, NO_LIMIT),
    }.values(),
)
def test_the_tightest_group_counts(
    tmp_path: Path, memberships: str, files: dict[str, str], quota: float
) -> None:
    assert groups(tmp_path, memberships, files) == quota


def test_a_system_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path) == NO_LIMIT


@pytest.mark.parametrize(("quota", "cores"), [(0.5, 1), (1.5, 1), (2.0, 2), (3.9, 3), (64.0, 4)])
def test_cores_are_those_of_the_affinity_and_no_more_than_the_quota(
    monkeypatch: pytest.MonkeyPatch, quota: float, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 5, 7}, raising=False)
    monkeypatch.setattr(provenance, "cpu_quota", lambda: quota)
    assert provenance.cores_there() == cores
