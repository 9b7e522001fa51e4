"""A request's body on its way in: how many may come at once, how long a pause may be, when the client is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from blanklogo.errors import CancelledError, OptionError
from blanklogo.service.storage.lanes import Lane
from blanklogo.service.storage.meter import too_large

PAUSE_SECONDS = 60.0  # the longest for which nothing comes
NUM_AT_ONCE = 16  # each takes two parts of 8 MiB, about twice over, and a file's room on the disk
_CLOSE = {"Connection": "close"}  # what is left of the body will not be read
_AGAIN_SECONDS = 5


class Gate:
    """Lets so many in at once, and sends the others away for a while."""

    def __init__(self, num_at_once: int = NUM_AT_ONCE) -> None:
        self._num_free = num_at_once

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Raises HTTPException (503, with Retry-After): no place is free."""
        if self._num_free < 1:
            raise HTTPException(503, "as many uploads as go at once", {"Retry-After": str(_AGAIN_SECONDS), **_CLOSE})
        self._num_free -= 1
        try:
            yield
        finally:
            self._num_free += 1


def announced_bytes(request: Request, max_bytes: int) -> int | None:
    """How long a body says that it is, before any of it is read; None: it does not say.

    Raises:
        TooLargeError: longer than allowed.
        OptionError: no number, or the body is compressed.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise OptionError("a compressed body", accepted="the file's bytes as they are")
    said = request.headers.get("content-length")
    if said is None:
        return None
    if not (said.isascii() and said.isdecimal()):
        raise OptionError(f"Content-Length {said[:40]!r}", accepted="a number of bytes")
    if int(said) > max_bytes:
        raise too_large(max_bytes)
    return int(said)


def silence(pause_seconds: float) -> HTTPException:
    """What a body is refused with of which nothing came for so long."""
    return HTTPException(408, f"nothing came for {pause_seconds:g} seconds", _CLOSE)


async def arriving(
    request: Request, pause_seconds: float = PAUSE_SECONDS, lane: Lane | None = None
) -> AsyncIterator[bytes]:
    """The body's pieces as they come.

    Args:
        lane: in which others may wait for this one's end.

    Raises:
        CancelledError: the client went away.
        HTTPException: 408, nothing came for too long; 423, somebody else goes on in the lane.
    """
    stream = request.stream()
    lane = lane or Lane()
    try:
        while True:
            async with asyncio.timeout(pause_seconds) as limit:
                with lane.waiting(limit):
                    piece = await anext(stream, None)
            if piece is None:
                return
            if piece:
                yield piece
    except TimeoutError:
        if lane.is_to_leave:
            raise HTTPException(423, "nothing came, and another request goes on with this upload", _CLOSE) from None
        raise silence(pause_seconds) from None
    except ClientDisconnect:
        raise CancelledError("the client went away in the middle of its body") from None
