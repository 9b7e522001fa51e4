"""The HTTP side: uploaded blobs, and web functions behind something like Modal's proxy."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from aiohttp import web
from modal._serialization import deserialize_data_format, serialize_data_format
from modal_proto import api_pb2

from blanklogo.rehearsal.scheduler import Scheduler
from blanklogo.rehearsal.state import FunctionCall, State

MAX_BODY_BYTES = 4 << 30  # as the real proxy
PROXY_TOKEN = ("wk-rehearsal", "ws-rehearsal")
_CALL_ID = "__modal_function_call_id"
_LEFT_OUT = (b"content-length", b"transfer-encoding")  # the gateway's own to say
_ASGI = api_pb2.DATA_FORMAT_ASGI


class Gateway:
    """Serves blobs under /_blob and each web function under its label.

    Args:
        request_seconds: a request that takes longer is answered with 303, to be asked for again by its call's id.
    """

    def __init__(self, state: State, request_seconds: float) -> None:
        self._state = state
        self._request_seconds = request_seconds
        self.scheduler: Scheduler | None = None

    def application(self) -> web.Application:
        """What aiohttp is to run."""
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        application.router.add_put("/_blob/{id}", self._put_blob)
        application.router.add_get("/_blob/{id}", self._get_blob)
        application.router.add_route("*", "/{label}{path:(/.*)?}", self._call)
        return application

    async def _put_blob(self, request: web.Request) -> web.Response:
        data = self._state.blobs[request.match_info["id"]] = await request.read()
        return web.Response(headers={"ETag": f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'})

    async def _get_blob(self, request: web.Request) -> web.Response:
        data = self._state.blobs.get(request.match_info["id"])
        return web.Response(status=404) if data is None else web.Response(body=data)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        known = self._state.calls.get(request.query.get(_CALL_ID, ""))
        if known is not None:
            return await self._answer(request, known)
        entry = self._state.web.get(request.match_info["label"])
        if entry is None:
            return web.Response(status=404, text="modal-http: app for invoked web endpoint is stopped")
        function, method, config = entry
        shown = (request.headers.get("Modal-Key"), request.headers.get("Modal-Secret"))
        if config.requires_proxy_auth and shown != PROXY_TOKEN:
            return web.Response(status=401, text="modal-http: missing credentials for proxy authorization")
        call = FunctionCall(self._state.new_id("fc"), function)
        self._state.calls[call.id] = call
        await self._send(request, call, method)
        return await self._answer(request, call)

    async def _send(self, request: web.Request, call: FunctionCall, method: str) -> None:
        body = {"type": "http.request", "body": await request.read(), "more_body": False}
        _tell(call, body, index=1)
        arguments = serialize_data_format(((_scope(request),), {}), api_pb2.DATA_FORMAT_PICKLE)
        proto = api_pb2.FunctionInput(args=arguments, data_format=api_pb2.DATA_FORMAT_PICKLE, method_name=method)
        assert self.scheduler is not None
        self.scheduler.enqueue(call, 0, proto, 0)

    async def _answer(self, request: web.Request, call: FunctionCall) -> web.StreamResponse:
        end, index = time.monotonic() + self._request_seconds, 0
        response: web.StreamResponse | None = None
        while True:
            while index < len(call.data_out):
                message = self._message(call.data_out[index])
                index += 1
                if message["type"] == "http.response.start":
                    response = await _started(request, message)
                elif response is not None and await _written(response, message, call):
                    return response
            if response is None and call.outputs:
                return web.Response(status=500, text=f"modal-http: {call.outputs[0].result.exception}")
            if response is None and time.monotonic() > end:
                return web.Response(status=303, headers={"Location": f"{request.path}?{_CALL_ID}={call.id}"})
            await call.changed.wait(max(end - time.monotonic(), 0.05) if response is None else 60)

    def _message(self, chunk: api_pb2.DataChunk) -> dict[str, Any]:
        is_blob = chunk.WhichOneof("data_oneof") == "data_blob_id"
        data = self._state.blobs[chunk.data_blob_id] if is_blob else chunk.data
        return deserialize_data_format(data, _ASGI, None)


def _scope(request: web.Request) -> dict[str, Any]:
    """The request as ASGI tells of it."""
    return {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": request.method,
        "path": request.match_info["path"] or "/",
        "root_path": "",
        "query_string": request.query_string.encode(),
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": ["127.0.0.1", 1],
        "server": ["127.0.0.1", 80],
    }


def _tell(call: FunctionCall, message: dict[str, Any], index: int) -> None:
    data = serialize_data_format(message, _ASGI)
    call.data_in.put_nowait(api_pb2.DataChunk(data_format=_ASGI, data=data, index=index))


async def _started(request: web.Request, message: dict[str, Any]) -> web.StreamResponse:
    response = web.StreamResponse(status=message["status"])
    for name, value in message.get("headers", []):
        if name.lower() not in _LEFT_OUT:
            response.headers.add(name.decode(), value.decode())
    await response.prepare(request)
    return response


async def _written(response: web.StreamResponse, message: dict[str, Any], call: FunctionCall) -> bool:
    """Writes a part of the body; true after the last one, and when nobody reads any more."""
    try:
        await response.write(message.get("body", b""))
    except ConnectionError:
        _tell(call, {"type": "http.disconnect"}, index=2)
        return True
    if message.get("more_body"):
        return False
    await response.write_eof()
    return True
