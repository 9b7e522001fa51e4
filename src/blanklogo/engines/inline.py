"""The engine that is this process: one worker, a thread. For trying things, and where nothing else may run.

It holds what a thread can hold: one call at a time, a budget for work that asks whether to stop, an idle exit. It
cannot end work that does not ask, keep it to an amount of memory, or survive its crash; what of a spec it could only
pretend to hold it refuses.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable

from blanklogo.engines.base import REMOVER, Message
from blanklogo.engines.body import Inbox, serve
from blanklogo.engines.desk import Badge
from blanklogo.engines.desk_engine import DeskEngine
from blanklogo.engines.memory import process_rss_bytes
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.supervisor import Sample, Supervisor
from blanklogo.errors import OptionError, UnavailableError

_ENDING_SECONDS = 1.0  # for a thread that has been told to leave


class InlineEngine(DeskEngine):
    """One worker, whatever `max_workers` says.

    Raises:
        OptionError: the spec asks for what a thread cannot hold: a GPU, a memory limit, retries, several workers kept.
    """

    name = "inline"

    def __init__(self, spec: EngineSpec, workload: str = REMOVER) -> None:
        _check(spec)
        super().__init__(spec, workload, 1)

    def _hire(self, badge: Badge) -> None:
        def start() -> _ThreadWorker:
            return _ThreadWorker(self.workload, self._on_stuck)

        supervisor = Supervisor(self._desk, badge, self.spec, start, memory_limit_bytes=None)
        threading.Thread(target=supervisor.run, name=f"inline-{badge.name}", daemon=True).start()

    def _on_stuck(self) -> None:
        came = "work that does not stop still runs in this process"
        self._desk.refuse(UnavailableError(came, hint='engine="pool", whose workers can be killed'))


class _ThreadWorker:
    """A `supervisor.Worker` that is a thread."""

    def __init__(self, workload: str, on_stuck: Callable[[], None]) -> None:
        self._workload = workload
        self._on_stuck = on_stuck
        self._inbox = Inbox()
        self._said: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._body, name="inline-work", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        self._inbox.take(message)

    def receive(self, timeout_seconds: float) -> Message | None:
        try:
            message = self._said.get(timeout=timeout_seconds)
        except queue.Empty:
            return None
        if message is None:
            raise EOFError
        return message

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def how_it_ended(self) -> str:
        return "its thread ended"

    def sample(self) -> Sample:
        return Sample(process_rss_bytes(os.getpid()))

    def wait(self, timeout_seconds: float) -> bool:
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def kill(self) -> None:
        """A thread cannot be killed: one that does not go is left behind, and the engine says so from then on."""
        self._inbox.take({"kind": "stop"})
        self._inbox.take({"kind": "leave"})
        if not self.wait(_ENDING_SECONDS):
            self._on_stuck()

    def _body(self) -> None:
        try:
            serve(self._workload, self._inbox, self._said.put)
        finally:
            self._said.put(None)


def _check(spec: EngineSpec) -> None:
    refused = {
        "gpu": spec.gpu != (),
        "memory_bytes": spec.memory_bytes != EngineSpec.memory_bytes,
        "min_workers": spec.min_workers > 1,
        "retries": spec.retries > 0,
    }
    for name, is_refused in refused.items():
        if is_refused:
            came = f"{name} {getattr(spec, name)} on the inline engine, which cannot hold it"
            raise OptionError(came, accepted=f"{name} {getattr(EngineSpec, name)!r}", hint="the pool engine")
