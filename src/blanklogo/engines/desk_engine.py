"""What the engines have in common whose calls wait at a desk of this process."""

from __future__ import annotations

from abc import abstractmethod

from blanklogo.engines.base import Engine, EngineStats, Message
from blanklogo.engines.call import LocalCall
from blanklogo.engines.desk import Badge, Desk
from blanklogo.engines.spec import EngineSpec
from blanklogo.types import Order


class DeskEngine(Engine):
    """Queues calls at a desk. An engine of this kind only says how a worker is hired.

    Args:
        num_places: workers at once.
    """

    def __init__(self, spec: EngineSpec, workload: str, num_places: int) -> None:
        super().__init__(spec, workload)
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

    @abstractmethod
    def _hire(self, badge: Badge) -> None:
        """Starts a worker; see `Desk`. May be asked for by the very making of the engine."""
