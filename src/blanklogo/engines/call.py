"""A call of the engines whose workers this process looks after: what was heard so far, kept for whoever asks."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any

from blanklogo.engines.base import Call, CallStats, Message
from blanklogo.errors import BlankLogoError, PendingError


class LocalCall(Call):
    """Callers use what `Call` promises; the engine uses `begin`, `tell`, `finish` and `fail`.

    Args:
        order: what the workload is to do.
        on_cancel: told, once, that the caller wants it to stop.

    Attributes:
        queued_at_seconds: when it was last put into the queue, on the monotonic clock.
    """

    def __init__(self, order: Message, on_cancel: Callable[[LocalCall], None]) -> None:
        self.id = secrets.token_hex(8)
        self.order = order
        self.submitted_at_seconds = self.queued_at_seconds = time.monotonic()
        self.is_cancel_asked = False
        self._on_cancel = on_cancel
        self._changed = threading.Condition()
        self._events: list[Message] = []
        self._result: Message | None = None
        self._error: BlankLogoError | None = None
        self._stats = CallStats()

    def events(self) -> Iterator[Message]:
        index = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda index=index: len(self._events) > index or self.is_over)
                if len(self._events) == index:
                    return
                event = self._events[index]
            index += 1
            yield event

    def result(self, timeout_seconds: float | None = None) -> Message:
        with self._changed:
            if not self._changed.wait_for(lambda: self.is_over, timeout_seconds):
                raise PendingError(f"call {self.id} is not done yet", hint="ask again")
            if self._error is not None:
                raise copy(self._error)  # one error may be told to several, each with a traceback of its own
            assert self._result is not None
            return self._result

    def cancel(self) -> None:
        with self._changed:
            if self.is_over or self.is_cancel_asked:
                return
            self.is_cancel_asked = True
        self._on_cancel(self)

    @property
    def stats(self) -> CallStats:
        return self._stats

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self._result is not None or self._error is not None

    def note(self, **figures: Any) -> None:
        """Figures that have become known."""
        with self._changed:
            self._stats = replace(self._stats, **figures)

    def tell(self, event: Message) -> None:
        """An event that is not the last."""
        with self._changed:
            if not self.is_over:
                self._events.append(event)
                self._changed.notify_all()

    def finish(self, result: Message) -> None:
        """It did well. A call ends once: what comes after its end is not heard."""
        with self._changed:
            if not self.is_over:
                self._events.append(result)
                self._result = result
                self._changed.notify_all()

    def fail(self, error: BlankLogoError) -> None:
        """It ended with an error."""
        with self._changed:
            if not self.is_over:
                self._error = error
                self._changed.notify_all()
