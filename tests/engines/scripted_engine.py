"""An engine in this process that does what its script says: for trying what is built on engines."""

from __future__ import annotations

import threading
from typing import Any

from blanklogo.engines.base import Call, Engine, EngineStats, Message
from blanklogo.engines.call import LocalCall
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import BlankLogoError, CancelledError, UnavailableError
from blanklogo.types import Order

Step = BlankLogoError | str
"""An error to end with, or "work" (a notice, then a result), "wait" (no worker ever has it) or "hold" (a worker has it
until it is cancelled)."""


class ScriptedEngine(Engine):
    """Each call takes the next step; the last step is taken again and again.

    Attributes:
        orders: what was submitted.
    """

    def __init__(self, name: str, *steps: Step, **spec: Any) -> None:
        super().__init__(EngineSpec(**spec), "scripted:Workload")
        self.name = name
        self.orders: list[Message] = []
        self._steps = list(steps) or ["work"]
        self._waiting: dict[LocalCall, bool] = {}  # and whether a worker has it
        self._lock = threading.RLock()
        self._is_closed = False

    def submit(self, order: Order | Message) -> Call:
        message = order.as_dict() if isinstance(order, Order) else order
        with self._lock:
            if self._is_closed:
                raise UnavailableError(f"{self.name} is closed")
            self.orders.append(message)
            step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
            call = LocalCall(message, self._cancelled)
            self._do(step, call)
        return call

    def _do(self, step: Step, call: LocalCall) -> None:
        if step in ("wait", "hold"):
            self._waiting[call] = step == "hold"
        if step == "wait":
            return
        call.note(worker=f"{self.name}-1", queued_seconds=0.5, is_cold=False, cold_start_seconds=0.0)
        if isinstance(step, BlankLogoError):
            call.tell({"type": "notice", "message": f"{self.name} began"})
            call.note(run_seconds=2.0)
            call.fail(step)
        elif step == "work":
            call.tell({"type": "progress", "stage": "restore", "done": 1, "total": 1})
            call.note(run_seconds=3.0)
            call.finish({"type": "result", "output": None, "by": self.name})

    def _cancelled(self, call: LocalCall) -> None:
        with self._lock:
            self._waiting.pop(call, None)
        call.fail(CancelledError("stopped"))

    @property
    def stats(self) -> EngineStats:
        with self._lock:
            num_queued = sum(not has_worker for has_worker in self._waiting.values())
            return EngineStats(0 if self._is_closed else 1, 0, num_queued, 0.0, 1)

    def close(self, *, is_patient: bool = True) -> None:
        with self._lock:
            self._is_closed = True
            for call in list(self._waiting):
                self._cancelled(call)
