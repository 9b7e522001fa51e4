"""What goes between a pool and its workers: one message after another over a pair of sockets.

`marshal` is the form, because it carries plain values only, bytes among them, and refuses every class, so that neither
end can depend on what the other has imported. Both ends are the same Python by construction.
"""

from __future__ import annotations

import marshal
import socket
import threading
from multiprocessing.connection import Connection

from blanklogo.engines.base import Message


class Wire:
    """One end. `send` may be called from several threads, `receive` from one at a time."""

    def __init__(self, descriptor: int) -> None:
        self._connection = Connection(descriptor)
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Raises ValueError for a message not made of plain values, OSError when the other end is gone."""
        data = marshal.dumps(message)
        with self._sending:
            self._connection.send_bytes(data)

    def receive(self, timeout_seconds: float | None = None) -> Message | None:
        """The next message; None when there was none in time. Raises EOFError or OSError when the other end is gone."""
        if self._connection.poll(timeout_seconds):
            return marshal.loads(self._connection.recv_bytes())
        return None

    def close(self) -> None:
        self._connection.close()


def wire_pair() -> tuple[Wire, socket.socket]:
    """One end, and the socket that becomes the other in a process that inherits it."""
    ours, theirs = socket.socketpair()
    return Wire(ours.detach()), theirs
