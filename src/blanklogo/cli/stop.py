"""How the command is stopped: by a signal, or by the reader of its output going away."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
GRACE_SECONDS = 5  # to clean up after a stop was heeded; far more than closing a file takes
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interruption(KeyboardInterrupt):
    """Raised in the main thread by a signal.

    A class of its own, because CPython remembers a plain KeyboardInterrupt that passed through an `exec` of text (every
    dataclass is made by one), and ends the process by SIGINT instead of its exit code though it was caught.
    """


class Stop:
    """Whether to stop; called by the library between pieces of work.

    While work that asks is under way, the first signal asks for a stop at the next good moment. At other times, and
    when a second signal finds that nobody has asked, the main thread is interrupted at once and everything cleans up
    as the interruption passes through it. That happens once at most, so that the cleaning up is never cut short.
    """

    def __init__(self) -> None:
        self.requested = False
        self.exit_code = INTERRUPTED
        self._is_asked = False
        self._is_over = False
        self._heeded_at_seconds: float | None = None

    def __call__(self) -> bool:
        if self.requested and self._heeded_at_seconds is None:
            self._heeded_at_seconds = time.monotonic()
        return self.requested

    def request(self, exit_code: int = INTERRUPTED) -> None:
        """Asks for a stop at the next good moment."""
        self.requested = True
        self.exit_code = exit_code

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Around work that asks; once it is done, signals come too late and are not heard."""
        self._is_asked = True
        try:
            yield
        finally:
            self._is_over = True

    def listen(self) -> None:
        """Hears signals from now on, but for those that whoever started us wants ignored (`nohup`, `&` in a script)."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        """Hears no signals from now on; the interpreter's own end, which forgets its handlers, included."""
        self._is_over = True
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._is_over or self._is_being_heeded():
            return
        if self._is_asked and not self.requested:
            self.request()
            return
        self._is_over = True
        raise Interruption

    def _is_being_heeded(self) -> bool:
        heeded = self._heeded_at_seconds
        return heeded is not None and time.monotonic() - heeded < GRACE_SECONDS
