"""Both kinds of client, asked in the same words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from blanklogo.client import AsyncClient, AsyncEndpoint, Client, Endpoint, Job

PATIENCE_SECONDS = 60.0  # far more than anything here takes
RIGHTS = {"rights_confirmed": True}


@dataclass
class Asking:
    """A client, and how its calls are brought to their end.

    Attributes:
        end: what becomes of a call's value; of a coroutine, its result.
    """

    client: Any
    end: Callable[[Any], Any]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **how: self.end(getattr(self.client, name)(*args, **how))

    def over(self, job_id: str, **how: Any) -> Job:
        return self.wait(job_id, **{"timeout_seconds": PATIENCE_SECONDS, **how})

    def all(self, **filters: Any) -> list[Job]:
        found = self.client.each(**filters)
        return list(found) if hasattr(found, "__iter__") else self.end(_gathered(found))


async def _gathered(found: Any) -> list[Any]:
    return [one async for one in found]


@contextmanager
def asking(kind: str, *args: Any, is_endpoint: bool = False, **how: Any) -> Iterator[Asking]:
    """A client for the length of the block."""
    if kind == "waiting":
        with (Endpoint if is_endpoint else Client)(*args, **how) as client:
            yield Asking(client, lambda value: value)
        return
    with asyncio.Runner() as runner:
        client = (AsyncEndpoint if is_endpoint else AsyncClient)(*args, **how)
        try:
            yield Asking(client, lambda coroutine: runner.run(coroutine))
        finally:
            runner.run(client.close())
