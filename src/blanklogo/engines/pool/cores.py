"""How many cores there are for this process: in a container, as many as it is let have, and not those of the machine.

A container's bound is a share of time, which no count of processors tells: cgroup v2 has it in `cpu.max`, v1 in
`cpu.cfs_quota_us` and `cpu.cfs_period_us`, of the group itself and of every one above it
(https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def num_cores(root: Path = Path("/")) -> int:
    """Whole cores that this process may keep busy, at least one.

    Args:
        root: under which the kernel's files are looked for.
    """
    num_allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    bounds = [cores for folder in _groups(root) if (cores := _bound(folder)) is not None]
    return max(1, min(num_allowed, *map(int, bounds)) if bounds else num_allowed)


def _groups(root: Path) -> Iterator[Path]:
    """The process's groups, each with those above it. What is outside of its container cannot be seen, and binds it
    only as far as the container's own bound says."""
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        place = PurePosixPath(path.lstrip("/"))
        if not controllers or "cpu" in controllers.split(","):
            yield from (mount / controllers / each for each in (place, *place.parents))


def _bound(folder: Path) -> float | None:
    """In cores; None: the group has none."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota, period = (_text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None  # "max", -1: none


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # another system, or another version of cgroups
        return ""
