"""Calls of one job, under way at once on one engine, and heard in one place."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from blanklogo.engines.base import Call, Engine, Message
from blanklogo.engines.errand import as_event
from blanklogo.errors import BlankLogoError, PendingError
from blanklogo.types import Event, Order

_ASK_SECONDS = 0.1  # how often `cancelled` is asked
_ENDING_SECONDS = 15.0  # for calls that are given up to end, their workers' grace included


class Fleet:
    """Used as a context: whatever happens in it, an interruption included, no call is left alone.

    Args:
        cancelled: asked ten times a second while `next` waits, in the caller's thread; true cancels every call.
    """

    def __init__(self, engine: Engine, cancelled: Callable[[], bool]) -> None:
        self._engine = engine
        self._cancelled = cancelled
        self._calls: dict[int, Call] = {}
        self._heard: queue.SimpleQueue[tuple[int, Message | None]] = queue.SimpleQueue()

    def __len__(self) -> int:
        """Calls whose end was not heard yet."""
        return len(self._calls)

    def send(self, key: int, order: Order) -> None:
        """Submits an order; `next` will tell of it by this key."""
        call = self._engine.submit(order)
        self._calls[key] = call
        threading.Thread(target=self._listen, args=(key, call), name="events", daemon=True).start()

    def next(self) -> tuple[int, Message | None]:
        """What is heard next of any call; None: that call is over, and `result` has its end."""
        while True:
            if self._cancelled():
                for call in self._calls.values():
                    call.cancel()
            try:
                return self._heard.get(timeout=_ASK_SECONDS)
            except queue.Empty:
                continue

    def result(self, key: int) -> Message:
        """Of a call that is over. Raises as it ended."""
        return self._calls.pop(key).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for call in self._calls.values():
            call.cancel()
        for call in self._calls.values():
            _wait(call)

    def _listen(self, key: int, call: Call) -> None:
        for message in call.events():
            self._heard.put((key, message))
        self._heard.put((key, None))


def heard_out(
    engine: Engine, order: Order, on_event: Callable[[Event], None], cancelled: Callable[[], bool]
) -> Message:
    """The result of a single call, its events told in the caller's thread. Raises as the call ended."""
    with Fleet(engine, cancelled) as fleet:
        fleet.send(0, order)
        while (message := fleet.next()[1]) is not None:
            if event := as_event(message):
                on_event(event)
        return fleet.result(0)


def _wait(call: Call) -> None:
    try:
        call.result(_ENDING_SECONDS)
    except (BlankLogoError, PendingError):
        return
