"""What runs inside a Modal container: the workload, its events into a queue, and the figures of each call.

A deployed class is a few lines around a `ModalWorker` (deploy/modal_app.py); `engines.modal.engine` is the other end.

A call that was spawned cannot be a generator, so its events go through a `modal.Queue`, in a partition named after the
call, in batches. They are read in place, so that any number of readers may hear them, and a partition holds at most
5000 batches: the pause between batches grows with the call's age, and a day's work stays under 1200 of them.
"""

from __future__ import annotations

import importlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from blanklogo.engines.base import GUARDED_REMOVER, Message, Workload
from blanklogo.engines.failures import load_error, run_error
from blanklogo.engines.memory import process_rss_bytes
from blanklogo.errors import BlankLogoError
from blanklogo.wire import STATS

QUEUE_NAME = "blanklogo-events"
EVENTS_KEPT_SECONDS = 3600  # after a call's last event
MIN_PAUSE_SECONDS = 0.1
PAUSE_SHARE = 0.01  # of the call's age
_TICK_SECONDS = 0.05

Publish = Callable[[list[Message]], None]


class ModalWorker:
    """Holds a loaded workload and runs one order at a time.

    Args:
        workload: "module:Class" of a `Workload`.
    """

    def __init__(self, workload: str = GUARDED_REMOVER) -> None:
        self._name = workload
        self._workload: Workload | None = None
        self._num_runs = 0
        self._ready_at = 0.0
        self._start_seconds = 0.0

    def load(self) -> None:
        """Loads the workload.

        Raises:
            LoadError: whatever went wrong; the container is then given up.
        """
        try:
            module, _, name = self._name.partition(":")
            workload = getattr(importlib.import_module(module), name)()
            workload.load()
        except Exception as error:
            raise load_error(error) from error
        self._workload = workload
        self.wake()

    def wake(self) -> None:
        """Notes that it is ready now: once loaded, and again where a snapshot of it was brought back to life."""
        self._ready_at, self._start_seconds = time.time(), _process_age_seconds()

    def close(self) -> None:
        """Lets the workload give back what it took."""
        if self._workload is not None:
            self._workload.close()

    def run(self, order: Message) -> Iterator[Message]:
        """The streaming form: every event, the result last. A caller who leaves early cancels nothing; spawn for that.

        Raises:
            BlankLogoError: as the workload ended.
        """
        try:
            yield from self._loaded().run(order, _never)
        except Exception as error:
            raise run_error(error) from error

    def run_to_end(self, order: Message, publish: Publish | None = None) -> Message:
        """The form to spawn: events go to `publish`, and what comes back says how it ended.

        Returns:
            `{"type": "end", "result": {…} or None, "error": {…} or None, "figures": {…}, "lost": …}`; `lost` says why
            some events could not be told, if any could not.

        Raises:
            modal.exception.InputCancellation: cancelled, or over its timeout; the workload has stopped.
        """
        workload, clock = self._loaded(), time.monotonic()
        self._num_runs += 1
        run = _Run(workload, order, publish or _publish_to_queue(), self._started())
        result, error = run.to_end()
        figures = {"run_seconds": time.monotonic() - clock, "peak_rss_bytes": run.peak_rss_bytes}
        told = {"result": result, "error": error and error.as_dict(), "figures": figures, "lost": run.lost}
        return {"type": "end"} | told

    def _loaded(self) -> Workload:
        if self._workload is None:
            self.load()
        assert self._workload is not None
        return self._workload

    def _started(self) -> Message:
        return {
            "type": "started",
            "at": time.time(),
            "worker": os.environ.get("MODAL_TASK_ID", f"process-{os.getpid()}"),
            "run": self._num_runs,
            "ready_at": self._ready_at,
            "start_seconds": self._start_seconds,
        }


class _Run:
    """One order under way: the workload in one thread, its events published by another, and the main one waits.

    Modal interrupts the main thread of a call that is cancelled or over its timeout. Neither the workload nor a
    batch that is being sent is torn apart by that: the workload is asked to stop, and the interruption goes on once it
    has. One that does not stop keeps the main thread here, until Modal kills the container.
    """

    def __init__(self, workload: Workload, order: Message, publish: Publish, first: Message) -> None:
        self.peak_rss_bytes = 0
        self.lost: str | None = None
        self._workload = workload
        self._order = order
        self._publish = publish
        self._told: queue.Queue[Message | None] = queue.Queue()
        self._told.put(first)
        self._stopped = threading.Event()
        self._result: Message | None = None
        self._error: BlankLogoError | None = None
        self._threads = [
            threading.Thread(target=target, name=target.__name__, daemon=True) for target in (self._work, self._relay)
        ]

    def to_end(self) -> tuple[Message | None, BlankLogoError | None]:
        """The result, or the error.

        Raises:
            modal.exception.InputCancellation: once the workload has stopped.
        """
        try:
            for thread in self._threads:
                thread.start()
            while any(thread.is_alive() for thread in self._threads):
                self.peak_rss_bytes = max(self.peak_rss_bytes, process_rss_bytes(os.getpid()) or 0)
                self._threads[-1].join(_TICK_SECONDS)
        except BaseException:
            self._stopped.set()
            for thread in self._threads:
                thread.join()
            raise
        return self._result, self._error

    def _work(self) -> None:
        try:
            for message in self._workload.run(self._order, self._stopped.is_set):
                if message["type"] == "result":
                    self._result = message
                else:
                    self._told.put(message)
        except BaseException as error:
            self._error = run_error(error)
        finally:
            self._told.put(None)

    def _relay(self) -> None:
        """Everything told so far in one batch, then a pause, and so on; the last batch does not wait."""
        born = time.monotonic()
        batch: list[Message] = []
        due = born
        while True:
            try:
                told = self._told.get(timeout=max(due - time.monotonic(), 0) if batch else None)
            except queue.Empty:
                told = {}
            if told:
                batch.append(told)
            if batch and (told is None or time.monotonic() >= due):
                self._send(batch)
                batch = []
                now = time.monotonic()
                due = now + max(MIN_PAUSE_SECONDS, PAUSE_SHARE * (now - born))
            if told is None:
                return

    def _send(self, batch: list[Message]) -> None:
        """Work that goes well is not given up because nobody could be told how far it is."""
        try:
            self._publish(batch)
        except Exception as error:
            self.lost = f"{type(error).__name__}: {error}"


def _publish_to_queue() -> Publish:
    """Into the partition of the call that runs here."""
    import modal

    events = modal.Queue.from_name(QUEUE_NAME, create_if_missing=True)
    partition = modal.current_function_call_id()

    def publish(batch: list[Message]) -> None:
        events.put(batch, partition=partition, partition_ttl=EVENTS_KEPT_SECONDS)

    return publish


def process_video(worker: ModalWorker, video_bytes: bytes, mode: str, platform: str | None) -> tuple[bytes, Message]:
    """The short form: a file's bytes to the clean file's bytes, and the figures.

    Raises:
        BlankLogoError: as the workload ended.
    """
    order = {"source": video_bytes, "mode": mode, "platform": platform}
    result = deque(worker.run(order), maxlen=1).pop()
    return result["output"], {name: result["report"][name] for name in STATS}


def _process_age_seconds() -> float:
    """How long this process has lived, from Linux's /proc; 0 where there is none."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime_seconds = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return max(0.0, uptime_seconds - ticks / os.sysconf("SC_CLK_TCK"))


def _never() -> bool:
    return False
