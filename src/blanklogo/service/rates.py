"""How often the service may be asked: a token bucket for each token, and one for each address that shows none.

A bucket holds `burst` requests and gains `per_second` of them; who finds it empty is told when to come back, before a
body is read. Buckets are in this process's memory: of several processes each counts for itself, so that together they
let through as many times more.

Which token it is, is known before the database is asked: by the digest of what was shown, once it was found good. Until
then, and for whoever makes tokens up, the address counts; nobody can use up another's bucket by naming their token.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blanklogo.service.problems import problem

_MAX_KEPT = 20_000  # buckets, and digests; the one that was asked for least lately goes first
_IPV6_NETWORK_BITS = 64  # what one customer has (RFC 6177)


@dataclass(frozen=True)
class Rate:
    """Requests a second in the long run, and at once after a pause. A rate of 0 is none at all: no limit."""

    per_second: float
    burst: int


@dataclass
class _Bucket:
    level: float
    at_seconds: float


class Buckets:
    """One for each name. Args: clock: seconds, from anywhere."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str) -> float:
        """Takes one request out; or says in how many seconds there will be one."""
        if not self._rate.per_second:
            return 0.0
        now = self._clock()
        bucket = self._buckets.setdefault(name, _Bucket(self._rate.burst, now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > _MAX_KEPT:
            self._buckets.popitem(last=False)
        gained = (now - bucket.at_seconds) * self._rate.per_second
        bucket.level, bucket.at_seconds = min(self._rate.burst, bucket.level + gained), now
        if bucket.level < 1:
            return (1 - bucket.level) / self._rate.per_second
        bucket.level -= 1
        return 0.0


class RateLimits:
    """Answers 429 with Retry-After to whoever asks too often.

    Args:
        by_token, by_address: how often.
        free: paths, with all under them, that have no limit.
    """

    def __init__(
        self,
        app: ASGIApp,
        by_token: Rate,
        by_address: Rate,
        free: tuple[str, ...],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._tokens = Buckets(by_token, clock)
        self._addresses = Buckets(by_address, clock)
        self._free = free
        self._good: OrderedDict[bytes, str] = OrderedDict()  # digests of what was shown, and whose token it was

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_free(scope["path"]):
            await self._app(scope, receive, send)
            return
        shown = dict(scope["headers"]).get(b"authorization")
        digest = hashlib.sha256(shown).digest() if shown is not None else None
        seconds = self._wait_seconds(scope, digest)
        if seconds:
            await _refusal(scope, seconds)(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start" and digest is not None:
                self._learn(digest, scope)
            await send(message)

        await self._app(scope, receive, tell)

    def _is_free(self, path: str) -> bool:
        return any(path == free or path.startswith(f"{free}/") for free in self._free)

    def _wait_seconds(self, scope: Scope, digest: bytes | None) -> float:
        token_id = self._good.get(digest) if digest is not None else None
        return self._tokens.take(token_id) if token_id is not None else self._addresses.take(_address(scope))

    def _learn(self, digest: bytes, scope: Scope) -> None:
        """What the request turned out to be, by `tokens.dependency.bearer`."""
        token = scope.get("state", {}).get("token")
        if token is None:
            self._good.pop(digest, None)  # it was revoked, or has expired; or nobody looked
            return
        self._good[digest] = token.id
        self._good.move_to_end(digest)
        if len(self._good) > _MAX_KEPT:
            self._good.popitem(last=False)


def _address(scope: Scope) -> str:
    """Who asks: behind a proxy that uvicorn trusts, by its word. Of IPv6 the network, since a host has all of it."""
    host = (scope.get("client") or ("", 0))[0]
    try:
        address = ip_address(host)
    except ValueError:  # a Unix socket
        return host
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped.compressed if address.ipv4_mapped else _network(address)
    return address.compressed


def _network(address: IPv6Address) -> str:
    return hex(int(address) >> (128 - _IPV6_NETWORK_BITS))


def _refusal(scope: Scope, seconds: float) -> ASGIApp:
    after = math.ceil(seconds)
    return problem(
        scope["state"]["request_id"],
        429,
        "too_many_requests",
        "asked more often than is let through",
        f"again in {after} s",
        {"Retry-After": str(after)},
    )
