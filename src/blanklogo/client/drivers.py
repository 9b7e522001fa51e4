"""Who runs flows: one that waits, one that is awaited. With `net.http`, the border to httpx2."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from blanklogo.client.effects import Answer, Close, Do, Flow, LineError, Next, Open, Request, Send, Sleep, T, Tell

_CONNECT_SECONDS = 10.0
_WRITE_SECONDS = 60.0
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.InvalidURL)


class Waiting:
    """Runs flows in the caller's thread; several threads may use it at once."""

    def __init__(self) -> None:
        self._http = httpx2.Client(follow_redirects=False)

    def run(self, flow: Flow[T]) -> T:
        """What the flow returns. Raises what it raises; whatever happens, nothing stays open."""
        line = _Line(self._http)
        came: Any = None
        error: Exception | None = None
        try:
            while True:
                try:
                    effect = flow.send(came) if error is None else flow.throw(error)
                except StopIteration as end:
                    return end.value
                came, error = None, None
                try:
                    came = line.did(effect)
                except Exception as failure:
                    error = failure
        finally:
            flow.close()
            line.close()

    def close(self) -> None:
        self._http.close()


class Awaited:
    """Runs flows in the running event loop; work with files goes to a thread."""

    def __init__(self) -> None:
        self._http = httpx2.AsyncClient(follow_redirects=False)

    async def run(self, flow: Flow[T]) -> T:
        """As `Waiting.run`; cancelled, it leaves nothing open either."""
        line = _AsyncLine(self._http)
        came: Any = None
        error: Exception | None = None
        try:
            while True:
                try:
                    effect = flow.send(came) if error is None else flow.throw(error)
                except StopIteration as end:
                    return end.value
                came, error = None, None
                try:
                    came = await line.did(effect)
                except Exception as failure:
                    error = failure
        finally:
            flow.close()
            await line.close()

    async def close(self) -> None:
        await self._http.aclose()


class _Line:
    """One flow's effects, and the answer that it has open."""

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._open: httpx2.Response | None = None
        self._pieces: Iterator[bytes] = iter(())

    def did(self, effect: Any) -> Any:
        match effect:
            case Send(request) | Open(request):
                self.close()
                return self._asked(request, streams=isinstance(effect, Open))
            case Next():
                with _line_errors():
                    return next(self._pieces, None)
            case Close():
                self.close()
            case Sleep(seconds):
                time.sleep(seconds)
            case Do(work):
                return work()
            case Tell(hear, what):
                hear(what)
        return None

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open, self._pieces = None, iter(())

    def _asked(self, request: Request, *, streams: bool) -> Answer:
        with _line_errors():
            self._open = self._http.send(_built(self._http, request), stream=True)
            if streams and self._open.is_success:
                self._pieces = self._open.iter_bytes()
                return _answer(self._open, b"")
            body = self._open.read()
        answer = _answer(self._open, body)
        self.close()
        return answer


class _AsyncLine:
    """As `_Line`, awaited."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._open: httpx2.Response | None = None
        self._pieces: Any = None

    async def did(self, effect: Any) -> Any:
        match effect:
            case Send(request) | Open(request):
                await self.close()
                return await self._asked(request, streams=isinstance(effect, Open))
            case Next():
                with _line_errors():
                    return await anext(self._pieces, None)
            case Close():
                await self.close()
            case Sleep(seconds):
                await asyncio.sleep(seconds)
            case Do(work):
                return await asyncio.to_thread(work)
            case Tell(hear, what):
                if inspect.isawaitable(heard := hear(what)):
                    await heard
        return None

    async def close(self) -> None:
        if self._open is not None:
            await self._open.aclose()
            self._open, self._pieces = None, None

    async def _asked(self, request: Request, *, streams: bool) -> Answer:
        with _line_errors():
            self._open = await self._http.send(_built(self._http, request), stream=True)
            if streams and self._open.is_success:
                self._pieces = self._open.aiter_bytes()
                return _answer(self._open, b"")
            body = await self._open.aread()
        answer = _answer(self._open, body)
        await self.close()
        return answer


def _built(http: httpx2.Client | httpx2.AsyncClient, request: Request) -> httpx2.Request:
    timeout = httpx2.Timeout(_CONNECT_SECONDS, read=request.read_seconds, write=_WRITE_SECONDS)
    return http.build_request(
        request.method, request.url, headers=dict(request.headers), content=request.content, timeout=timeout
    )


def _answer(response: httpx2.Response, body: bytes) -> Answer:
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


@contextmanager
def _line_errors() -> Iterator[None]:
    """What the library raises, in words that hold no header and no URL, since those hold secrets."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        is_plain = isinstance(error, httpx2.ConnectError | httpx2.RemoteProtocolError) and str(error)
        words = str(error) if is_plain else type(error).__name__
        raise LineError(words, was_sent=not isinstance(error, _NEVER_SENT)) from None
