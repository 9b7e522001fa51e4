"""The part of the control plane that callers talk to: calls, their results, their cancellation, and queues."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from blanklogo.rehearsal.scheduler import Scheduler
from blanklogo.rehearsal.state import FunctionCall, Input, Signal, State

MAX_QUEUE_ITEMS = 5000  # in one partition, as the real service has it
_PAGE_ITEMS = 100
_LOOK_SECONDS = 60.0


class Calls:
    """Calls of functions, as their callers see them."""

    def __init__(self, state: State, scheduler: Scheduler) -> None:
        self._state = state
        self._scheduler = scheduler

    async def FunctionMap(self, request: Any) -> api_pb2.FunctionMapResponse:
        call = FunctionCall(self._state.new_id("fc"), self._state.functions[request.function_id])
        self._state.calls[call.id] = call
        invocation = request.function_call_invocation_type
        taken = [self._scheduler.enqueue(call, one.idx, one.input, invocation) for one in request.pipelined_inputs]
        return api_pb2.FunctionMapResponse(
            function_call_id=call.id,
            function_call_jwt=call.id,
            max_inputs_outstanding=1000,
            pipelined_inputs=[_taken(one) for one in taken],
        )

    async def FunctionPutInputs(self, request: Any) -> api_pb2.FunctionPutInputsResponse:
        call = self._call(request.function_call_id)
        taken = [self._scheduler.enqueue(call, one.idx, one.input, 0) for one in request.inputs]
        return api_pb2.FunctionPutInputsResponse(inputs=[_taken(one) for one in taken])

    async def FunctionFinishInputs(self, request: Any) -> Empty:
        return Empty()

    async def FunctionGetOutputs(self, request: Any) -> api_pb2.FunctionGetOutputsResponse:
        call, end = self._call(request.function_call_id), time.monotonic() + request.timeout
        while True:
            outputs, last_entry_id = _new_outputs(call, request)
            left_seconds = end - time.monotonic()
            if outputs or left_seconds <= 0:
                return api_pb2.FunctionGetOutputsResponse(
                    outputs=outputs,
                    last_entry_id=last_entry_id,
                    num_unfinished_inputs=call.num_inputs - len(call.outputs),
                )
            await call.changed.wait(left_seconds)

    async def FunctionCallFromId(self, request: Any) -> api_pb2.FunctionCallFromIdResponse:
        call = self._call(request.function_call_id)
        metadata = api_pb2.FunctionCallHandleMetadata(function_id=call.function.id)
        return api_pb2.FunctionCallFromIdResponse(
            function_call_id=call.id, num_inputs=call.num_inputs, metadata=metadata
        )

    async def FunctionCallCancel(self, request: Any) -> Empty:
        call = self._call(request.function_call_id)
        await self._scheduler.cancel(call, terminate_containers=request.terminate_containers)
        return Empty()

    async def FunctionCallGetDataOut(self, request: Any) -> AsyncIterator[api_pb2.DataChunk]:
        call, index = self._call(request.function_call_id), request.last_index
        while True:
            for chunk in call.data_out[index:]:
                index += 1
                yield chunk
            await call.changed.wait(_LOOK_SECONDS)

    def _call(self, call_id: str) -> FunctionCall:
        if call_id not in self._state.calls:
            raise GRPCError(Status.NOT_FOUND, f"no function call {call_id}")
        return self._state.calls[call_id]


@dataclass
class _Partition:
    items: list[bytes] = field(default_factory=list)
    changed: Signal = field(default_factory=Signal)


class Queues:
    """Named queues, each with partitions that are read in place."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ids: dict[str, str] = {}
        self._partitions: dict[tuple[str, bytes], _Partition] = {}

    async def QueueGetOrCreate(self, request: Any) -> api_pb2.QueueGetOrCreateResponse:
        name = request.deployment_name
        if name not in self._ids:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise GRPCError(Status.NOT_FOUND, f"no queue named {name}")
            self._ids[name] = self._state.new_id("qu")
        metadata = api_pb2.QueueMetadata(name=name)
        return api_pb2.QueueGetOrCreateResponse(queue_id=self._ids[name], metadata=metadata)

    async def QueuePut(self, request: Any) -> Empty:
        partition = self._partition(request)
        if len(partition.items) + len(request.values) > MAX_QUEUE_ITEMS:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, "the queue is full")
        partition.items += request.values
        partition.changed.fire()
        return Empty()

    async def QueueNextItems(self, request: Any) -> api_pb2.QueueNextItemsResponse:
        partition, end = self._partition(request), time.monotonic() + request.item_poll_timeout
        start = int(request.last_entry_id or 0)
        while len(partition.items) <= start and (left_seconds := end - time.monotonic()) > 0:
            await partition.changed.wait(left_seconds)
        page = partition.items[start : start + _PAGE_ITEMS]
        items = [api_pb2.QueueItem(value=value, entry_id=str(start + n)) for n, value in enumerate(page, 1)]
        return api_pb2.QueueNextItemsResponse(items=items)

    def _partition(self, request: Any) -> _Partition:
        return self._partitions.setdefault((request.queue_id, request.partition_key), _Partition())


def _new_outputs(call: FunctionCall, request: Any) -> tuple[list[api_pb2.FunctionGetOutputsItem], str]:
    if request.HasField("start_idx"):
        wanted = range(request.start_idx, request.end_idx + 1)
        return [call.outputs[index] for index in wanted if index in call.outputs], "0-0"
    start = int(request.last_entry_id.partition("-")[0] or 0)
    return [call.outputs[index] for index in call.finished[start:]], f"{len(call.finished)}-0"


def _taken(one: Input) -> api_pb2.FunctionPutInputsResponseItem:
    return api_pb2.FunctionPutInputsResponseItem(idx=one.index, input_id=one.id, input_jwt=one.id)
