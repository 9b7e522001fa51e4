"""Around every request: an id, what kind of body it may have and how large, before it is read, and the figures for
/metrics."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blanklogo.errors import TooLargeError
from blanklogo.service.problems import Refusal, answer, problem
from blanklogo.service.storage.arriving import PAUSE_SECONDS, silence

_ID_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADER = "X-Request-ID"
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")  # all others count as one


class RequestIds:
    """Names each request, by the caller's `X-Request-ID` where it has one that fits, and says the name in the answer.

    The application's figures (`app.state.parts.metrics`) are told when an answer begins.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(HEADER.lower().encode(), b"").decode("latin-1")
        request_id = given if _ID_FORM.fullmatch(given) else f"req_{secrets.token_hex(8)}"
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER.lower().encode(), request_id.encode())]
                path = getattr(scope.get("route"), "path", "other")
                seconds = time.perf_counter() - began
                method = scope["method"] if scope["method"] in _METHODS else "other"
                scope["app"].state.parts.metrics.note(method, path, message["status"], seconds)
            await send(message)

        await self._app(scope, receive, tell)


@dataclass(frozen=True)
class BodyLimit:
    """How large a body may be, and of which kind.

    Attributes:
        path: where it holds, for this path and all under it that have no limit of their own.
        max_bytes: None: whoever serves the path holds a limit itself.
        media_type: of a body; None: any.
        instead: what to do with a larger one.
    """

    path: str
    max_bytes: int | None
    media_type: str | None = None
    instead: str | None = None


class BodyLimits:
    """Refuses bodies of another kind with 415, and those over their limit with 413: by what their headers say before a
    byte is read, else while reading. One of which nothing comes any more is refused with 408.

    Args:
        pause_seconds: the longest for which nothing may come.
    """

    def __init__(self, app: ASGIApp, limits: tuple[BodyLimit, ...], pause_seconds: float = PAUSE_SECONDS) -> None:
        self._app = app
        self._pause_seconds = pause_seconds
        self._limits = sorted(limits, key=lambda limit: -len(limit.path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = self._limit(scope["path"]) if scope["type"] == "http" else None
        if limit is None or limit.max_bytes is None:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        error = TooLargeError(
            "a body over its limit", accepted=f"up to {limit.max_bytes / 1e6:g} MB", hint=limit.instead
        )
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit.max_bytes:
            await answer(error, scope["state"]["request_id"])(scope, receive, send)
            return
        if limit.media_type is not None and _has_body(headers) and _kind(headers) != limit.media_type:
            await _of_other_kind(scope, limit.media_type)(scope, receive, send)
            return
        timely = _timely(receive, self._pause_seconds)
        await self._app(scope, _counted(timely, limit.max_bytes, error), send)

    def _limit(self, path: str) -> BodyLimit | None:
        return next((limit for limit in self._limits if path.startswith(limit.path)), None)


def _has_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0").strip("0") != "" or "transfer-encoding" in headers


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _of_other_kind(scope: Scope, media_type: str) -> ASGIApp:
    detail = f"a body that is no {media_type}"
    hint = f"Content-Type: {media_type}"
    told = {"Accept": media_type}  # RFC 9110, 15.5.16
    return problem(scope["state"]["request_id"], 415, "unsupported_media_type", detail, hint, told)


def _timely(receive: Receive, pause_seconds: float) -> Receive:
    """The same messages; up to the end of the body, none may let itself be waited for too long."""
    is_whole = False

    async def timely() -> Message:
        nonlocal is_whole
        try:
            async with asyncio.timeout(None if is_whole else pause_seconds):
                message = await receive()
        except TimeoutError:
            raise silence(pause_seconds) from None  # FastAPI lets it through, as below
        is_whole = not message.get("more_body", False)
        return message

    return timely


def _counted(receive: Receive, max_bytes: int, error: TooLargeError) -> Receive:
    num_bytes = 0

    async def counted() -> Message:
        nonlocal num_bytes
        message = await receive()
        num_bytes += len(message.get("body", b""))
        if num_bytes > max_bytes:
            raise Refusal(error)
        return message

    return counted
