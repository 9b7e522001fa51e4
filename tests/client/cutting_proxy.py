"""The line to a service, through which all goes as it is until it is told to break."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_HEAD = re.compile(rb"([A-Z]+ \S+) HTTP/1\.1\r\n(.*?)\r\n\r\n", re.DOTALL)


@dataclass
class Proxy:
    """How the line behaves, and what went over it.

    Attributes:
        port: of the service; changed when another takes its place.
        asked: requests, as "GET /health", in their order.
        heads: the same with their headers, in lower case.
        cuts_up, cuts_down: after so many further bytes to the service, or from it, the line breaks; once each.
        stalls_up: after so many further bytes to the service nothing more goes through; `stalled` says when.
        cut_answers: by the beginning of a request, after how many bytes of its answer the line breaks; once each.
        refused: beginnings of requests at which the line breaks, each time.
    """

    address: str
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    num_bytes_up: int = 0
    cuts_up: list[int] = field(default_factory=list)
    cuts_down: list[int] = field(default_factory=list)
    stalls_up: list[int] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    cut_answers: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    lines: list[_Line] = field(default_factory=list, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def heal(self) -> None:
        """As good as new, and nothing remembered."""
        for one in (
            self.asked,
            self.heads,
            self.cuts_up,
            self.cuts_down,
            self.stalls_up,
            self.cut_answers,
            self.refused,
        ):
            one.clear()
        self.num_bytes_up = 0
        self.stalled.clear()

    def break_lines(self) -> None:
        """All that are open now."""
        for line in self.lines:
            line.end()

    def num_asked(self, beginning: str) -> int:
        return sum(one.startswith(beginning) for one in self.asked)


class _Line:
    """One connection, and the one that it goes on in."""

    def __init__(self, proxy: Proxy, near: socket.socket) -> None:
        self._proxy = proxy
        self._near = near
        self._far = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
        self._far.settimeout(None)
        self._cuts_down: list[int] = []
        self._both_over = threading.Barrier(2)
        self.threads = [threading.Thread(target=target) for target in (self._up, self._down)]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        for side in (self._near, self._far):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.end()
        for thread in self.threads:
            thread.join()

    def _up(self) -> None:
        self._pump(self._near, self._far, self._looked_up)

    def _down(self) -> None:
        self._pump(self._far, self._near, self._looked_down)

    def _pump(self, source: socket.socket, target: socket.socket, look) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                with self._proxy.lock:
                    passing, goes_on = look(data)
                target.sendall(passing)
                if not goes_on:
                    break
        self.end()
        if self._both_over.wait() == 0:  # only who closes tells a sender that nobody reads any more
            self._near.close()
            self._far.close()

    def _looked_up(self, data: bytes) -> tuple[bytes, bool]:
        proxy = self._proxy
        if match := _HEAD.match(data):
            asked = match[1].decode()
            proxy.asked.append(asked)
            proxy.heads.append(f"{asked}\r\n{match[2].decode('latin-1').lower()}")
            if any(asked.startswith(one) for one in proxy.refused):
                return b"", False
            found = next((one for one in proxy.cut_answers if asked.startswith(one)), None)
            self._cuts_down = [] if found is None else [proxy.cut_answers.pop(found)]
        proxy.num_bytes_up += len(data)
        if proxy.stalls_up and (left := _taken(proxy.stalls_up, data)) is not None:
            proxy.stalled.set()
            proxy.lock.release()  # others go on; this line is held until somebody ends it
            try:
                self._far.sendall(data[:left])
                self._near.setblocking(True)
                while self._near.recv(65536):
                    pass
            finally:
                proxy.lock.acquire()
            return b"", False
        left = _taken(proxy.cuts_up, data)
        return (data, True) if left is None else (data[:left], False)

    def _looked_down(self, data: bytes) -> tuple[bytes, bool]:
        left = _taken(self._cuts_down or self._proxy.cuts_down, data)
        return (data, True) if left is None else (data[:left], False)


def _taken(cuts: list[int], data: bytes) -> int | None:
    """How much of this still goes through; None: all of it."""
    if not cuts:
        return None
    if cuts[0] > len(data):
        cuts[0] -= len(data)
        return None
    return cuts.pop(0)


@contextmanager
def proxying() -> Iterator[Proxy]:
    """A line for the length of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    near, _ = listener.accept()
                    try:
                        proxy.lines.append(_Line(proxy, near))
                    except OSError:  # nobody listens there just now
                        near.close()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield proxy
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()
            for line in proxy.lines:
                line.close()
