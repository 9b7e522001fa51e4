"""What the kernel tells of processes, by /proc (Linux): who is whose child, and what each of them holds."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_KB = re.compile(rb"^(Rss|Pss|Anonymous):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Held:
    """What one or several processes have.

    Attributes:
        rss_bytes: resident; what several share counts for each.
        pss_bytes: resident; what several share counts once, divided among them.
        own_bytes: resident, and of no file: what programs ask for. How many others have the same libraries open
            changes nothing here.
        num_files: open ones, connections and pipes included.
        num_databases: of them, SQLite's.
    """

    rss_bytes: int = 0
    pss_bytes: int = 0
    own_bytes: int = 0
    num_threads: int = 0
    num_files: int = 0
    num_databases: int = 0

    def __add__(self, other: Held) -> Held:
        return Held(
            self.rss_bytes + other.rss_bytes,
            self.pss_bytes + other.pss_bytes,
            self.own_bytes + other.own_bytes,
            self.num_threads + other.num_threads,
            self.num_files + other.num_files,
            self.num_databases + other.num_databases,
        )


def held(pid: int) -> Held:
    """By a process; nothing by one that is not there."""
    memory = {name: 1024 * int(number) for name, number in _KB.findall(read(pid, "smaps_rollup"))}
    rss_bytes, pss_bytes, own_bytes = (memory.get(name, 0) for name in (b"Rss", b"Pss", b"Anonymous"))
    files = _open_files(pid)
    num_databases = sum(".db" in file for file in files)
    return Held(rss_bytes, pss_bytes, own_bytes, _num_threads(pid), len(files), num_databases)


def children(pid: int) -> list[int]:
    """Of a process that is there or not."""
    return [child for child in everyone() if _parent(child) == pid]


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    parents = {child: _parent(child) for child in everyone()}
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def everyone() -> list[int]:
    """All processes."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def read(pid: int, name: str) -> bytes:
    """A file that the kernel has of a process; empty when that is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _parent(pid: int) -> int:
    fields = read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _num_threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _open_files(pid: int) -> list[str]:
    found = []
    for path in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):  # it was closed meanwhile
            found.append(os.readlink(path))
    return found
