"""How the command is stopped: by a signal, or by the reader of its output going away."""

from __future__ import annotations

import signal
from types import FrameType

INTERRUPTED = 130
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stop:
    """Whether to stop; called by the library between pieces of work.

    The first signal while work is under way asks for a stop at the next good moment. Before that, and from the second
    signal on, the main thread is interrupted at once, and everything cleans up as the interruption passes through it;
    further signals are then ignored so that the cleaning up itself is not cut short.
    """

    def __init__(self) -> None:
        self.requested = False
        self.is_working = False
        self.exit_code = INTERRUPTED

    def __call__(self) -> bool:
        return self.requested

    def request(self, exit_code: int = INTERRUPTED) -> None:
        """Asks for a stop at the next good moment."""
        self.requested = True
        self.exit_code = exit_code

    def listen(self) -> None:
        """Hears signals from now on, but for those that whoever started us wants ignored (`nohup`, `&` in a script)."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        """Hears no signals from now on."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_working and not self.requested:
            self.request()
            return
        self.ignore()
        raise KeyboardInterrupt
