"""A short removal in one request: bytes there, bytes back, in the shape of `process_video(bytes, mode, platform)`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from typing import Any

from blanklogo.client.access import Access
from blanklogo.client.answers import MAY_PASS, code_of, is_of_tree, read
from blanklogo.client.asking import asked
from blanklogo.client.downloading import result_of
from blanklogo.client.effects import Answer, Flow, Request
from blanklogo.client.results import Processed, Result
from blanklogo.errors import PendingError, SourceError, TooLargeError, UnavailableError, VerificationError
from blanklogo.types.report import Report
from blanklogo.wire import MAX_BASE64_BYTES

PATH = "/process_video_http"


def asked_of_service(
    access: Access, video: bytes, fields: dict[str, Any], key: str, wait_seconds: float
) -> Flow[Processed]:
    """At a service. Broken off, it is asked for again under the same key, and the same job answers.

    Raises:
        PendingError: it is not done when the time is over; the job goes on.
        TooLargeError: the video does not go into a body.
        BlankLogoError: as the job ended.
    """
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    content = _body(video, fields, "submit, which uploads it in pieces; POST /api/v1/jobs/upload")
    request = access.request("POST", PATH, headers=headers, content=content)
    until_seconds = time.monotonic() + wait_seconds
    try:
        answer = yield from asked(request, may_pass=_may_pass, until_seconds=until_seconds)
    except UnavailableError as error:
        if time.monotonic() < until_seconds:
            raise
        hint = f"nothing is lost; the same call with idempotency_key={key!r}"
        raise PendingError(f"no answer within {wait_seconds:g} s", hint=hint) from error
    told = read(answer, dict)
    data = None if told.get("video") else (yield from _fetched(access, told.get("job_id")))
    return _processed(answer, data)


def asked_of_endpoint(access: Access, video: bytes, fields: dict[str, Any], wait_seconds: float) -> Flow[Processed]:
    """At an endpoint of a provider, which knows no keys: what may have got there is not sent again.

    Raises: as `asked_of_service`.
    """
    content = _body(video, fields, "an engine (docs/modal.md), or a service, which takes larger ones")
    headers = {"Content-Type": "application/json"}
    request = access.request(
        "POST", PATH, is_open=True, headers=headers, content=content, read_seconds=wait_seconds, is_repeatable=False
    )
    return _processed((yield from asked(request, may_pass=lambda answer: answer.status == 429)), None)


def _may_pass(answer: Answer) -> bool:
    """Not what the work came to; that would be the same again."""
    return answer.status in MAY_PASS and not is_of_tree(code_of(answer))


def _body(video: bytes, fields: dict[str, Any], instead: str) -> bytes:
    if not video:
        raise SourceError("no bytes", accepted="a video's bytes")
    num_bytes = -(-len(video) // 3) * 4
    if num_bytes > MAX_BASE64_BYTES:
        raise TooLargeError(
            f"a video of {num_bytes / 1e6:.1f} MB as base64",
            accepted=f"up to {MAX_BASE64_BYTES / 1e6:.0f} MB",
            hint=instead,
        )
    return json.dumps({**fields, "video": base64.b64encode(video).decode("ascii")}).encode()


def _processed(answer: Answer, data: bytes | None) -> Processed:
    return read(answer, lambda told: _of(told, data))


def _of(told: dict[str, Any], data: bytes | None) -> Processed:
    """Raises ValueError, TypeError, KeyError: it is no such answer."""
    if data is None:
        try:
            data = base64.b64decode(told["video"], validate=True)
        except binascii.Error as error:
            raise ValueError("no base64") from error
    report = told.get("report")
    return Processed(data, dict(told["stats"]), Report.from_dict(report) if report else None, told.get("job_id"))


def _fetched(access: Access, job_id: Any) -> Flow[bytes]:
    """A result that is too large for an answer."""
    if not isinstance(job_id, str):
        raise UnavailableError("the service answered with neither a video nor a job")
    result: Result = yield from result_of(access, job_id)
    answer = yield from asked(Request("GET", result.url, {"Accept-Encoding": "identity"}))
    if hashlib.sha256(answer.body).hexdigest() != result.sha256:
        raise VerificationError(f"the result of {job_id} has another SHA-256 than the service told")
    return answer.body
