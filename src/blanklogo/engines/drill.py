"""A workload that does what it is told, to try an engine: work, fail, crash, hang, take memory.

An order is `{"do": VERB, …}`:

    work     seconds (0.2), num_events (5)   progress, and a result that says who did it
    fail     message                         an OptionError, as a caller's own fault
    break    message                         an error that is none of ours
    crash    exit_code (9)                   the process is gone
    hang     -                               never ends, never asks whether to stop
    take     megabytes, seconds (5)          holds memory, and asks whether to stop
    gpu_oom  -                               what a GPU out of memory raises
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from blanklogo.errors import CancelledError, LoadError, OptionError

LOAD_SECONDS = 0.2  # what the drill pretends that loading takes
_STEP_SECONDS = 0.02


class Drill:
    """Counts its loads and runs; `BLANKLOGO_DRILL_CLOSED` names a file to which `close` adds a line."""

    def __init__(self) -> None:
        self.num_loads = 0
        self.num_runs = 0

    def load(self) -> None:
        time.sleep(LOAD_SECONDS)
        self.num_loads += 1

    def run(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        self.num_runs += 1
        yield from getattr(self, f"_{order.get('do', 'work')}")(order, cancelled)

    def close(self) -> None:
        path = os.environ.get("BLANKLOGO_DRILL_CLOSED")
        if path:
            with Path(path).open("a") as log:
                log.write(f"{os.getpid()}\n")

    def _work(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        num_events = int(order.get("num_events", 5))
        for index in range(num_events):
            _wait(float(order.get("seconds", 0.2)) / max(num_events, 1), cancelled)
            yield {"type": "progress", "stage": "restore", "done": index + 1, "total": num_events}
        yield self._result()

    def _fail(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "about to fail"}
        raise OptionError(order.get("message", "told to fail"), accepted="anything else", hint="do: work")

    def _break(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "about to break"}
        raise ZeroDivisionError(order.get("message", "told to break"))

    def _crash(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "about to crash"}
        time.sleep(0.1)  # for the notice to leave
        os._exit(int(order.get("exit_code", 9)))

    def _hang(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "about to hang"}
        while True:
            time.sleep(1)

    def _take(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "about to take memory"}
        held = bytearray(int(order["megabytes"]) << 20)
        held[::4096] = b"x" * len(held[::4096])  # a page untouched is not held
        _wait(float(order.get("seconds", 5)), cancelled)
        yield self._result()

    def _gpu_oom(self, order: dict[str, Any], cancelled: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        yield {"type": "notice", "message": "about to run out of GPU memory"}
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def _result(self) -> dict[str, Any]:
        return {"type": "result", "output": None, "pid": os.getpid(), "loads": self.num_loads, "runs": self.num_runs}


class Unloadable(Drill):
    """Cannot load."""

    def load(self) -> None:
        raise LoadError("the drill's weights are missing", hint="another workload")


def _wait(seconds: float, cancelled: Callable[[], bool]) -> None:
    """Sleeps, and asks whether to stop meanwhile."""
    end = time.monotonic() + seconds
    while True:
        if cancelled():
            raise CancelledError("the drill was told to stop")
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, _STEP_SECONDS))
