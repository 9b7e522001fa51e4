"""Somebody who is told by webhook: an HTTP server on loopback that can be told how to answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Told:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_seconds: float

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, *secrets: str) -> bool:
        """By all of these, in this order, and by no other: recomputed from the words of the page."""
        message = self.headers["x-webhook-timestamp"].encode() + b"." + self.body
        wanted = [hmac.new(one.encode(), message, hashlib.sha256).hexdigest() for one in secrets]
        return self.headers["x-webhook-signature"] == ",".join(f"sha256={one}" for one in wanted)


@dataclass
class Receiver:
    """
    Attributes:
        statuses: for each further request, what to answer instead of 204.
        headers: sent with every answer.
        body: of every answer that is none of 204.
        held: while it is clear, requests are read and not answered.
        drips: an answer's body comes so slowly that it never ends.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"no"
    drips: bool = False
    told: list[Told] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    leaving: threading.Event = field(default_factory=threading.Event)

    def until(self, number: int) -> list[Told]:
        """All that came, as soon as it is so many."""
        end = time.monotonic() + PATIENCE_SECONDS
        while len(self.told) < number and time.monotonic() < end:
            time.sleep(0.02)
        assert len(self.told) >= number, [told.event["event"] for told in self.told]
        return list(self.told)

    def of(self, job_id: str) -> list[Told]:
        return [told for told in self.told if told.event["data"]["jobId"] == job_id]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def log_message(self, *told: object) -> None:
        pass

    def do_POST(self) -> None:
        receiver = self.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = receiver.statuses.pop(0) if receiver.statuses else 204
        told = {name.lower(): value for name, value in self.headers.items()}
        receiver.told.append(Told(self.path, told, body, time.time()))
        while not receiver.held.wait(0.02):
            if receiver.leaving.is_set():
                self.close_connection = True
                return
        self.send_response(status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        answer = b"" if status == 204 else receiver.body
        self.send_header("Content-Length", str(10**9 if receiver.drips else len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        while receiver.drips and not receiver.leaving.wait(0.05):
            self.wfile.write(b"x")
            self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asks may go away in the middle, or be killed."""


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver for the length of the block."""
    receiver = Receiver()
    receiver.held.set()
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    with _Server(("127.0.0.1", port), handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.leaving.set()
            server.shutdown()
            thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a place where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener, suppress(OSError):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


def free_port() -> int:
    """A port at which nobody listens just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
