"""An internet of a few names: what resolves to what is said here, and public addresses are served on this machine.

Two things of the network's edge are stood in for: `socket.getaddrinfo`, and where `socket.create_connection` gets to.
Every look-up and every connection asked for is noted.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from threading import Thread
from typing import Any

import pytest

PUBLIC_IPV4 = "93.184.215.14"
PUBLIC_IPV6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
INSIDE_IPV4 = "127.0.0.1"


@dataclass
class Internet:
    """
    Attributes:
        names: for each name, the answers to the first and to each further look-up; the last one stays.
        served: for each public address, the port on this machine that stands for it.
        looked_up: every name that was asked for.
        connected: every (address, port) that a connection was asked for to.
    """

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)

    def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        self.looked_up.append(str(host))
        if host in self.names:
            answers = self.names[host]
            addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        elif host in ("localhost", "localhost."):
            addresses = [INSIDE_IPV4]
        else:
            addresses = [address] if (address := _literal(host)) else []
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [_answer(address, port) for address in addresses]

    def create_connection(self, place: tuple[str, int], timeout: Any = None, **_: Any) -> socket.socket:
        host, port = place
        address = str(ip_address(host))  # a name would be looked up a second time
        self.connected.append((address, port))
        if address in self.served:
            address, port = INSIDE_IPV4, self.served[address]
        stream = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            stream.settimeout(timeout)
            stream.connect((address, port))
        except BaseException:
            stream.close()
            raise
        return stream


def _literal(host: Any) -> str | None:
    """What a resolver makes of the old forms of an address too ("127.1", "0x7f.1", "2130706433")."""
    try:
        return socket.inet_ntoa(socket.inet_aton(str(host)))
    except OSError:
        return None


def _answer(address: str, port: Any) -> Any:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port or 0, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    feigned = Internet()
    monkeypatch.setattr(socket, "getaddrinfo", feigned.getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", feigned.create_connection)
    return feigned


@dataclass
class Door:
    """A service of this machine that nobody should come to, and how many did."""

    port: int
    num_accepted: int = 0


@contextmanager
def door() -> Iterator[Door]:
    """Listens on 127.0.0.1 and, by the same port, on ::1 where there is IPv6."""
    listeners = [socket.create_server((INSIDE_IPV4, 0))]
    seen = Door(listeners[0].getsockname()[1])
    if socket.has_ipv6:
        with suppress(OSError):  # no IPv6 here, or the port is taken there
            listeners.append(socket.create_server(("::1", seen.port), family=socket.AF_INET6))
    threads = [Thread(target=_greet, args=(listener, seen)) for listener in listeners]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in threads:
            thread.join()


def _greet(listener: socket.socket, seen: Door) -> None:
    while True:
        try:
            stream, _ = listener.accept()
        except OSError:
            return
        seen.num_accepted += 1
        with stream:
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ninside")
