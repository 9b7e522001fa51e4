"""A worker's folder for temporary files, which goes with the worker however that ends.

A pool that is killed itself cannot clear up. It is known by its process being gone and its lock, which the system
lets go of then; the next pool on this machine, or the next worker of any, clears up for it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

_MAKING = threading.Lock()  # between a folder's making and its locking it looks like one that was left
_PREFIX = "blanklogo-worker-"
_NAME = re.compile(rf"{_PREFIX}([0-9]+)-\w+")


class Scratch:
    """A folder, locked by this process for as long as it is there. Raises OSError."""

    def __init__(self) -> None:
        clear_up()
        with _MAKING:
            self.path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
            self._lock = os.open(self.path, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """May be called again."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def clear_up() -> None:
    """Removes what killed pools left on this machine, also one that had this process's number: in a container each
    start has the same."""
    folder = Path(tempfile.gettempdir())
    with _MAKING:
        for name in os.listdir(folder):
            match = _NAME.fullmatch(name)
            if match and not _is_anothers(int(match[1])) and _is_free(folder / name):
                shutil.rmtree(folder / name, ignore_errors=True)


def _is_anothers(pid: int) -> bool:
    """Whether there is another process with this number."""
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def _is_free(folder: Path) -> bool:
    """Whether nobody holds it. A pool in a container that shares our folder, but not our processes, would."""
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError:  # it is gone by now, or another user's
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(opened)
    return True
