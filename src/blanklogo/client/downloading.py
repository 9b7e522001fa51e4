"""A result from where it is stored to a file or into memory: gone on with by ranges where the line broke, and taken for
right when its SHA-256 is the one that the service told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

from blanklogo.client.access import Access
from blanklogo.client.answers import error_of, is_transient, read
from blanklogo.client.asking import asked, pauses, unreachable
from blanklogo.client.effects import Answer, Close, Flow, LineError, Next, Open, Request, Sleep, done, told
from blanklogo.client.files import Part, place_for
from blanklogo.client.results import Result
from blanklogo.errors import (
    BlankLogoError,
    ForbiddenError,
    NotFoundError,
    TransferError,
    UnavailableError,
    VerificationError,
)
from blanklogo.net.pieces import split
from blanklogo.types.job import Progress

_WRITE_BYTES = 1 << 20  # gathered before they are written
_RANGE = re.compile(r"bytes (\d+)-")

Hear = Callable[[Progress], Any]


def result_of(access: Access, job_id: str) -> Flow[Result]:
    """Where a job's result is, for now.

    Raises:
        ConflictError: there is none, or not yet.
        NotFoundError: no such job, or its result has expired.
    """
    answer = yield from asked(access.request("GET", f"/api/v1/jobs/{job_id}/download"))
    result = read(answer, Result.of_download)
    if split(result.url).scheme not in ("http", "https"):
        raise UnavailableError("the service names a result at no http(s) URL")
    return result


def downloaded(access: Access, job_id: str, target: Path | None, overwrite: bool, hear: Hear | None) -> Flow[Path]:
    """The result as a file, whole and right, or nothing under its name.

    Raises:
        TargetError: the target may not be written.
        VerificationError: what came is not what was announced; nothing of it is kept.
        TransferError, UnavailableError: the line broke too often; what came is kept for the next time.
        BlankLogoError: also as `result_of`.
    """
    result = yield from result_of(access, job_id)
    part = Part(place_for(result.name, target), result.num_bytes, result.sha256, overwrite=overwrite)
    yield from done(part.begin)
    yield from _filled(access, job_id, result, part, hear)
    if part.is_taken_up and not (yield from done(part.is_right)):  # what an earlier process left may be at fault
        yield from done(part.rewind)
        yield from _filled(access, job_id, result, part, hear)
    if not (yield from done(part.is_right)):
        part.drop()
        raise VerificationError(
            f"the result of {job_id} has another SHA-256 than the service told", accepted=result.sha256, hint="again"
        )
    return (yield from done(part.put_in_place))


def _filled(access: Access, job_id: str, result: Result, part: Part, hear: Hear | None) -> Flow[None]:
    """As much as was announced, over as many requests as it takes."""
    left = pauses()
    while part.num_bytes < result.num_bytes:
        before_bytes = part.num_bytes
        failure = yield from _received(result, part, hear)
        if part.num_bytes > before_bytes:
            left = pauses()
        if failure is None:
            continue
        pause_seconds = next(left, None)
        if pause_seconds is None:
            raise failure
        yield Sleep(pause_seconds)
        if isinstance(failure, ForbiddenError | NotFoundError):  # the URL's time may be over
            result = yield from result_of(access, job_id)


def _received(result: Result, part: Part, hear: Hear | None) -> Flow[BlankLogoError | None]:
    """What comes of one request; the error that it broke with, if that may pass."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={part.num_bytes}-"} if part.num_bytes else {})
    request = Request("GET", result.url, headers)
    try:
        answer: Answer = yield Open(request)
        if not answer.is_good:
            return (yield from _refused(answer, part))
        match = _RANGE.match(answer.headers.get("content-range", "")) if answer.status == 206 else None
        if part.num_bytes and not (match and int(match[1]) == part.num_bytes):
            yield from done(part.rewind)
            if answer.status == 206:
                return TransferError("the storage sent another part than it was asked for")
        before_bytes = part.num_bytes
        yield from _written(result, part, hear)
    except LineError as error:
        return unreachable(request, error)
    return None if part.num_bytes > before_bytes else TransferError("the storage ended its answer too early")


def _refused(answer: Answer, part: Part) -> Flow[BlankLogoError]:
    error = error_of(answer, "the storage")
    if answer.status == 416:
        yield from done(part.rewind)
    elif not is_transient(answer) and answer.status not in (401, 403, 404, 410):
        raise error
    return error


def _written(result: Result, part: Part, hear: Hear | None) -> Generator[Any, Any, None]:
    """The open answer to the disk; what had come when it broke, too."""
    held: list[bytes] = []
    try:
        while (piece := (yield Next())) is not None:
            held.append(piece)
            if sum(map(len, held)) >= _WRITE_BYTES:
                yield from done(partial(part.write, held))
                held = []
                yield from told(hear, Progress("download", part.num_bytes, result.num_bytes))
    except LineError:
        yield from done(partial(part.write, held))
        raise
    yield Close()
    yield from done(partial(part.write, held))
    yield from told(hear, Progress("download", part.num_bytes, result.num_bytes))
