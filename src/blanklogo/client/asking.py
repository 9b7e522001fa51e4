"""Requests that are sent again while that may help, and as long as it makes nothing double."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from urllib.parse import urljoin

from blanklogo.client.answers import error_of, is_transient, retry_after_seconds
from blanklogo.client.effects import Answer, Flow, LineError, Request, Send, Sleep
from blanklogo.errors import UnavailableError
from blanklogo.net.pieces import named, split

PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # before each further try; each up to half as long again
MAX_WAIT_SECONDS = 120.0  # that a server may ask for; whoever wants longer is told so
_LONG_SECONDS = 20.0  # a try that went on for so long broke in its waiting, which says nothing of the next one
_MAX_REDIRECTS = 200  # Modal sends one each 150 s while work is under way, to where it was


def asked(
    request: Request,
    *,
    expects: Collection[int] = (),
    may_pass: Callable[[Answer], bool] = is_transient,
    is_once: bool = False,
    until_seconds: float | None = None,
) -> Flow[Answer]:
    """A good answer.

    Args:
        expects: statuses that are good here, beside 2xx.
        may_pass: which of the others are worth another try.
        is_once: no further try is made.
        until_seconds: by the monotonic clock, when it is over for good; None: it follows from the request.

    Raises:
        BlankLogoError: what the service refused with.
        UnavailableError: it cannot be reached, or not any more.
    """
    fresh = partial(iter, ()) if is_once else pauses
    left = fresh()
    num_redirects = 0
    while True:
        began_seconds = time.monotonic()
        if until_seconds is not None:
            request = replace(request, read_seconds=max(until_seconds - began_seconds, 1.0))
        try:
            answer: Answer = yield Send(request)
        except LineError as error:
            failure, asked_seconds = unreachable(request, error), None
            if error.was_sent and not request.is_repeatable:
                raise failure from None
        else:
            if answer.is_good or answer.status in expects:
                return answer
            if 300 <= answer.status < 400 and num_redirects < _MAX_REDIRECTS:
                num_redirects, request = num_redirects + 1, redirected(request, answer)
                continue
            failure, asked_seconds = error_of(answer, named(request.url)), retry_after_seconds(answer, time.time())
            if not may_pass(answer) or (asked_seconds or 0) > MAX_WAIT_SECONDS:
                raise failure
        if time.monotonic() - began_seconds > _LONG_SECONDS:
            left = fresh()
        pause_seconds = next(left, None)
        if pause_seconds is None or (until_seconds is not None and time.monotonic() >= until_seconds):
            raise failure
        yield Sleep(pause_seconds if asked_seconds is None else asked_seconds)


def pauses() -> Iterator[float]:
    """How long to wait before each further try, in seconds."""
    return map(spread, PAUSES_SECONDS)


def spread(seconds: float) -> float:
    """Up to half as long again, so that many who broke off together do not come back together."""
    return seconds * (1 + random.random() / 2)


def redirected(request: Request, answer: Answer) -> Request:
    """Where an answer sends the request, on the same host: no other is shown a token.

    Raises:
        UnavailableError: it leads elsewhere, or would repeat what may not be repeated.
    """
    if "location" not in answer.headers:
        raise error_of(answer, named(request.url))
    url = urljoin(request.url, answer.headers["location"])
    here, there = split(request.url), split(url)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise UnavailableError(
            f"{named(request.url)} redirects to {there.scheme}://{there.netloc.rpartition('@')[2]}",
            accepted="the service itself",
            hint="the URL that the service really has",
        )
    if answer.status == 303:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
        return replace(request, method="GET", url=url, content=None, headers=headers, is_repeatable=True)
    if answer.status not in (301, 302, 307, 308) or (answer.status < 303 and request.method not in ("GET", "HEAD")):
        raise error_of(answer, named(request.url))
    return replace(request, url=url)


def unreachable(request: Request, error: LineError) -> UnavailableError:
    """A line that broke, for whoever asked."""
    verb = "the line to" if error.was_sent else "no line to"
    return UnavailableError(
        f"{verb} {named(request.url)}{' broke' if error.was_sent else ''}: {error}", hint="look whether it runs; later"
    )
