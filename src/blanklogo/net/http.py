"""HTTP as a client: a GET that goes on where it broke, tries again while that may help, and says why it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import BinaryIO, Protocol

import httpx2

from blanklogo.errors import TransferError
from blanklogo.net.pieces import Cancelled, check_size, named, stop_if

PAUSES_SECONDS = (0.2, 1.0, 3.0)  # before each further try
_TIMEOUT = httpx2.Timeout(30, connect=10)  # seconds for any piece to move, not for the whole
_MAY_PASS = frozenset({408, 416, 425, 429, 500, 502, 503, 504})  # 416: the file has changed and is shorter now
_HINTS = {401: "a signed URL that still holds", 403: "a signed URL that still holds", 404: "look whether it is there"}


Ask = Callable[[dict[str, str]], AbstractContextManager[httpx2.Response]]


class Sink(Protocol):
    """Where the bytes of one file go, over as many requests as it takes. What it raises ends the fetching.

    Attributes:
        num_bytes: that are there.
        version: what names the file that they are of, and only that; None: unknown, the next request starts again.
        takes_dates: whether a date may name a version where no strong ETag does. Two versions may share one in a
            careless server, so only a sink that knows a checksum should.
    """

    num_bytes: int
    version: str | None
    takes_dates: bool

    def start(self, num_bytes: int, version: str | None, total_bytes: int | None = None) -> None:
        """A response begins: the first `num_bytes` are kept, what was past them is forgotten.

        Args:
            total_bytes: how large the whole will be; None where the server does not say.
        """
        ...

    def write(self, piece: bytes) -> None:
        """The next bytes."""
        ...


@dataclass
class FileSink:
    """A sink into an open file, that takes so much and no more."""

    file: BinaryIO
    uri: str
    max_bytes: int
    takes_dates: bool = False
    num_bytes: int = 0
    version: str | None = None

    def start(self, num_bytes: int, version: str | None, total_bytes: int | None = None) -> None:
        check_size(self.uri, total_bytes or 0, self.max_bytes)
        self.num_bytes, self.version = num_bytes, version
        self.file.seek(num_bytes)
        self.file.truncate()

    def write(self, piece: bytes) -> None:
        check_size(self.uri, self.num_bytes + len(piece), self.max_bytes)
        self.file.write(piece)
        self.num_bytes += len(piece)


def client() -> httpx2.Client:
    """A client that follows redirects and takes bytes as they are stored."""
    return httpx2.Client(timeout=_TIMEOUT, follow_redirects=True, headers={"Accept-Encoding": "identity"})


def get(ask: Ask, uri: str, sink: Sink, cancelled: Cancelled) -> None:
    """The file at a URI, in pieces. A broken line is taken up where it broke if the server names the file's version
    and serves ranges (RFC 9110, If-Range), and else from the start.

    Args:
        ask: sends a GET for the URI with further headers; its answer, for the length of a block.

    Raises:
        TransferError: it is not there, not allowed, or the line broke too often.
        CancelledError: stopped between pieces.
    """
    tried(uri, "fetched", cancelled, lambda: _go_on(ask, sink, cancelled))


def plain(client: httpx2.Client, uri: str) -> Ask:
    """Asks for the URI straight away, wherever it leads."""
    return lambda headers: client.stream("GET", uri, headers=headers)


def tried(uri: str, done: str, cancelled: Cancelled, attempt: Callable[[], None]) -> None:
    """Makes attempts, with a pause before each further one, while what goes wrong may pass.

    Raises:
        TransferError: it does not; `done` says what was not ("fetched").
        CancelledError: stopped in a pause.
    """
    for pause_seconds in (*PAUSES_SECONDS, None):
        try:
            return attempt()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            if pause_seconds is None or not may_pass(error):
                raise _as_transfer_error(error, uri, done) from error
        end = time.monotonic() + pause_seconds
        while time.monotonic() < end:
            stop_if(cancelled)
            time.sleep(0.05)
    return None


def _go_on(ask: Ask, sink: Sink, cancelled: Cancelled) -> None:
    headers = {}
    if sink.version and sink.num_bytes:
        headers = {"Range": f"bytes={sink.num_bytes}-", "If-Range": sink.version}
    with ask(headers) as response:
        if response.status_code == 416:
            sink.start(0, None)
        response.raise_for_status()
        _start(response, sink)
        for piece in response.iter_bytes():  # as they come: pieces of one size would hold back what a break then loses
            stop_if(cancelled)
            sink.write(piece)


def _start(response: httpx2.Response, sink: Sink) -> None:
    """Goes on where the sink ends if that is what the server sends, else from the start."""
    version = _version(response, takes_dates=sink.takes_dates)
    num_bytes = 0
    if response.status_code == 206:
        num_bytes, version = sink.num_bytes, version or sink.version
        if _range_start(response) != num_bytes or version != sink.version:
            sink.start(0, None)
            raise httpx2.RemoteProtocolError("the server sent another part than it was asked for")
    length = response.headers.get("Content-Length")
    sink.start(num_bytes, version, num_bytes + int(length) if length else None)


def _version(response: httpx2.Response, *, takes_dates: bool) -> str | None:
    """A strong ETag; or a Last-Modified that is strong: old enough that a second change in the same second can be ruled
    out (RFC 9110, 8.8.2.2)."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):  # a weak one (W/"…") does not promise the same bytes
        return etag
    modified, date = (response.headers.get(name, "") for name in ("Last-Modified", "Date"))
    if not takes_dates:
        return None
    try:
        is_strong = parsedate_to_datetime(date) - parsedate_to_datetime(modified) >= timedelta(seconds=1)
    except (ValueError, TypeError):  # no date, no date's text, or one with and one without a zone
        return None
    return modified if is_strong else None


def _range_start(response: httpx2.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def may_pass(error: BaseException | None) -> bool:
    """Whether another attempt may do better, by what httpx2 raised."""
    if isinstance(error, httpx2.HTTPStatusError):
        return error.response.status_code in _MAY_PASS
    return isinstance(error, httpx2.TransportError) and not isinstance(error, httpx2.UnsupportedProtocol)


def _as_transfer_error(error: Exception, uri: str, done: str) -> TransferError:
    """In words of our own where there is a status: the library's own hold the whole URL."""
    if isinstance(error, httpx2.HTTPStatusError):
        status, reason = error.response.status_code, error.response.reason_phrase
        came = f"{named(uri)} could not be {done}: {status} {reason}".rstrip()
        return TransferError(came, hint=_HINTS.get(status))
    return TransferError(f"{named(uri)} could not be {done}: {error or type(error).__name__}", hint="later")
