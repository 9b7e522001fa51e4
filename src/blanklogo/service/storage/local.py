"""The folder under a local storage: how full its disk is, how what was written is made to last, what is left over.

obstore writes an object to `NAME#1` (or `#2`, …) beside its place and renames it when it is whole. Keys hold no `#`, so
that such a file can only be half of an object whose writer is still at it, or was killed.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from blanklogo.service.storage.failures import disk_full

RESERVE_BYTES = 256 << 20  # stays free, so that the database beside the files can go on
_HALF_WRITTEN = re.compile(r".+#[0-9]+")


@dataclass(frozen=True)
class Folder:
    """Attributes:
    path: where the objects lie, by their keys.
    reserve_bytes: of the disk, that are never taken.
    """

    path: Path
    reserve_bytes: int = RESERVE_BYTES

    def check_room(self, num_bytes: int) -> None:
        """Raises WriteError when so many bytes more would go into the reserve."""
        if shutil.disk_usage(self.path).free < num_bytes + self.reserve_bytes:
            raise disk_full(f"{num_bytes / 1e6:.1f} MB more")

    def settle(self, key: str) -> None:
        """Waits until an object would survive a power cut. Raises OSError."""
        place = self.path / key
        for path in (place, place.parent):
            opened = os.open(path, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)

    async def settle_async(self, key: str) -> None:
        await asyncio.to_thread(self.settle, key)

    def sweep(self, older_than_seconds: float, prefix: str = "") -> int:
        """Removes half-written files that nobody has written to for so long, and the empty folders they leave. Returns
        how many files.

        Args:
            prefix: whole parts of keys, below which to look.
        """
        before = time.time() - older_than_seconds
        left = [path for path in self._half_written(prefix) if _modified_seconds(path) <= before]
        for path in left:
            path.unlink(missing_ok=True)
            self._remove_empty(path.parent)
        return len(left)

    def _half_written(self, prefix: str) -> Iterator[Path]:
        for folder, _, names in os.walk(self.path / prefix):
            yield from (Path(folder, name) for name in names if _HALF_WRITTEN.fullmatch(name))

    def _remove_empty(self, folder: Path) -> None:
        while folder != self.path:
            try:
                folder.rmdir()
            except OSError:  # somebody put something into it, or took it away
                return
            folder = folder.parent


def _modified_seconds(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it is whole by now, and has its name
        return float("inf")
