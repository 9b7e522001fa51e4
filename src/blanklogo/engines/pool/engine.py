"""The pool as callers see it."""

from __future__ import annotations

import os
import threading
import weakref

from blanklogo.engines.base import REMOVER
from blanklogo.engines.desk import Badge
from blanklogo.engines.desk_engine import DeskEngine
from blanklogo.engines.pool.cores import num_cores
from blanklogo.engines.pool.gpu import gpus
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.supervisor import Supervisor
from blanklogo.errors import UnavailableError


class PoolEngine(DeskEngine):
    """Worker processes on this machine, up to `max_workers`; one for each core that it may have, or for each GPU
    if the spec has any.

    Which of the GPUs in `spec.gpu` it is does not matter here: a worker takes what the machine has. A pool that is
    forgotten instead of closed takes its workers with it when the program ends.

    Raises:
        UnavailableError: no POSIX system; the spec wants a GPU and none is to be seen.
    """

    name = "pool"

    def __init__(self, spec: EngineSpec, workload: str = REMOVER) -> None:
        if os.name != "posix":
            raise UnavailableError("the pool needs a POSIX system (Linux, macOS)", hint='engine="inline"')
        from blanklogo.engines.pool.scratch import clear_up  # POSIX's alone

        clear_up()
        self._gpus = gpus() if spec.gpu else ()
        super().__init__(spec, workload, min(spec.max_workers, len(self._gpus) or num_cores()))
        # At the program's end, too, workers are ended by us, so that their scratch folders go as well.
        self._at_exit = weakref.finalize(self, self._desk.close, is_patient=False)

    def close(self, *, is_patient: bool = True) -> None:
        super().close(is_patient=is_patient)
        self._at_exit.detach()

    def _hire(self, badge: Badge) -> None:
        from blanklogo.engines.pool.process import WorkerProcess  # POSIX's alone

        gpu = self._gpus[badge.place] if self._gpus else None

        def start() -> WorkerProcess:
            return WorkerProcess(self.workload, gpu)

        # Linux ends a worker with the thread that started it, so that thread stays until the worker is gone.
        supervisor = Supervisor(self._desk, badge, self.spec, start, self.spec.memory_bytes)
        threading.Thread(target=supervisor.run, name=f"pool-{badge.name}", daemon=True).start()
