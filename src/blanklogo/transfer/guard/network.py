"""Connections to addresses that were checked, and to no others."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

import httpcore2

from blanklogo.transfer.guard.addresses import Address
from blanklogo.transfer.guard.pace import Pace
from blanklogo.transfer.guard.policy import Policy
from blanklogo.transfer.guard.refusal import NotPublic
from blanklogo.transfer.guard.urls import as_address

MAX_TRIED = 4  # addresses of one name; all are checked
_SEND_BYTES = 1 << 16


class GuardedBackend(httpcore2.NetworkBackend):
    """Looks a host up once, refuses it unless every address may be reached, and connects to one of these addresses.

    The name is not looked up again, so that a second answer cannot differ from the one that was checked. TLS is spoken
    by the library above, which still asks for the URL's own name (SNI) and verifies the certificate for it.
    """

    def __init__(self, policy: Policy, pace: Pace) -> None:
        self._policy = policy
        self._pace = pace
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection. Raises Refused, and httpcore2.ConnectError or ConnectTimeout when nobody answers."""
        error: Exception = httpcore2.ConnectError("no address")
        for address in checked_addresses(host, port, self._policy)[:MAX_TRIED]:
            try:
                with self._pace.waiting(timeout) as limit_seconds:
                    stream = self._plain.connect_tcp(str(address), port, limit_seconds, local_address, socket_options)
                return _PacedStream(stream, self._pace)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as caught:
                error = caught
        raise error


def checked_addresses(host: str, port: int, policy: Policy) -> list[Address]:
    """Every address of a host, in the order of the resolver's preference.

    Raises:
        NotPublic: there is none, or one that may not be reached.
        httpcore2.ConnectError: the resolver could not say; it may later.
    """
    literal = as_address(host)
    addresses = [literal] if literal is not None else _resolved(host, port)
    if not addresses:
        raise NotPublic
    if not policy.allows_name(host) and not all(policy.allows_address(address) for address in addresses):
        raise NotPublic
    return addresses


def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise httpcore2.ConnectError("its name could not be looked up") from error
        return []
    except ValueError:  # a name that the resolver's own encoding refuses (UnicodeError is one)
        return []
    return list(dict.fromkeys(ip_address(str(place[0])) for *_, place in found))


class _PacedStream(httpcore2.NetworkStream):
    """A stream that keeps its peer to the pace."""

    def __init__(self, stream: httpcore2.NetworkStream, pace: Pace) -> None:
        self._stream = stream
        self._pace = pace

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._pace.waiting(timeout) as limit_seconds:
            data = self._stream.read(max_bytes, limit_seconds)
            self._pace.moved(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends piece by piece: one `write` of the library's own goes on for as long as the peer takes a byte now and
        then."""
        peer: socket.socket = self._stream.get_extra_info("socket")
        left = memoryview(buffer)
        while left:
            with self._pace.waiting(timeout) as limit_seconds:
                num_bytes = _sent(peer, left[:_SEND_BYTES], limit_seconds)
                self._pace.moved(num_bytes)
            left = left[num_bytes:]

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        with self._pace.waiting(timeout) as limit_seconds:
            return _PacedStream(self._stream.start_tls(ssl_context, server_hostname, limit_seconds), self._pace)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _sent(peer: socket.socket, data: memoryview, limit_seconds: float) -> int:
    """How many bytes the peer took, one at least."""
    try:
        peer.settimeout(limit_seconds)
        return peer.send(data)
    except TimeoutError as error:
        raise httpcore2.WriteTimeout(str(error)) from error
    except OSError as error:
        raise httpcore2.WriteError(str(error)) from error
