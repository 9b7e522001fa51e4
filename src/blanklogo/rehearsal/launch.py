"""The process of one container: Modal's own entrypoint, and a watch on whoever started it.

Run as a file, because what a container may import is what was deployed and not this package. Its standard input is a
pipe that nobody writes to. The pipe ends when the control plane does, however it does; then everything in this
process's group is killed.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _die_with_the_parent(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Does not return before the container is done."""
    watched = os.dup(sys.stdin.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    threading.Thread(target=_die_with_the_parent, args=(watched,), name="parent-watch", daemon=True).start()
    runpy.run_module("modal._container_entrypoint", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
