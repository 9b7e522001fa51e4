"""One request at a time for each upload, as the tus protocol wants it (its "locking"; 423 is RFC 4918's Locked).

Who comes while an earlier request still brings bytes waits until that is over, so that what it is told of how far the
upload is holds all that came. An earlier request whose line broke without a word, and from which nothing comes any
more, gives way. The lanes are one process's; between several, a part that was put twice is refused (`uploads`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from fastapi import HTTPException

PATIENCE_SECONDS = 20.0  # for the request before
STALL_SECONDS = 2.0  # without a byte, after which it is taken for broken once somebody else comes
_LOOK_SECONDS = 0.05
_AGAIN = {"Retry-After": "2", "Connection": "close"}  # what is left of the body will not be read


class Lane:
    """What the request that is at an upload is doing."""

    def __init__(self) -> None:
        self.is_to_leave = False
        self._limit: asyncio.Timeout | None = None
        self._since_seconds = 0.0

    @contextmanager
    def waiting(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Within: it waits for bytes, until the limit."""
        self._limit, self._since_seconds = limit, asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self._limit = None

    def give_way(self, stall_seconds: float) -> None:
        """Ends the waiting of one that has waited so long already; whatever else it does goes on to its end."""
        now = asyncio.get_running_loop().time()
        if self._limit is not None and not self.is_to_leave and now - self._since_seconds >= stall_seconds:
            self.is_to_leave = True
            self._limit.reschedule(now)


class Lanes:
    """Of one event loop."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS, stall_seconds: float = STALL_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._stall_seconds = stall_seconds
        self._taken: dict[str, Lane] = {}

    @asynccontextmanager
    async def entered(self, key: str) -> AsyncIterator[Lane]:
        """Within: nobody else is at this upload. Raises HTTPException (423, with Retry-After): somebody still is."""
        end = asyncio.get_running_loop().time() + self._patience_seconds
        while (before := self._taken.get(key)) is not None:
            if asyncio.get_running_loop().time() >= end:
                raise HTTPException(423, "an earlier request still brings bytes of this upload", _AGAIN)
            before.give_way(self._stall_seconds)
            await asyncio.sleep(_LOOK_SECONDS)
        lane = self._taken[key] = Lane()
        try:
            yield lane
        finally:
            del self._taken[key]
