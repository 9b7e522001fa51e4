"""Storages for tests, and bytes to put into them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from blanklogo.service.storage import ServiceUrls, Storage, open_storage
from blanklogo.service.storage.keyring import KeyRing

KEYS = KeyRing((("k1", bytes(range(32))),))
MEDIA = random.Random(7).randbytes(3_000_000)


class Clock:
    """Seconds since the epoch that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def local_storage(folder: Path, base_url: str = "http://service.test", reserve_bytes: int = 0) -> Storage:
    """In a folder whose disk may be filled to the brim."""
    return open_storage(folder, ServiceUrls(KEYS, base_url), reserve_bytes)


def pieces(data: bytes, size: int = 65536) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def files_under(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def peak_bytes(pid: int) -> int:
    """The most that a process has had resident."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
