"""One call on Modal, as its caller sees it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

from blanklogo.engines.base import Call, CallStats, Message
from blanklogo.engines.modal.border import ending_error
from blanklogo.engines.modal.events import batches
from blanklogo.engines.prices import call_cost
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import BlankLogoError, CancelledError, PendingError, UnavailableError, from_dict

Deliver = Callable[[Message], Message]


@dataclass(frozen=True)
class Spawned:
    """What Modal gave for an order: the handle on the call, and the queue with its events."""

    handle: Any  # modal.FunctionCall
    events: Any  # modal.Queue


class ModalCall(Call):
    """A call followed by its engine's event loop; all else here may be used from any thread.

    Args:
        deliver: what is done with the result before it is told (a file written, say).
        on_worker: hears the name of each worker that begins the call.
    """

    def __init__(
        self,
        spawned: Spawned,
        spec: EngineSpec,
        deliver: Deliver,
        on_worker: Callable[[str], None],
    ) -> None:
        self.id = spawned.handle.object_id
        self._spawned = spawned
        self._spec = spec
        self._deliver = deliver
        self._on_worker = on_worker
        self._submitted_at, self._submitted_clock = time.time(), time.monotonic()
        self._changed = threading.Condition()
        self._events: list[Message] = []
        self._num_attempts = 0
        self._result: Message | None = None
        self._error: BlankLogoError | None = None
        self._stats = CallStats()
        self._stop_reason: BlankLogoError | None = None
        self._loop = asyncio.get_running_loop()
        self._stop_asked, self._kill_asked, self._begun = asyncio.Event(), asyncio.Event(), asyncio.Event()

    # For whoever called

    def events(self) -> Iterator[Message]:
        index = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda index=index: len(self._events) > index or self.is_over)
                new = self._events[index:]
            if not new:
                return
            yield from new
            index += len(new)

    def result(self, timeout_seconds: float | None = None) -> Message:
        with self._changed:
            if not self._changed.wait_for(lambda: self.is_over, timeout_seconds):
                raise PendingError(f"call {self.id} is not done yet", hint="ask again")
        if self._error is not None:
            raise copy(self._error)  # it may be told to several, each with a traceback of its own
        assert self._result is not None
        return self._result

    def cancel(self) -> None:
        if not self.is_over:
            self._loop.call_soon_threadsafe(self._stop_asked.set)

    @property
    def stats(self) -> CallStats:
        return self._stats

    @property
    def is_over(self) -> bool:
        """Whether it ended, in whatever way."""
        return self._result is not None or self._error is not None

    @property
    def waiting_seconds(self) -> float | None:
        """How long it has waited for a worker; None once one has begun."""
        if self._begun.is_set() or self.is_over:
            return None
        return time.monotonic() - self._submitted_clock

    # For the engine

    def kill(self) -> None:
        """As `cancel`, without grace: whatever runs it is ended at once."""
        if not self.is_over:
            self._loop.call_soon_threadsafe(self._kill_asked.set)
            self._loop.call_soon_threadsafe(self._stop_asked.set)

    async def follow(self) -> None:
        """Hears it to its end, in the engine's loop; never raises."""
        get = asyncio.ensure_future(_outcome(self._spawned.handle))
        stop = asyncio.ensure_future(self._stop(get))
        try:
            async for batch in batches(self._spawned.events, self.id, get):
                for event in batch:
                    self._take(event)
        except Exception as error:  # how the call ends is known all the same
            self._tell_loss(str(error))
        outcome = await get
        if isinstance(outcome, dict) and outcome["lost"]:
            self._tell_loss(outcome["lost"])
        stop.cancel()
        await asyncio.wait({stop})
        await asyncio.to_thread(self._end, outcome)

    async def _stop(self, get: asyncio.Future[Any]) -> None:
        """Stops it when asked to, or when it has waited too long; first softly, then by its worker's end."""
        self._stop_reason = await self._reason_to_stop()
        try:
            if not self._kill_asked.is_set():
                await self._spawned.handle.cancel.aio()
                kill = asyncio.ensure_future(self._kill_asked.wait())
                await asyncio.wait({get, kill}, timeout=self._spec.grace_seconds, return_when=asyncio.FIRST_COMPLETED)
                kill.cancel()
            if not get.done():
                await self._spawned.handle.cancel.aio(terminate_containers=True)
        except Exception as error:  # it runs on; whoever wanted it stopped should know
            self._tell({"type": "notice", "message": f"the call could not be stopped: {error}"})

    async def _reason_to_stop(self) -> BlankLogoError:
        limit_seconds = self._spec.max_queue_seconds
        asked, begun = (asyncio.ensure_future(event.wait()) for event in (self._stop_asked, self._begun))
        try:
            await asyncio.wait({asked, begun}, timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)
            if asked.done() or begun.done() or limit_seconds is None:
                await asked
                return CancelledError(f"call {self.id} was cancelled")
            waited_seconds = time.monotonic() - self._submitted_clock
            return UnavailableError(
                f"no worker took the call within {waited_seconds:.1f} s",
                accepted=f"{limit_seconds:g} s (max_queue_seconds)",
                hint="more max_workers, or later",
            )
        finally:
            asked.cancel()
            begun.cancel()

    def _take(self, event: Message) -> None:
        if event["type"] != "started":
            self._tell(event)
            return
        self._num_attempts += 1
        queued_seconds = max(0.0, event["at"] - self._submitted_at)  # two clocks: exact to their difference
        is_cold = event["run"] == 1 and event["ready_at"] > self._submitted_at
        self._stats = replace(
            self._stats,
            worker=event["worker"],
            queued_seconds=queued_seconds,
            is_cold=is_cold,
            cold_start_seconds=min(event["start_seconds"], queued_seconds) if is_cold else 0.0,
            num_attempts=self._num_attempts,
        )
        self._on_worker(event["worker"])
        self._begun.set()

    def _tell_loss(self, why: str) -> None:
        self._tell({"type": "notice", "message": f"some events did not arrive: {why}"})

    def _tell(self, event: Message) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _end(self, outcome: Message | BaseException) -> None:
        result, error = self._judged(outcome)
        with self._changed:
            if result is not None:
                self._events.append(result)
            self._result, self._error = result, error
            self._changed.notify_all()

    def _judged(self, outcome: Message | BaseException) -> tuple[Message | None, BlankLogoError | None]:
        if isinstance(outcome, BaseException):
            return None, self._stop_reason or ending_error(outcome, self._spec)
        self._stats = replace(self._stats, **outcome["figures"])
        if outcome["error"] is not None:
            return None, from_dict(outcome["error"])
        if outcome["result"] is None:
            return None, UnavailableError("the workload ended without a result")
        try:
            return self._deliver(self._costed(outcome["result"])), None
        except BlankLogoError as error:
            return None, error

    def _costed(self, result: Message) -> Message:
        """A removal's report says what it cost."""
        if "report" not in result:
            return result
        cost = call_cost(self._stats, self._spec, "modal")
        return result | {"report": result["report"] | {"cost": cost and cost.as_dict()}}


async def _outcome(handle: Any) -> Message | BaseException:
    """How the call ended: what it returned, or what Modal raised."""
    try:
        return await handle.get.aio()
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # Modal's InputCancellation is no Exception
        return error
