"""Workloads for what the drill does not do. Named to a pool as "pool_workloads:Class"."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class Odd:
    """Does what its order names."""

    def load(self) -> None:
        print("loading", flush=True)

    def run(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        yield from getattr(self, order["do"])(order)

    def close(self) -> None:
        print("closing", flush=True)

    def chatter(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Prints on every way out that a process has."""
        print("x" * 100_000)
        os.write(1, b"raw\n" * 1000)
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        yield {"type": "result", "output": "quiet"}

    def large(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"type": "result", "output": b"\0\1\2\3" * (order["num_bytes"] // 4)}

    def length(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"type": "result", "output": len(order["source"])}

    def classy(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"type": "result", "output": Path("/a")}

    def silent(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "that was all"}

    def family(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Starts a child that holds memory, and waits for it."""
        code = "import time; held = bytearray(300 << 20); held[::4096] = held[1::4096]; time.sleep(60)"
        with subprocess.Popen([sys.executable, "-c", code]) as child:
            yield {"type": "notice", "message": str(child.pid)}
        yield {"type": "result", "output": None}

    def environment(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"type": "result", "output": os.environ.get(order["name"])}

    def wait(self, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "begun"}
        time.sleep(order["seconds"])
        yield {"type": "result", "output": os.getpid()}


class Moody(Odd):
    """Loads only while the file named by BLANKLOGO_TEST_MOOD is there."""

    def load(self) -> None:
        Path(os.environ["BLANKLOGO_TEST_MOOD"]).read_text()


class Sleepy(Odd):
    """Takes its time to load."""

    def load(self) -> None:
        time.sleep(60)


class Deadly(Odd):
    """Is ended by something while it loads."""

    def load(self) -> None:
        os._exit(7)
