"""HTTP on loopback, from both sides."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

START_SECONDS = 60  # for a runner to answer on a busy machine
ANSWER_SECONDS = 120  # for a removal there

Answer = tuple[int, dict[str, str], bytes]
Answerer = Callable[[str, str, bytes], Answer]
"""(method, path, body) to (status, headers, body)."""


@dataclass
class Media:
    """A web server on loopback, which is inside to a handler.

    Attributes:
        url: of the marked clip.
        output_url: takes a PUT.
        asked: the method and path of every request.
        taken: what was PUT.
    """

    url: str
    output_url: str
    asked: list[str] = field(default_factory=list)
    taken: list[bytes] = field(default_factory=list)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def post(url: str, body: Any) -> tuple[int, Any]:
    """(status, JSON) of a POST of JSON."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def wait_until_it_answers(url: str, is_ready: Callable[[bytes], bool] = lambda body: True) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if is_ready(answer.read()):
                    return
        except OSError:
            pass
        assert time.monotonic() < end, f"{url} does not answer"
        time.sleep(0.1)


@contextmanager
def serving(answerer: Answerer) -> Iterator[str]:
    """A server whose every answer is the function's; its "HOST:PORT"."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, answer = answerer(self.command, self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
