"""A call as its caller holds it, and as the worker that runs it fills it in."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from blanklogo.engines.base import Call, CallStats, Message
from blanklogo.errors import BlankLogoError, PendingError
from blanklogo.types import Order


class RayCall(Call):
    """A caller's side (`events`, `result`, `cancel`, `stats`), and the engine's (`tell`, `finish`, `fail`, `note`).

    Args:
        order: as it was submitted.
        on_cancel: told once, when the caller first asks for a stop.
    """

    def __init__(self, order: Order | Message, on_cancel: Callable[[RayCall], None]) -> None:
        self.id = secrets.token_hex(8)
        self.order = order
        self.submitted_seconds = time.monotonic()
        self.is_cancelled = False
        self._on_cancel = on_cancel
        self._changed = threading.Condition()
        self._events: list[Message] = []
        self._is_over = False
        self._error: BlankLogoError | None = None
        self._stats = CallStats()

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self.submitted_seconds

    def events(self) -> Iterator[Message]:
        index = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda index=index: self._is_over or len(self._events) > index)
                fresh = self._events[index:]
            if not fresh:
                return
            yield from fresh
            index += len(fresh)

    def result(self, timeout_seconds: float | None = None) -> Message:
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_over, timeout_seconds):
                raise PendingError(f"call {self.id} is not done yet", hint="ask again; nothing is lost")
            if self._error is not None:
                raise self._error
            return self._events[-1]

    def cancel(self) -> None:
        with self._changed:
            if self.is_cancelled or self._is_over:
                return
            self.is_cancelled = True
        self._on_cancel(self)

    @property
    def stats(self) -> CallStats:
        return self._stats

    def note(self, **figures: Any) -> None:
        """Sets figures of `stats`."""
        with self._changed:
            self._stats = replace(self._stats, **figures)

    def tell(self, message: Message) -> None:
        """Adds an event."""
        with self._changed:
            self._events.append(message)
            self._changed.notify_all()

    def finish(self, result: Message) -> None:
        """Ends well, with the last event."""
        self._end(None, [result])

    def fail(self, error: BlankLogoError) -> None:
        """Ends otherwise."""
        self._end(error, [])

    def _end(self, error: BlankLogoError | None, last: list[Message]) -> None:
        with self._changed:
            if self._is_over:
                return
            self._is_over, self._error = True, error
            self._events += last
            self._changed.notify_all()
