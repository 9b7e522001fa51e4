"""What a flow asks of whoever runs it, and what it is told.

A flow is a generator: it yields effects and is sent what came of them, so that it neither knows sockets nor whether
anybody awaits it. `drivers` has the two that run flows. Each flow has at most one answer open at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from blanklogo.net.pieces import named

READ_SECONDS = 60.0  # for anything to come

T = TypeVar("T")
Flow = Generator[Any, Any, T]
"""Yields effects, is sent their results, and returns a T."""


class LineError(Exception):
    """The line broke, or never came about; never leaves this package.

    Attributes:
        was_sent: whether the request may have reached the other side.
    """

    def __init__(self, words: str, *, was_sent: bool = True) -> None:
        super().__init__(words)
        self.was_sent = was_sent


@dataclass(frozen=True)
class Request:
    """An HTTP request. Neither its headers nor its query is ever shown: they hold secrets.

    Attributes:
        read_seconds: the longest for which nothing may come of the answer.
        is_repeatable: whether sending it twice does no more than sending it once.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    read_seconds: float = READ_SECONDS
    is_repeatable: bool = True

    def __repr__(self) -> str:
        return f"Request({self.method} {named(self.url)})"

    def with_headers(self, **headers: str) -> Request:
        """The same with further headers; `_` in their names stands for `-`."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **told})


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; the names of its headers are in lower case. One that is still open has no body yet."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Send:
    """Sends; an `Answer` with its whole body comes back. Raises LineError."""

    request: Request


@dataclass(frozen=True)
class Open:
    """Sends; an `Answer` comes back, without its body if it is a good one: `Next` has that. Raises LineError."""

    request: Request


@dataclass(frozen=True)
class Next:
    """The open answer's next bytes; None at its end. Raises LineError."""


@dataclass(frozen=True)
class Close:
    """Closes what is open; so does the next request, and the flow's end."""


@dataclass(frozen=True)
class Sleep:
    seconds: float


@dataclass(frozen=True)
class Do:
    """Work with files, which may take its time; what it returns comes back, what it raises is raised."""

    work: Callable[[], Any]


@dataclass(frozen=True)
class Tell:
    """Calls somebody's function, and awaits what it returns where somebody awaits the flow."""

    hear: Callable[[Any], Any]
    what: Any


def send(request: Request) -> Flow[Answer]:
    return (yield Send(request))


def opened(request: Request) -> Flow[Answer]:
    return (yield Open(request))


def following() -> Flow[bytes | None]:
    return (yield Next())


def done(work: Callable[[], T]) -> Flow[T]:
    return (yield Do(work))


def told(hear: Callable[[T], Any] | None, what: T) -> Flow[None]:
    if hear is not None:
        yield Tell(hear, what)
