"""The clients that users hold: each call of `core`, waited for or awaited."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from blanklogo.client.access import Access
from blanklogo.client.core import Core, EndpointCore
from blanklogo.client.drivers import Awaited, Waiting
from blanklogo.client.effects import Flow
from blanklogo.client.results import Job, Processed

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Held:
    """Args:
    core: whose flows it runs.
    """

    def __init__(self, core: Any) -> None:
        self._core = core

    @property
    def url(self) -> str:
        """Of what is asked."""
        return self._core.access.url

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._core.access})"


class _Blocking(_Held):
    def __init__(self, core: Any) -> None:
        super().__init__(core)
        self._driver = Waiting()

    def close(self) -> None:
        """Closes its lines."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Awaitable(_Held):
    def __init__(self, core: Any) -> None:
        super().__init__(core)
        self._driver = Awaited()

    async def close(self) -> None:
        """Closes its lines."""
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


def _waited(flow: Callable[Concatenate[Any, _P], Flow[_T]]) -> Callable[Concatenate[Any, _P], _T]:
    """A flow of a core as a method that waits for it."""

    @functools.wraps(flow)
    def method(self: _Blocking, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._driver.run(flow(self._core, *args, **kwargs))

    return _signed(method, flow)


def _awaited(flow: Callable[Concatenate[Any, _P], Flow[_T]]) -> Callable[Concatenate[Any, _P], Awaitable[_T]]:
    """A flow of a core as a method that is awaited."""

    @functools.wraps(flow)
    async def method(self: _Awaitable, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await self._driver.run(flow(self._core, *args, **kwargs))

    return _signed(method, flow)


def _signed(method: Any, flow: Any) -> Any:
    """`help` shows what the method gives, not what its flow does."""
    signature = inspect.signature(flow)
    given = str(signature.return_annotation).removeprefix("Flow[").removesuffix("]")
    method.__signature__ = signature.replace(return_annotation=given)
    del method.__wrapped__
    return method


class Client(_Blocking):
    """A BlankLogo service, asked from this thread.

        with Client("https://blanklogo.example", token="tok_…:…") as client:
            job = client.submit("clip.mp4", rights_confirmed=True)
            client.wait(job.id).checked()
            client.download(job.id, "clip.clean.mp4")

    What may pass (a broken line, a service that starts anew) is tried again with growing pauses; calls that make
    something carry a name, so that this makes nothing double.

    Args:
        url: of the service; by default BLANKLOGO_URL.
        token: `ID:SECRET`; by default BLANKLOGO_TOKEN. Never shown.
        proxy_key, proxy_secret: `Modal-Key` and `Modal-Secret`, where Modal's proxy stands before the service.

    Raises:
        OptionError: no service is named, or one of these does not fit.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        proxy_key: str | None = None,
        proxy_secret: str | None = None,
    ) -> None:
        super().__init__(Core(Access.of(url, token, proxy_key=proxy_key, proxy_secret=proxy_secret)))

    submit = _waited(Core.submit)
    submit_batch = _waited(Core.submit_batch)
    get = _waited(Core.get)
    list = _waited(Core.list)
    wait = _waited(Core.wait)
    download = _waited(Core.download)
    cancel = _waited(Core.cancel)
    retry = _waited(Core.retry)
    estimate = _waited(Core.estimate)
    platforms = _waited(Core.platforms)
    health = _waited(Core.health)
    readiness = _waited(Core.readiness)
    process_video = _waited(Core.process_video)

    def each(self, **filters: Any) -> Iterator[Job]:
        """All of the caller's jobs, page after page, the newest first; filters as in `list`."""
        offset: int | None = 0
        while offset is not None:
            page = self.list(**{"limit": 100, **filters, "offset": offset})
            yield from page
            offset = page.next_offset


class AsyncClient(_Awaitable):
    """`Client` for an event loop: the same calls, awaited; callbacks may be coroutines."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        proxy_key: str | None = None,
        proxy_secret: str | None = None,
    ) -> None:
        super().__init__(Core(Access.of(url, token, proxy_key=proxy_key, proxy_secret=proxy_secret)))

    submit = _awaited(Core.submit)
    submit_batch = _awaited(Core.submit_batch)
    get = _awaited(Core.get)
    list = _awaited(Core.list)
    wait = _awaited(Core.wait)
    download = _awaited(Core.download)
    cancel = _awaited(Core.cancel)
    retry = _awaited(Core.retry)
    estimate = _awaited(Core.estimate)
    platforms = _awaited(Core.platforms)
    health = _awaited(Core.health)
    readiness = _awaited(Core.readiness)
    process_video = _awaited(Core.process_video)

    async def each(self, **filters: Any) -> AsyncIterator[Job]:
        """All of the caller's jobs, page after page, the newest first; filters as in `list`."""
        offset: int | None = 0
        while offset is not None:
            page = await self.list(**{"limit": 100, **filters, "offset": offset})
            for job in page:
                yield job
            offset = page.next_offset


class Endpoint(_Blocking):
    """A plain endpoint, such as deploy/modal_app.py makes: `process_video` and `health`.

    Args:
        url: of the endpoint.
        token: `ID:SECRET` of the endpoint's own, where it asks for one.
        proxy_key, proxy_secret: `Modal-Key` and `Modal-Secret`, where it was deployed with proxy authentication.

    Raises:
        OptionError: one of these does not fit.
    """

    def __init__(
        self, url: str, token: str | None = None, *, proxy_key: str | None = None, proxy_secret: str | None = None
    ) -> None:
        super().__init__(EndpointCore(Access(url, token, proxy_key, proxy_secret)))

    process_video = _waited(EndpointCore.process_video)
    health = _waited(EndpointCore.health)


class AsyncEndpoint(_Awaitable):
    """`Endpoint` for an event loop."""

    def __init__(
        self, url: str, token: str | None = None, *, proxy_key: str | None = None, proxy_secret: str | None = None
    ) -> None:
        super().__init__(EndpointCore(Access(url, token, proxy_key, proxy_secret)))

    process_video = _awaited(EndpointCore.process_video)
    health = _awaited(EndpointCore.health)


def process_video(
    video: bytes,
    mode: str = "auto",
    platform: str | None = None,
    *,
    rights_confirmed: bool,
    url: str | None = None,
    token: str | None = None,
) -> Processed:
    """A short video's bytes to the clean one's: `clean_bytes, stats = process_video(video_bytes, "auto", "sora")`.

    As `Client.process_video`, for a single call.
    """
    with Client(url, token) as client:
        return client.process_video(video, mode, platform, rights_confirmed=rights_confirmed)
