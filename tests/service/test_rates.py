"""Who asks too often is told so, and when to come back, before a body is read; by a clock that the test turns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from running import client, running
from starlette.types import Receive, Scope, Send

from blanklogo.engines.open import open_engine
from blanklogo.service.rates import Buckets, Rate, RateLimits


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Named:
    """As much of a token as is counted by."""

    id: str


@dataclass
class Door:
    """The limits before an application that knows one token, and says who was let through."""

    clock: Clock = field(default_factory=Clock)
    good: dict[str, str] = field(default_factory=lambda: {"Bearer tok_a:s": "tok_a", "Bearer tok_b:s": "tok_b"})
    num_bodies: int = 0

    def __post_init__(self) -> None:
        rates = Rate(1, 3), Rate(0.5, 2)
        self.limits = RateLimits(self._app, *rates, free=("/files", "/health"), clock=self.clock)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = dict(scope["headers"]).get(b"authorization", b"").decode()
        await receive()
        self.num_bodies += 1
        if shown in self.good:
            scope["state"]["token"] = Named(self.good[shown])
        await send({"type": "http.response.start", "status": 200 if shown in self.good else 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def ask(self, shown: str | None = None, address: str = "192.0.2.1", path: str = "/api/v1/jobs") -> tuple[int, Any]:
        """The status, and after how many seconds to come back."""
        headers = [(b"authorization", shown.encode())] if shown else []
        scope = {
            "type": "http", "method": "POST", "path": path, "headers": headers, "client": (address, 1),
            "state": {"request_id": "req_1"},
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"a video", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.limits(scope, receive, send))
        after = dict(sent[0]["headers"]).get(b"retry-after")
        return sent[0]["status"], after and int(after)


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    buckets = Buckets(Rate(2, 3), clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.seconds += 0.25
    assert buckets.take("a") == pytest.approx(0.25), "asking takes nothing out of an empty bucket"
    clock.seconds += 0.25
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    clock.seconds += 3600
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5], "it holds no more than a burst"


def test_buckets_are_ones_own() -> None:
    buckets = Buckets(Rate(1, 1), Clock())
    assert [buckets.take("a"), buckets.take("b"), buckets.take("a")] == [0, 0, 1]


def test_a_rate_of_nothing_is_no_limit() -> None:
    buckets = Buckets(Rate(0, 1), Clock())
    assert {buckets.take("a") for _ in range(100)} == {0}


def test_memory_is_bounded() -> None:
    clock = Clock()
    buckets = Buckets(Rate(1, 1), clock)
    for index in range(30_000):
        buckets.take(f"10.{index}")
    assert len(buckets._buckets) == 20_000


def test_a_token_has_its_own_rate_and_the_address_another(door: Door) -> None:
    assert door.ask("Bearer tok_a:s") == (200, None), "unknown so far: the address counts"
    assert [door.ask("Bearer tok_a:s")[0] for _ in range(4)] == [200, 200, 200, 429]
    assert door.ask("Bearer tok_a:s") == (429, 1)
    assert door.ask("Bearer tok_b:s") == (200, None), "another token is not held up by it"
    assert door.ask() == (429, 2), "two were unknown at this address"
    door.clock.seconds += 2
    assert door.ask("Bearer tok_a:s") == (200, None)
    assert door.ask() == (401, None)


def test_made_up_tokens_use_up_the_address_and_nobodys_bucket(door: Door) -> None:
    door.ask("Bearer tok_a:s")
    assert [door.ask(f"Bearer tok_a:{n}", "198.51.100.7")[0] for n in range(4)] == [401, 401, 429, 429]
    assert [door.ask("Bearer tok_a:s")[0] for _ in range(3)] == [200, 200, 200]


def test_a_token_that_was_revoked_counts_by_its_address_again(door: Door) -> None:
    door.ask("Bearer tok_a:s")
    door.good.clear()
    door.clock.seconds += 100
    assert [door.ask("Bearer tok_a:s")[0] for _ in range(4)] == [401, 401, 401, 429]


def test_a_body_is_not_read_before(door: Door) -> None:
    for _ in range(5):
        door.ask()
    assert door.num_bodies == 2


def test_addresses_of_ipv6_count_by_their_network(door: Door) -> None:
    statuses = [door.ask(address=f"2001:db8:0:1::{n}")[0] for n in range(1, 4)]
    assert statuses == [401, 401, 429]
    assert door.ask(address="2001:db8:0:2::1")[0] == 401
    assert [door.ask(address=address)[0] for address in ("192.0.2.9", "::ffff:192.0.2.9", "192.0.2.9")][2] == 429


def test_some_paths_are_free(door: Door) -> None:
    assert {door.ask(path=path)[0] for path in ("/files/a/b.mp4", "/health") for _ in range(9)} == {401}
    assert [door.ask(path="/healthy")[0] for _ in range(3)][2] == 429


def test_the_service_answers_429_with_a_problem(tmp_path: Path) -> None:
    rates = {"rate_per_second": 0.01, "rate_burst": 3, "anonymous_per_second": 0.01, "anonymous_burst": 2}
    with (
        open_engine("inline", workload="service_workloads:Copier") as engine,
        running(tmp_path, engine, **rates) as service,
        client(service.url) as nobody,
        service.user() as ann,
    ):
        assert ann.get("/api/v1/jobs")["total"] == 0
        answers = [ann.http.post("/api/v1/jobs/upload", content=b"") for _ in range(4)]
        assert [answer.status_code for answer in answers[:3]] == [422, 422, 422]
        told = answers[3].json()
        assert answers[3].headers["content-type"] == "application/problem+json"
        assert (answers[3].status_code, told["code"], answers[3].headers["retry-after"]) == (
            429,
            "too_many_requests",
            "100",
        )
        assert told["request_id"] == answers[3].headers["x-request-id"]
        assert told["hint"] == "again in 100 s"
        assert _status(nobody, "/api/v1/jobs") == [401, 429]
        assert _status(nobody, "/healthz") == [200, 200]


def _status(http: httpx2.Client, path: str) -> list[int]:
    return [http.get(path).status_code for _ in range(2)]
