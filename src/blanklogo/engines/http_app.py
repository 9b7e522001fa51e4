"""The web side of a deployment: HTTP to calls, for whoever shows a token.

    POST /process_video_http      a body as in `blanklogo.wire`; answers when the work is done
    POST /jobs                    the same body; answers at once with an id
    GET /jobs/{id}                how far it is, and its answer once it is done
    GET /jobs/{id}/events         every event, as server-sent events
    DELETE /jobs/{id}             asks for a stop
    GET /health                   for anyone

Errors are problem details (RFC 9457), with the error's own fields beside the standard ones.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator
from typing import Any, Protocol

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from blanklogo import __version__
from blanklogo.engines.base import Message
from blanklogo.engines.bearer import Tokens
from blanklogo.errors import BlankLogoError, CallerError, CancelledError, SourceError, UnavailableError
from blanklogo.types import Order
from blanklogo.wire import MAX_BASE64_BYTES, answer_from_result, http_status, order_from_body

MAX_BODY_BYTES = MAX_BASE64_BYTES
PROBLEM = "application/problem+json"


class Calls(Protocol):
    """What runs the work."""

    async def submit(self, order: Order) -> str: ...

    async def result(self, call_id: str, patience_seconds: float | None) -> Message | None: ...

    async def last_event(self, call_id: str) -> Message | None: ...

    def events(self, call_id: str) -> AsyncIterator[Message]: ...

    async def cancel(self, call_id: str) -> None: ...


def http_app(calls: Calls, tokens: Tokens) -> FastAPI:
    """The ASGI application."""
    app = FastAPI(
        title="BlankLogo", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    routes = _Routes(calls, tokens)
    known = [Depends(routes.caller)]
    app.get("/health")(routes.health)
    app.post("/process_video_http", dependencies=known)(routes.process_video_http)
    app.post("/jobs", status_code=202)(routes.submit)
    app.get("/jobs/{job_id}")(routes.poll)
    app.get("/jobs/{job_id}/events")(routes.events)
    app.delete("/jobs/{job_id}", status_code=202)(routes.cancel)
    app.exception_handler(BlankLogoError)(_on_error)
    app.exception_handler(HTTPException)(_on_refusal)
    return app


class _Routes:
    """The endpoints.

    A job's id is its call's id, signed for the token that submitted it: a call's id alone would open every call of the
    workspace to every token.
    """

    def __init__(self, calls: Calls, tokens: Tokens) -> None:
        self._calls = calls
        self._tokens = tokens

    def caller(self, request: Request) -> str:
        """The ID of whoever calls."""
        identifier = self._tokens.admitted(request.headers.get("authorization"))
        if identifier is None:
            raise HTTPException(
                401,
                "no token, or one that is not known; show Authorization: Bearer ID:SECRET",
                headers={"WWW-Authenticate": 'Bearer realm="blanklogo"'},
            )
        return identifier

    async def health(self) -> dict[str, Any]:
        return {"status": "healthy", "version": __version__, "is_open": bool(self._tokens.digests)}

    async def process_video_http(self, request: Request) -> dict[str, Any]:
        order = order_from_body(await _json_body(request))
        result = await self._calls.result(await self._calls.submit(order), None)
        assert result is not None  # no patience ends before the call does
        return answer_from_result(result)

    async def submit(self, request: Request) -> dict[str, Any]:
        identifier = self.caller(request)
        call_id = await self._calls.submit(order_from_body(await _json_body(request)))
        job_id = f"{call_id}.{self._tokens.signature(identifier, call_id)}"
        return {"id": job_id, "status": "queued", "url": f"/jobs/{job_id}", "events_url": f"/jobs/{job_id}/events"}

    async def poll(self, request: Request, job_id: str) -> dict[str, Any]:
        call_id = self._call_id(request, job_id)
        try:
            result = await self._calls.result(call_id, 0)
        except UnavailableError:  # it cannot be known how the job is
            raise
        except CancelledError as error:
            return {"id": job_id, "status": "cancelled", "error": error.as_dict()}
        except BlankLogoError as error:
            return {"id": job_id, "status": "failed", "error": error.as_dict()}
        if result is not None:
            return {"id": job_id, "status": "done", **answer_from_result(result)}
        event = await self._calls.last_event(call_id)
        progress = None if event is None or event["type"] == "started" else event
        return {"id": job_id, "status": "running" if event else "queued", "progress": progress}

    async def events(self, request: Request, job_id: str) -> StreamingResponse:
        call_id = self._call_id(request, job_id)
        return StreamingResponse(_server_sent(self._calls.events(call_id)), media_type="text/event-stream")

    async def cancel(self, request: Request, job_id: str) -> dict[str, Any]:
        await self._calls.cancel(self._call_id(request, job_id))
        return {"id": job_id, "status": "stopping"}

    def _call_id(self, request: Request, job_id: str) -> str:
        identifier = self.caller(request)
        call_id, _, shown = job_id.partition(".")
        if not hmac.compare_digest(shown.encode(), self._tokens.signature(identifier, call_id).encode()):
            raise HTTPException(404, "no such job of this token")
        return call_id


async def _json_body(request: Request) -> object:
    """The body, read no further than its limit."""
    body = bytearray()
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal() or int(declared) <= MAX_BODY_BYTES:
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY_BYTES:
                break
        else:
            return _parsed(bytes(body))
    limit = f"up to {MAX_BODY_BYTES / 1e6:.0f} MB"
    raise HTTPException(413, f"a body over its limit; accepted: {limit}; try: video_url, for a file of any size")


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise SourceError(f"a body that is no JSON: {error}", accepted="a JSON object") from None


async def _server_sent(events: AsyncIterator[Message]) -> AsyncIterator[str]:
    async for event in events:
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
    yield "event: end\ndata: {}\n\n"


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, BlankLogoError)
    status = 422 if isinstance(error, CallerError) else http_status(error)
    return _problem(status, str(error), error.as_dict())


async def _on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, str(error.detail), {}, error.headers)


def _problem(status: int, detail: str, fields: dict[str, Any], headers: Any = None) -> JSONResponse:
    content = {"type": "about:blank", "title": _title(status), "status": status, "detail": detail, **fields}
    return JSONResponse(content, status, headers, media_type=PROBLEM)


def _title(status: int) -> str:
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
