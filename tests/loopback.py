"""Two servers on this machine: files over HTTP, that can be told to break, and as much of S3 as a client uses."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Files:
    """What a server has, what it was asked, and how it is to behave.

    Attributes:
        cuts: for each further GET, after how many bytes the line breaks.
        statuses: for each further request, a status to answer with instead.
        has_etag: whether versions are named by ETag, and with it ranges served.
        has_date: whether versions are named by Last-Modified, and with it ranges served.
        pause_seconds: between two pieces of 64 KiB, so that somebody can be caught in the middle.
        edits: for each further answer with a file, headers that replace its own; None takes one away.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    has_etag: bool = True
    has_date: bool = False
    pause_seconds: float = 0
    edits: list[dict[str, str | None]] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path with query, range
    parts: dict[str, bytes] = field(default_factory=dict)
    aborted: list[str] = field(default_factory=list)
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Files

    def log_message(self, *told: object) -> None:
        pass

    def do_HEAD(self) -> None:
        if status := self._note():
            self._head(status, b"", {})
        else:
            self._file()

    def do_GET(self) -> None:
        if status := self._note():
            self._answer(status)
        elif body := self._file():
            cut = self.state.cuts.pop(0) if self.state.cuts else None
            self._write(body[:cut])
            if cut is not None:
                self.close_connection = True

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if status := self._note():
            self._answer(status)
        elif number := self._query("partNumber"):
            self.state.parts[f"{int(number):05d}"] = body
            self._answer(200, headers={"ETag": f'"{number}"'})
        else:
            self.state.files[self._path] = body
            self._answer(200, headers={"ETag": _etag(body)})

    def do_POST(self) -> None:
        """The beginning and the end of an upload in parts."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._note()
        if self._query("uploadId"):
            self.state.files[self._path] = b"".join(self.state.parts[number] for number in sorted(self.state.parts))
            self._answer(200, b'<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>')
        else:
            told = b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
            self._answer(200, told)

    def do_DELETE(self) -> None:
        self._note()
        self.state.aborted.append(self._query("uploadId"))
        self._answer(204)

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def _note(self) -> int | None:
        self.state.asked.append((self.command, self.path, self.headers.get("Range")))
        return self.state.statuses.pop(0) if self.state.statuses else None

    def _file(self) -> bytes | None:
        body = self.state.files.get(self._path)
        if body is None:
            return self._answer(404)
        headers = {"ETag": _etag(body)} if self.state.has_etag else {}
        if self.state.has_date or self.state.has_etag:
            headers["Last-Modified"] = "Mon, 23 Nov 2020 10:00:00 GMT"
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if headers else None
        if wanted and self.headers.get("If-Range", _etag(body)) in headers.values():
            start, end = int(wanted[1]), int(wanted[2] or len(body) - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
            return self._head(206, body[start:end], headers)
        return self._head(200, body, headers)

    def _head(self, status: int, body: bytes, headers: dict[str, str]) -> bytes:
        self.send_response_only(status)  # `send_response` would add a second Date
        edits = self.state.edits.pop(0) if self.state.edits else {}
        usual = {"Date": self.date_time_string(), "Content-Length": str(len(body))}
        for name, value in (headers | usual | edits).items():
            if value is not None:
                self.send_header(name, value)
        if edits.get("Content-Length", "") is None:  # the end of the connection is then the end of the body
            self.send_header("Connection", "close")
        self.end_headers()
        return body

    def _write(self, body: bytes) -> None:
        if not self.state.pause_seconds:
            self.wfile.write(body)
            return
        for start in range(0, len(body), 65536):
            self.wfile.write(body[start : start + 65536])
            time.sleep(self.state.pause_seconds)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.wfile.write(self._head(status, body, headers or {}))


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is what some tests are about."""


@contextmanager
def serving() -> Iterator[Files]:
    """A server for the length of the block."""
    state = Files()
    handler = type("Handler", (_Handler,), {"state": state})
    with _Server(("127.0.0.1", 0), handler) as server:
        state.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def _etag(body: bytes) -> str:
    return f'"{len(body)}-{hash(body)}"'  # Python keeps a hash of bytes; a digest of large ones would take its time
