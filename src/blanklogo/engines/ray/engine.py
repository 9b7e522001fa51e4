"""Ray as callers see it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from blanklogo.engines.base import REMOVER, Message
from blanklogo.engines.call import LocalCall
from blanklogo.engines.desk import Badge
from blanklogo.engines.desk_engine import DeskEngine
from blanklogo.engines.parcel import packed, unpacked
from blanklogo.engines.ray import cluster
from blanklogo.engines.ray.worker import RayWorker
from blanklogo.engines.spec import EngineSpec
from blanklogo.engines.supervisor import Supervisor
from blanklogo.errors import BlankLogoError
from blanklogo.types import Order


class RayEngine(DeskEngine):
    """Workers are actors, each with `cpu_cores` and, if the spec has any, a GPU of whichever kind the cluster has.

    Args:
        spec: a worker's means and limits.
        workload: "module:Class" of a `Workload`; every node must be able to import it.
        address: of a cluster that this machine is a node of ("HOST:6379", "auto"): local files of an order then travel
            as bytes. None: the Ray that this process has, or one started for it on this machine; paths are then used
            as they are.

    Raises:
        OptionError: an address that cannot do.
        UnavailableError: Ray is not installed, or does not answer.
    """

    name = "ray"

    def __init__(self, spec: EngineSpec, workload: str = REMOVER, address: str | None = None) -> None:
        self._sees_our_disk = address is None
        self._membership = cluster.join(address)
        super().__init__(spec, workload, spec.max_workers)

    def submit(self, order: Order | Message) -> LocalCall:
        call = self._call(order)
        if not call.is_over:
            self._desk.put(call)
        return call

    def close(self, *, is_patient: bool = True) -> None:
        super().close(is_patient=is_patient)
        self._membership.leave()

    def _call(self, order: Order | Message) -> LocalCall:
        """A call to be queued, or one that has failed because its files cannot travel."""
        if not isinstance(order, Order):
            return LocalCall(order, self._desk.withdraw)
        if self._sees_our_disk:
            return LocalCall(order.as_dict(), self._desk.withdraw)
        call = _ParcelCall(order, self._desk.withdraw)
        try:
            call.order = packed(order).as_dict()
        except BlankLogoError as error:
            call.fail(error)
        return call

    def _hire(self, badge: Badge) -> None:
        def start() -> RayWorker:
            return RayWorker(self.spec, self.workload, self._is_wanted)

        supervisor = Supervisor(self._desk, badge, self.spec, start, self.spec.memory_bytes)
        threading.Thread(target=supervisor.run, name=f"ray-{badge.name}", daemon=True).start()

    def _is_wanted(self) -> bool:
        """Whether a worker for which the cluster has no room yet should wait for it."""
        self._desk.look_at_queue()
        return self._desk.is_wanted()


class _ParcelCall(LocalCall):
    """A call whose files travel as bytes: its result is where the order wanted it before it ends."""

    def __init__(self, order: Order, on_cancel: Callable[[LocalCall], None]) -> None:
        super().__init__({}, on_cancel)
        self._as_asked = order

    def finish(self, result: Message) -> None:
        try:
            super().finish(unpacked(result, self._as_asked))
        except BlankLogoError as error:
            self.fail(error)
