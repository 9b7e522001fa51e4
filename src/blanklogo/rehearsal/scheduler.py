"""Inputs to containers: scale up, scale down, tries again, timeouts, memory limits, kills."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from modal_proto import api_pb2

from blanklogo.engines.memory import group_rss_bytes
from blanklogo.rehearsal.state import Container, Function, FunctionCall, Input, State

_TICK_SECONDS = 0.05
_TICKS_PER_MEMORY_LOOK = 4
TIMEOUT_GRACE_SECONDS = 2.0  # between cancelling an input over its timeout and killing its container

_Result = api_pb2.GenericResult


class Scheduler:
    """Decides which container runs what.

    Args:
        start: runs a container from its start to its end; returns when its process is gone.
    """

    def __init__(self, state: State, start: Callable[[Container], Awaitable[None]]) -> None:
        self._state = state
        self._start = start
        self._running: set[asyncio.Task[None]] = set()
        self._is_closed = False

    # Work comes in

    def enqueue(self, call: FunctionCall, index: int, proto: api_pb2.FunctionInput, invocation: int) -> Input:
        """A new input of a call, waiting for a container."""
        one = Input(self._state.new_id("in"), index, call, proto, invocation)
        self._state.inputs[one.id] = one
        call.num_inputs += 1
        self._wait(one)
        return one

    def _wait(self, one: Input) -> None:
        one.container = None
        one.call.function.waiting.append(one)
        one.call.function.changed.fire()
        self.scale(one.call.function)

    def scale(self, function: Function) -> None:
        """Starts the containers that what waits, or the promised minimum, asks for."""
        if self._is_closed:
            return
        staying = [container for container in function.alive if not container.is_leaving]
        wanted = len(function.waiting) - sum(container.num_free for container in staying)
        wanted = max(-(-wanted // function.concurrency), function.min_containers - len(staying))
        for _ in range(min(wanted, function.max_containers - len(staying))):
            container = Container(self._state.new_id("ta"), function)
            function.containers.append(container)
            task = asyncio.ensure_future(self._run(container))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    # Work goes to containers

    async def next_inputs(self, container: Container, limit: int) -> list[Input] | None:
        """Work for a container that asks; None once it has been idle for the scaledown window, and is to leave."""
        function = container.function
        container.is_ready = True
        if not container.inputs:
            container.idle_since = time.monotonic()
        while not function.waiting:
            left_seconds = container.idle_since + function.scaledown_seconds - time.monotonic()
            if not container.inputs and left_seconds <= 0 and self._may_leave(container):
                container.is_leaving = True
                return None
            await function.changed.wait(min(max(left_seconds, _TICK_SECONDS), 1.0))
        taken = [function.waiting.popleft() for _ in range(min(limit, len(function.waiting)))]
        for one in taken:
            one.container, one.started = container, time.monotonic()
            container.inputs[one.id] = one
        return taken

    def _may_leave(self, container: Container) -> bool:
        staying = [one for one in container.function.alive if not one.is_leaving]
        return len(staying) > container.function.min_containers

    # Work ends

    def finish(self, input_id: str, result: _Result, data_format: int = api_pb2.DATA_FORMAT_PICKLE) -> None:
        """An input's end as its container tells it."""
        one = self._state.inputs.get(input_id)
        if one is None:
            return
        self._release(one)
        self._end(one, result, data_format)

    def _end(self, one: Input, result: _Result, data_format: int = api_pb2.DATA_FORMAT_PICKLE) -> None:
        if one.is_over:
            return
        one.call.outputs[one.index] = api_pb2.FunctionGetOutputsItem(
            idx=one.index,
            input_id=one.id,
            result=result,
            data_format=data_format,  # type: ignore[arg-type]
            task_id=one.container.id if one.container else "",
        )
        one.call.finished.append(one.index)
        one.call.changed.fire()

    def _release(self, one: Input) -> None:
        if one.container and one.container.inputs.pop(one.id, None) and not one.container.inputs:
            one.container.idle_since = time.monotonic()

    async def cancel(self, call: FunctionCall, *, terminate_containers: bool) -> None:
        """What waits ends at once; what runs is told, and its container killed where that is asked for."""
        for one in [one for one in self._state.inputs.values() if one.call is call and not one.is_over]:
            if one.container is None:
                call.function.waiting.remove(one)
                self._end(one, _Result(status=_Result.GENERIC_STATUS_TERMINATED, exception="Input was cancelled"))
            elif terminate_containers:
                self.kill(one.container, "its call was cancelled")
                await one.container.gone.wait()
            else:
                one.container.cancels.put_nowait(one.id)

    # A container's life

    async def _run(self, container: Container) -> None:
        try:
            await self._start(container)
        finally:
            container.gone.set()
        for one in list(container.inputs.values()):
            self._after_death(one, container)
        if container.failure is not None or not container.is_ready:
            failure = container.failure or _died(container)
            while container.function.waiting:
                self._end(container.function.waiting.popleft(), failure)
        else:
            self.scale(container.function)

    def _after_death(self, one: Input, container: Container) -> None:
        self._release(one)
        if one.is_over:
            return
        is_wanted = container.killed_for is None or "memory" in container.killed_for
        if is_wanted and one.num_retries < one.call.function.proto.retry_policy.retries:
            one.num_retries += 1
            self._wait(one)
        else:
            self._end(one, container.failure or _died(container))

    def kill(self, container: Container, reason: str) -> None:
        """Ends a container at once."""
        if container.process and container.is_alive:
            container.killed_for = reason
            container.process.kill()  # its launcher takes the whole group with it

    # Limits

    async def watch(self) -> None:
        """Holds timeouts and memory limits until it is cancelled."""
        tick = 0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            tick += 1
            for container in self._state.containers:
                if container.is_alive and container.process:
                    self._hold_timeouts(container, time.monotonic())
                    if tick % _TICKS_PER_MEMORY_LOOK == 0 and container.inputs:
                        self._hold_memory(container)

    def _hold_timeouts(self, container: Container, now: float) -> None:
        function = container.function
        if not container.is_ready and now - container.born > function.startup_timeout_seconds:
            message = f"the container hit its startup timeout of {function.startup_timeout_seconds}s"
            container.failure = _Result(status=_Result.GENERIC_STATUS_TIMEOUT, exception=message)
            self.kill(container, "startup timeout")
        for one in list(container.inputs.values()):
            over_seconds = now - one.started - function.timeout_seconds
            if over_seconds > 0 and not one.is_timed_out:
                one.is_timed_out = True
                message = f"Task's current input in {one.id} hit its timeout of {function.timeout_seconds}s"
                self._end(one, _Result(status=_Result.GENERIC_STATUS_TIMEOUT, exception=message))
                container.cancels.put_nowait(one.id)
            elif over_seconds > TIMEOUT_GRACE_SECONDS:
                self.kill(container, "it did not stop after its timeout")

    def _hold_memory(self, container: Container) -> None:
        limit_bytes = container.function.proto.resources.memory_mb_max << 20
        if not limit_bytes or not container.process:
            return
        if (group_rss_bytes(container.process.pid) or 0) > limit_bytes:  # it leads a group of its own
            self.kill(container, f"out of memory, over {limit_bytes >> 20} MiB")

    # The end

    async def stop_app(self, app_id: str) -> None:
        """Kills an app's containers; what waits for them ends."""
        for function in [one for one in self._state.functions.values() if one.app_id == app_id]:
            while function.waiting:
                message = "the app was stopped"
                self._end(
                    function.waiting.popleft(), _Result(status=_Result.GENERIC_STATUS_TERMINATED, exception=message)
                )
            for container in function.alive:
                self.kill(container, "the app was stopped")
                await container.gone.wait()

    async def close(self) -> None:
        """Kills every container, and returns when all are gone."""
        self._is_closed = True
        for container in self._state.containers:
            self.kill(container, "the rehearsal is over")
        while self._running:
            await asyncio.wait(self._running)


def _died(container: Container) -> _Result:
    why = container.killed_for or f"exit code {container.exit_code}"
    return _Result(
        status=_Result.GENERIC_STATUS_INTERNAL_FAILURE,
        exception=f"container {container.id} died: {why}",
        exitcode=(container.exit_code or 0) & 0xFF,
    )
