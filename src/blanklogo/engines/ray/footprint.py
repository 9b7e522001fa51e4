"""How much memory this process and its children hold, from Linux's /proc."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def footprint_bytes() -> int:
    """Resident memory that nobody else holds too: without Ray's shared object store and mapped files."""
    return sum(_own_bytes(pid) for pid in _family(os.getpid()))


def _own_bytes(pid: int) -> int:
    """Resident minus shared, proc_pid_statm(5); 0 for a process that has just gone."""
    with suppress(OSError):
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
        return (int(resident) - int(shared)) * _PAGE_BYTES
    return 0


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:  # grows while it is walked
        with suppress(OSError):
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found
