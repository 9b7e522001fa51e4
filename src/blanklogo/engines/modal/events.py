"""A spawned call's events, read in place from the queue that its container writes to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from blanklogo.engines.base import Message

_FOREVER_SECONDS = 7 * 24 * 3600.0  # longer than Modal lets a call run


async def batches(events: Any, call_id: str, ended: asyncio.Future[Any]) -> AsyncIterator[list[Message]]:
    """Every batch from the first on, as they come, until `ended` is done and all is read.

    Args:
        events: a `modal.Queue`.
    """
    num_read = 0
    source = aiter(events.iterate.aio(partition=call_id, item_poll_timeout=_FOREVER_SECONDS))
    while not ended.done():
        coming = asyncio.ensure_future(anext(source))
        await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not coming.done():
            coming.cancel()
            await asyncio.wait({coming})
            break
        num_read += 1
        yield coming.result()
    for batch in (await present(events, call_id))[num_read:]:
        yield batch


async def present(events: Any, call_id: str) -> list[list[Message]]:
    """Every batch that is there now."""
    return [batch async for batch in events.iterate.aio(partition=call_id, item_poll_timeout=0)]
