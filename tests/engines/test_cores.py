"""How many workers a pool has by itself: as many as there are cores for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from blanklogo.engines.pool.cores import num_cores

V2 = "0::/{}\n"
V1 = "12:memory:/{0}\n5:cpuset:/{0}\n3:cpu,cpuacct:/{0}\n1:name=systemd:/{0}\n"


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eight cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("files", "number"),
    [
        ({}, 8),
        ({"proc/self/cgroup": V2.format("")}, 8),
        ({"proc/self/cgroup": V2.format(""), "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": V2.format(""), "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"proc/self/cgroup": V2.format(""), "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": V2.format(""), "sys/fs/cgroup/cpu.max": "299000 100000\n"}, 2),
        ({"proc/self/cgroup": V2.format(""), "sys/fs/cgroup/cpu.max": "9900000 100000\n"}, 8),
        ({"proc/self/cgroup": V2.format("a/b"), "sys/fs/cgroup/a/b/cpu.max": "300000 100000\n"}, 3),
        (
            {
                "proc/self/cgroup": V2.format("a/b"),
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
                "sys/fs/cgroup/a/cpu.max": "400000 100000\n",
            },
            4,
        ),
        (
            {
                "proc/self/cgroup": V1.format("docker/f00"),  # of which a container sees the end alone
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        (
            {
                "proc/self/cgroup": V1.format(""),
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
    ],
)
def test_a_containers_bound_counts(tmp_path: Path, files: dict[str, str], number: int) -> None:
    assert num_cores(written(tmp_path, files)) == number


def test_where_it_may_run_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    files = {"proc/self/cgroup": V2.format(""), "sys/fs/cgroup/cpu.max": "200000 100000\n"}
    assert num_cores(written(tmp_path, files)) == 1


def test_it_can_be_asked_here() -> None:
    assert 1 <= num_cores() <= 8
