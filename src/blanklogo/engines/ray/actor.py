"""A worker seen from inside: the process on the cluster that holds the loaded workload."""

from __future__ import annotations

import importlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import ray

from blanklogo.engines.base import Message, Workload
from blanklogo.engines.failures import load_error, run_error
from blanklogo.engines.ray.footprint import footprint_bytes

Told = tuple[str, Any]
"""("event", message), ("over", bytes held) or, last of all, ("ended", {"error", "run_seconds", "peak_rss_bytes"})."""

_WATCH_SECONDS = 0.1


class Actor:
    """Loads once, then does one call at a time; `stop` gets through while a call runs.

    Args:
        workload: "module:Class".
        memory_bytes: a call that makes the process larger is reported as "over"; whoever hears that kills the process.
    """

    def __init__(self, workload: str, memory_bytes: int) -> None:
        self._name = workload
        self._memory_bytes = memory_bytes
        self._workload: Workload | None = None
        self._stopped: set[str] = set()

    def whereabouts(self) -> str:
        """Answers as soon as the process is there."""
        return f"{os.getpid()}@{ray.util.get_node_ip_address()}"

    def load(self) -> dict[str, Any] | None:
        """Loads the workload; what went wrong, as `BlankLogoError.as_dict`, or None."""
        try:
            module, _, name = self._name.partition(":")
            workload = getattr(importlib.import_module(module), name)()
            workload.load()
        except Exception as error:
            return load_error(error).as_dict()
        self._workload = workload
        return None

    @ray.method(num_returns="streaming")
    def run(self, order: Message, call_id: str) -> Iterator[Told]:
        """Does an order in a thread of its own, so that the watch on its memory is heard whatever the order does."""
        assert self._workload is not None, "load comes first"
        told: queue.Queue[Told] = queue.Queue()
        watch = _Watch(self._memory_bytes, told)
        work = threading.Thread(target=self._work, args=(order, call_id, told, watch), daemon=True)
        work.start()
        with watch:
            while True:
                kind, value = told.get()
                yield kind, value
                if kind != "event":
                    break
        self._stopped.discard(call_id)

    @ray.method(concurrency_group="control")
    def stop(self, call_id: str) -> None:
        """Asks a call to stop, whether it has begun or is about to."""
        self._stopped.add(call_id)

    def close(self) -> None:
        """Before the worker leaves of its own accord."""
        if self._workload is not None:
            self._workload.close()

    def _work(self, order: Message, call_id: str, told: queue.Queue[Told], watch: _Watch) -> None:
        assert self._workload is not None
        started, failure = time.monotonic(), None
        try:
            for message in self._workload.run(order, lambda: call_id in self._stopped):
                told.put(("event", message))
        except Exception as error:
            failure = run_error(error).as_dict()
        seconds = time.monotonic() - started
        told.put(("ended", {"error": failure, "run_seconds": seconds, "peak_rss_bytes": watch.look()}))


_remote: Any = ray.remote
REMOTE_ACTOR = _remote(concurrency_groups={"control": 1}, max_restarts=0, max_task_retries=0)(Actor)


class _Watch:
    """Looks at the process's memory ten times a second while a call runs; a context."""

    def __init__(self, limit_bytes: int, told: queue.Queue[Told], held: Callable[[], int] = footprint_bytes) -> None:
        self._limit_bytes = limit_bytes
        self._told = told
        self._held = held
        self._peak_bytes = held()
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def look(self) -> int:
        """The most that was held so far, this moment included."""
        self._peak_bytes = max(self._peak_bytes, self._held())
        return self._peak_bytes

    def _loop(self) -> None:
        while not self._is_done.wait(_WATCH_SECONDS):
            if self.look() > self._limit_bytes:
                self._told.put(("over", self._peak_bytes))
                return

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()
