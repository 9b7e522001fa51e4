"""The pool as callers see it."""

from __future__ import annotations

import os
import threading

from blanklogo.engines.base import REMOVER, Engine, EngineStats, Message
from blanklogo.engines.call import LocalCall
from blanklogo.engines.desk import Badge, Desk
from blanklogo.engines.pool.gpu import gpus
from blanklogo.engines.pool.process import WorkerProcess
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.supervisor import Supervisor
from blanklogo.errors import UnavailableError
from blanklogo.types import Order


class PoolEngine(Engine):
    """Worker processes on this machine, up to `max_workers`; one for each core, or for each GPU if the spec has any.

    Which of the GPUs in `spec.gpu` it is does not matter here: a worker takes what the machine has. A pool that is
    forgotten instead of closed takes its workers with it when the program ends.

    Raises:
        UnavailableError: no POSIX system; the spec wants a GPU and none is to be seen.
    """

    name = "pool"

    def __init__(self, spec: EngineSpec, workload: str = REMOVER) -> None:
        super().__init__(spec, workload)
        if os.name != "posix":
            raise UnavailableError("the pool needs a POSIX system (Linux, macOS)", hint='engine="inline"')
        self._gpus = gpus() if spec.gpu else ()
        num_places = min(spec.max_workers, len(self._gpus) or num_cores())
        self._desk = Desk(spec, num_places, self._hire)
        self._desk.open()

    def submit(self, order: Order | Message) -> LocalCall:
        call = LocalCall(order.as_dict() if isinstance(order, Order) else order, self._desk.withdraw)
        self._desk.put(call)
        return call

    @property
    def stats(self) -> EngineStats:
        return self._desk.stats

    def close(self, *, is_patient: bool = True) -> None:
        self._desk.close(is_patient=is_patient)

    def _hire(self, badge: Badge) -> None:
        gpu = self._gpus[badge.place] if self._gpus else None

        def start() -> WorkerProcess:
            return WorkerProcess(self.workload, gpu)

        # Linux ends a worker with the thread that started it, so that thread stays until the worker is gone.
        supervisor = Supervisor(self._desk, badge, self.spec, start, self.spec.memory_bytes)
        threading.Thread(target=supervisor.run, name=f"pool-{badge.name}", daemon=True).start()


def num_cores() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
