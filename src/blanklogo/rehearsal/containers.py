"""Containers as processes of this machine, and the part of the control plane that they talk to."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from blanklogo.rehearsal.describe import app_layout
from blanklogo.rehearsal.protocol import serve, servicer
from blanklogo.rehearsal.scheduler import Scheduler
from blanklogo.rehearsal.state import Container, State

_HEARTBEAT_SECONDS = 10.0
_LINE_BYTES = 1 << 20
_LAUNCHER = Path(__file__).with_name("launch.py")


class ContainerSide:
    """What one container asks of the control plane."""

    def __init__(self, state: State, scheduler: Scheduler, container: Container) -> None:
        self._state = state
        self._scheduler = scheduler
        self._container = container

    async def ContainerHello(self, request: Any) -> Empty:
        return Empty()

    async def ContainerHeartbeat(self, request: Any) -> api_pb2.ContainerHeartbeatResponse:
        try:
            input_id = await asyncio.wait_for(self._container.cancels.get(), _HEARTBEAT_SECONDS)
        except TimeoutError:
            return api_pb2.ContainerHeartbeatResponse()
        event = api_pb2.CancelInputEvent(input_ids=[input_id])
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=event)

    async def FunctionGetInputs(self, request: Any) -> api_pb2.FunctionGetInputsResponse:
        taken = await self._scheduler.next_inputs(self._container, max(1, request.batch_max_size))
        if taken is None:
            return api_pb2.FunctionGetInputsResponse(inputs=[api_pb2.FunctionGetInputsItem(kill_switch=True)])
        items = [
            api_pb2.FunctionGetInputsItem(
                input_id=one.id,
                input=one.proto,
                function_call_id=one.call.id,
                function_call_invocation_type=one.invocation,  # type: ignore[arg-type]
                retry_count=one.num_retries,
            )
            for one in taken
        ]
        return api_pb2.FunctionGetInputsResponse(inputs=items)

    async def FunctionPutOutputs(self, request: Any) -> Empty:
        for output in request.outputs:
            self._scheduler.finish(output.input_id, output.result, output.data_format)
        return Empty()

    async def FunctionCallGetDataIn(self, request: Any) -> AsyncIterator[api_pb2.DataChunk]:
        call = self._state.calls[request.function_call_id]
        while True:
            yield await call.data_in.get()

    async def FunctionCallPutDataOut(self, request: Any) -> Empty:
        call = self._state.calls[request.function_call_id]
        call.data_out += request.data_chunks
        call.changed.fire()
        return Empty()

    async def TaskResult(self, request: Any) -> Empty:
        if request.result.status != api_pb2.GenericResult.GENERIC_STATUS_SUCCESS:
            self._container.failure = request.result
        return Empty()


class ContainerRunner:
    """Starts containers: the real entrypoint, in this interpreter, with the source that was uploaded.

    Args:
        folder: for the containers' files; short, because it holds sockets whose paths may have about 100 characters.
        parts: of the control plane that containers may use besides their own side of it.
    """

    def __init__(self, state: State, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self.parts: tuple[object, ...] = ()
        self.scheduler: Scheduler | None = None

    async def run(self, container: Container) -> None:
        """From the start of its process to the end of it."""
        assert self.scheduler is not None
        home = self._folder / container.id
        home.mkdir()
        self._write_source(container, home)
        (home / "arguments").write_bytes(self._arguments(container))
        own = ContainerSide(self._state, self.scheduler, container)
        service = servicer(own, *self.parts, on_unknown=self._state.unknown_calls.append)
        server = await serve(service, path=str(home / "socket"))  # one for each: so it is known who asks
        try:
            await self._live(container, home)
        finally:
            server.close()

    async def _live(self, container: Container, home: Path) -> None:
        container.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(_LAUNCHER)),
            cwd=home / "root",
            env=self._environment(container, home),
            stdin=asyncio.subprocess.PIPE,  # never written to: its end tells the container that we are gone
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LINE_BYTES,
        )
        assert container.process.stdout is not None
        async for line in container.process.stdout:
            container.lines.append((time.time(), line.decode(errors="replace").rstrip()))
        container.exit_code = await container.process.wait()

    def _write_source(self, container: Container, home: Path) -> None:
        (home / "root").mkdir()
        for mount_id in container.function.proto.mount_ids:
            for name, digest in self._state.mounts[mount_id].items():
                path = home / name.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self._state.files[digest])

    def _arguments(self, container: Container) -> bytes:
        function = container.function
        return api_pb2.ContainerArguments(
            task_id=container.id,
            function_id=function.id,
            app_id=function.app_id,
            function_def=function.definition.proto,
            app_layout=app_layout(self._state, function.app_id),
            environment_name="main",
            serialized_params=function.serialized_params,
        ).SerializeToString()

    def _environment(self, container: Container, home: Path) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MODAL_")}
        for secret_id in container.function.proto.secret_ids:
            kept |= self._state.secrets.get(secret_id, {})
        theirs = [str(Path(path).absolute()) for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
        return kept | {
            "MODAL_SERVER_URL": f"unix://{home / 'socket'}",
            "MODAL_TASK_ID": container.id,
            "MODAL_IS_REMOTE": "1",
            "MODAL_CONTAINER_ARGUMENTS_PATH": str(home / "arguments"),
            "PYTHONPATH": os.pathsep.join([str(home / "root"), *theirs]),
            "PYTHONUNBUFFERED": "1",
        }
