"""How much memory processes hold, and giving back what they hold for nothing.

Linux tells how much in /proc; other systems by `ps`, which is slower.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_HAS_PROC = (_PROC / "self" / "statm").exists()
_M_ARENA_MAX, _NUM_HEAPS = -8, 1  # malloc.h
FEW_HEAPS = {"MALLOC_ARENA_MAX": str(_NUM_HEAPS)}  # variables of a process' environment
_GROUP, _RSS_PAGES = 2, 21  # fields of /proc/PID/stat, counted from the state; man 5 proc


def share_bytes(num: int, root: Path = Path("/")) -> int | None:
    """What each of so many processes may hold of this machine's memory, or its container's, a fifth left for others;
    None: not known.

    Args:
        root: under which the kernel's files are looked for.
    """
    try:
        bounds = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (ValueError, OSError, AttributeError):  # no such name, or no such function on this system
        return None
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # cgroups of either version
        with suppress(OSError, ValueError):  # not there, or "max"
            bounds.append(int((root / "sys/fs/cgroup" / name).read_text()))
    return int(0.8 * min(bounds) / num)


def group_rss_bytes(group: int) -> int | None:
    """Resident memory of all processes of a group; pages that they share count once for each. None: not known."""
    if not _HAS_PROC:
        return _asked_ps("-A", column=0, wanted=group)
    num_pages = 0
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            with suppress(OSError):  # it ended meanwhile
                fields = _stat(entry.path)
                if int(fields[_GROUP]) == group:
                    num_pages += int(fields[_RSS_PAGES])
    return num_pages * os.sysconf("SC_PAGE_SIZE")


def process_rss_bytes(pid: int) -> int | None:
    """Resident memory of one process; None: not known."""
    if not _HAS_PROC:
        return _asked_ps("-A", column=1, wanted=pid)
    with suppress(OSError):
        return int(_stat(f"/proc/{pid}")[_RSS_PAGES]) * os.sysconf("SC_PAGE_SIZE")
    return None


def forget_own_peak() -> bool:
    """Starts this process' peak anew; whether the system let us (Linux only)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def own_peak_rss_bytes() -> int | None:
    """The most that this process held since its peak was forgotten; None: not known."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return None


def use_few_heaps() -> None:
    """From now on, threads of this process share one heap, where the C library is glibc; elsewhere nothing is done.

    glibc gives threads up to eight heaps for each processor, and what one frees another does not use: a service of
    forty threads would hold 30 MB for nothing after seven minutes of work, and more from hour to hour, instead of 5 MB
    that stay. A process that is yet to be started is told by `FEW_HEAPS`; a variable that is set stays as it is
    (man 3 mallopt).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and not FEW_HEAPS.keys() & os.environ.keys():
        mallopt(_M_ARENA_MAX, _NUM_HEAPS)


def give_back() -> None:
    """What this process has freed goes back to the system, where the C library is glibc; elsewhere nothing is done
    (man 3 malloc_trim)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def _stat(folder: str) -> list[str]:
    with open(f"{folder}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def _asked_ps(which: str, *, column: int, wanted: int) -> int | None:
    """The sum of what `ps` says, in KiB, of the lines with this group (column 0) or process (column 1)."""
    command = ["ps", which, "-o", "pgid=,pid=,rss="]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [[int(field) for field in line.split()] for line in lines]
    return sum(row[2] for row in rows if row[column] == wanted) << 10
