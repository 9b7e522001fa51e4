"""Calls of the deployed class from beside it: what the web side of the deployment asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from blanklogo.engines.base import Message
from blanklogo.engines.modal.border import ending_error, service_error
from blanklogo.engines.modal.events import batches, present
from blanklogo.engines.modal.worker import QUEUE_NAME
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import from_dict
from blanklogo.types import Order


class ModalCalls:
    """Spawns calls and hears of them by their ids; any web container may ask of any call.

    Args:
        instance: of the deployed class.
        spec: a worker's means, for the words of an error.
    """

    def __init__(self, instance: Any, spec: EngineSpec) -> None:
        import modal

        self._instance = instance
        self._spec = spec
        self._events = modal.Queue.from_name(QUEUE_NAME, create_if_missing=True)

    async def submit(self, order: Order) -> str:
        """The new call's id."""
        handle = await self._instance.run_to_end.spawn.aio(order.as_dict())
        return handle.object_id

    async def result(self, call_id: str, patience_seconds: float | None) -> Message | None:
        """The last event; None if it is not there within the time given (None: however long it takes).

        Raises:
            BlankLogoError: as the call ended.
        """
        import modal
        from modal.exception import OutputExpiredError

        try:
            end = await modal.FunctionCall.from_id(call_id).get.aio(timeout=patience_seconds)
        except TimeoutError:  # Python's own, and no kind of Modal's
            return None
        except asyncio.CancelledError:
            raise
        except OutputExpiredError as error:
            raise service_error(error) from error
        except BaseException as error:  # Modal's InputCancellation is no Exception
            raise ending_error(error, self._spec) from error
        if end["error"] is not None:
            raise from_dict(end["error"])
        return end["result"]

    async def last_event(self, call_id: str) -> Message | None:
        """The newest one; None while no worker has begun."""
        told = await present(self._events, call_id)
        return told[-1][-1] if told else None

    async def events(self, call_id: str) -> AsyncIterator[Message]:
        """Every event from the first on, until the call ends; the result is not among them."""
        ended = asyncio.ensure_future(self._ended(call_id))
        try:
            async for batch in batches(self._events, call_id, ended):
                for event in batch:
                    if event["type"] != "started":
                        yield event
        finally:
            ended.cancel()

    async def cancel(self, call_id: str) -> None:
        """Asks for a stop."""
        import modal

        await modal.FunctionCall.from_id(call_id).cancel.aio()

    async def _ended(self, call_id: str) -> None:
        try:
            await self.result(call_id, None)
        except Exception:  # how it ended is told to whoever asks for the result
            return
