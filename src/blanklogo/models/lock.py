"""One process at a time: a lock on a file, which the operating system lets go of when its holder dies, however it dies.

The file stays: taking it away would let a third process lock a new one while a second still waits for the old.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PAUSE_SECONDS = 0.1  # between two tries; nobody notices it after a download

if sys.platform == "win32":
    import msvcrt

    def _take(file: BinaryIO) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def _take(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def held(path: Path, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the lock for the length of the block; the file's closing lets it go.

    Args:
        while_waiting: called now and then for as long as another holds it; what it raises ends the waiting.

    Raises:
        OSError: the disk refused, or knows no locks.
    """
    with path.open("ab") as file:
        while not _take(file):
            while_waiting()
            time.sleep(_PAUSE_SECONDS)
        yield
