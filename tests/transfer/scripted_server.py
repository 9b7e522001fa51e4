"""Servers of this machine that redirect, speak TLS by a name, or make whoever asks wait."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MEDIA = b"what was asked for"


@dataclass
class Script:
    """
    Attributes:
        redirects: for a path, the status and the URL that it answers with; any other path is served, or takes a PUT.
        headers: sent with what is served.
        asked: method, Host and path of every request.
        names: what TLS clients asked for by SNI.
        taken: the bodies that were PUT, by path.
    """

    port: int = 0
    redirects: dict[str, tuple[int, str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    taken: dict[str, bytes] = field(default_factory=dict)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, *told: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.script.asked.append((self.command, self.headers["Host"], self.path))
        if step := self.script.redirects.get(self.path.partition("?")[0]):
            self._answer(step[0], b"", {"Location": step[1]})
            return
        if self.command == "PUT":
            self.script.taken[self.path] = body
        self._answer(200, MEDIA, self.script.headers)

    do_PUT = do_GET

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that trusts no certificate, or goes away, is what some tests are about."""


@contextmanager
def scripted(chain: Path | None = None) -> Iterator[Script]:
    """A server on 127.0.0.1; with TLS, if it has a certificate (and its key, in one file)."""
    script = Script()
    handler = type("Handler", (_Handler,), {"script": script})
    with _Server(("127.0.0.1", 0), handler) as server:
        if chain is not None:
            server.socket = _over_tls(server.socket, chain, script)
        script.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()


def _over_tls(listener: socket.socket, chain: Path, script: Script) -> socket.socket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.sni_callback = lambda stream, name, context: script.names.append(name)
    return context.wrap_socket(listener, server_side=True)


def make_certificates(folder: Path, names: str) -> tuple[Path, Path]:
    """An authority, and a chain with key that it signed for the names ("DNS:a.example,…"); made by openssl."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Tests")
    openssl("req", *key, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=tests")
    (folder / "names").write_text(f"subjectAltName={names}\n")
    signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
    openssl("x509", "-req", "-in", "own.csr", *signing, "-out", "own.pem")
    (folder / "chain.pem").write_bytes((folder / "own.pem").read_bytes() + (folder / "own.key").read_bytes())
    return folder / "ca.pem", folder / "chain.pem"


@contextmanager
def speaking(speak: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """The port of a server that does with each connection what the function does; the event says that it is over."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def attend(stream: socket.socket) -> None:
        with stream, suppress(OSError):
            speak(stream, over)

    def accept() -> None:
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=attend, args=(stream,)))
            threads[-1].start()

    listener = socket.create_server(("127.0.0.1", 0))
    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join()
