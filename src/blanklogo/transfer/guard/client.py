"""An HTTP client that speaks through the guard, and redirects followed one checked step at a time.

In steps::

    with media_client(policy) as client:
        with answered(client, policy, uri, lambda url: client.build_request("GET", url)) as response:
            response.raise_for_status()
            for piece in response.iter_bytes():
                ...
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import httpcore2
import httpx2

from blanklogo.errors import TransferError
from blanklogo.net.pieces import named
from blanklogo.transfer.guard.network import GuardedBackend, checked_addresses
from blanklogo.transfer.guard.pace import Pace
from blanklogo.transfer.guard.policy import Policy
from blanklogo.transfer.guard.refusal import NotPublic, Refused
from blanklogo.transfer.guard.urls import check_url

TIMEOUT = httpx2.Timeout(30, connect=10)  # seconds for any piece to move, not for the whole
KEEPS_METHOD = (307, 308)  # after the others a PUT would become a GET, and nothing be delivered; RFC 9110, 15.4
_HEADERS = {"Accept-Encoding": "identity"}

Build = Callable[[httpx2.URL], httpx2.Request]


def media_client(policy: Policy, tls: ssl.SSLContext | None = None) -> httpx2.Client:
    """A client for one file; its time runs from now. Redirects are for `answered` to follow.

    Args:
        tls: as `httpx2.create_ssl_context` makes it, for whoever makes many clients; None: one of its own.
    """
    tls = tls or httpx2.create_ssl_context()
    if not policy.is_guarded:
        return httpx2.Client(timeout=TIMEOUT, headers=_HEADERS, verify=tls)
    return httpx2.Client(transport=GuardedTransport(policy, tls), trust_env=False, timeout=TIMEOUT, headers=_HEADERS)


def check_reachable(uri: str, policy: Policy) -> None:
    """Raises what asking for it would, before anything is asked. A look-up that fails for now is no refusal."""
    if not policy.is_guarded:
        return
    try:
        url = _parsed(uri)
        check_url(url, policy)
        checked_addresses(url.raw_host.decode("ascii"), url.port or 0, policy)
    except httpcore2.ConnectError:
        return
    except Refused as refused:
        raise refused.about(uri) from None


@contextmanager
def answered(client: httpx2.Client, policy: Policy, uri: str, build: Build) -> Iterator[httpx2.Response]:
    """The answer at the end of the redirects, its body not yet read.

    Args:
        build: makes the request for each URL on the way.

    Raises:
        OptionError: a URL on the way that the policy does not let through.
        TransferError: too many redirects, one that a PUT or POST cannot follow, or if guarded a peer that is too slow
            and an answer in an encoding that was not asked for.
        httpx2.HTTPError: as the client.
    """
    num_redirects = 0
    try:
        url = _parsed(uri) if policy.is_guarded else httpx2.URL(uri)
        while True:
            response = client.send(build(url), stream=True)
            try:
                if not response.has_redirect_location:
                    _check_encoding(response, policy, uri)
                    yield response
                    return
                num_redirects += 1
                url = _next_url(response, policy, uri, num_redirects)
            finally:
                response.close()
    except Refused as refused:
        raise refused.about(uri, is_redirected=num_redirects > 0) from None


@contextmanager
def unfollowed(client: httpx2.Client, policy: Policy, uri: str, build: Build) -> Iterator[httpx2.Response]:
    """The answer to one request, whatever it is: a redirect too, and in whatever encoding. Its body is not yet read.

    Raises:
        OptionError: a URL that the policy does not let through.
        TransferError: if guarded, a peer that is too slow.
        httpx2.HTTPError: as the client.
    """
    try:
        response = client.send(build(_parsed(uri) if policy.is_guarded else httpx2.URL(uri)), stream=True)
        try:
            yield response
        finally:
            response.close()
    except Refused as refused:
        raise refused.about(uri) from None


def beginning(response: httpx2.Response, max_bytes: int) -> bytes:
    """The first bytes of a body as they come on the line; fewer of one that ends, breaks off or takes too long."""
    read = b""
    try:
        for piece in response.iter_raw():  # of one size they would be held back
            read += piece
            if len(read) >= max_bytes:
                break
    except (httpx2.HTTPError, Refused):
        pass
    return read[:max_bytes]


class GuardedTransport(httpx2.BaseTransport):
    """What `httpx2.HTTPTransport` is, over connections that are checked, for URLs that are.

    Certificates are verified against the authorities of the system, or of SSL_CERT_FILE and SSL_CERT_DIR.
    """

    def __init__(self, policy: Policy, tls: ssl.SSLContext) -> None:
        self._policy = policy
        self._pool = httpcore2.ConnectionPool(ssl_context=tls, network_backend=GuardedBackend(policy, Pace(policy)))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        check_url(request.url, self._policy)
        assert isinstance(request.stream, httpx2.SyncByteStream)
        url = request.url
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with _library_errors():
            response = self._pool.handle_request(
                httpcore2.Request(
                    request.method,
                    target,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        assert isinstance(response.stream, Iterable)
        return httpx2.Response(
            response.status, headers=response.headers, stream=_Body(response), extensions=response.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """An answer's body as it comes."""

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        with _library_errors():
            yield from self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


@contextmanager
def _library_errors() -> Iterator[None]:
    """The lower library's errors under the upper one's names, which are the same."""
    try:
        yield
    except (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from error


def _parsed(uri: str) -> httpx2.URL:
    try:
        return httpx2.URL(uri)
    except httpx2.InvalidURL:
        raise NotPublic from None


def _next_url(response: httpx2.Response, policy: Policy, uri: str, num_redirects: int) -> httpx2.URL:
    """Where a redirect leads."""
    if num_redirects > policy.max_redirects:
        raise TransferError(
            f"{named(uri)} redirects more than {policy.max_redirects} times", hint="the last URL itself"
        )
    following = response.next_request
    if following is None:
        raise TransferError(f"{named(uri)} redirects to what is no URL", hint="the URL of the file itself")
    method = response.request.method
    if method not in ("GET", "HEAD") and response.status_code not in KEEPS_METHOD:
        came = f"{named(uri)} answers a {method} with a redirect ({response.status_code})"
        raise TransferError(came, accepted=f"a URL that takes a {method} itself")
    if policy.is_guarded and response.url.scheme == "https" and following.url.scheme == "http":
        raise Refused("goes from https: to http:")
    return following.url


def _check_encoding(response: httpx2.Response, policy: Policy, uri: str) -> None:
    """Raises TransferError for a coded body: a few bytes of it may unpack to any number."""
    coding = response.headers.get("Content-Encoding", "identity")
    if policy.is_guarded and coding.strip().lower() not in ("", "identity"):
        raise TransferError(f"{named(uri)} comes encoded ({coding[:40]})", accepted="a file as it is (identity)")
