"""The whole of a short removal in one request: a video as base64 in, a video as base64 out."""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field, ValidationError

from blanklogo.errors import BlankLogoError, CancelledError, NotFoundError, from_dict
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.service import views
from blanklogo.service.bodies import Options, Rights
from blanklogo.service.embedded import Embedded
from blanklogo.service.forms import watched
from blanklogo.service.jobs.intake import Caller, Wish
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.options import suffix_of
from blanklogo.service.jobs.states import State
from blanklogo.service.names import plain_name
from blanklogo.service.parts import Parts
from blanklogo.service.repeats import IdempotencyKey, repeatable
from blanklogo.service.routes.asking import BODY, Here, Submitter, body_schema, caller_of, problems
from blanklogo.service.storage.arriving import Gate
from blanklogo.service.tokens.dependency import require
from blanklogo.service.tokens.token import Scope
from blanklogo.wire import MAX_BASE64_BYTES, STATS

PATH = "/process_video_http"
MAX_BODY_BYTES = MAX_BASE64_BYTES + 10_000  # the text of the video, and a little beside it
NUM_READ_AT_ONCE = 4  # each takes as much of the temporary disk as its video has
_LOOK_SECONDS = 0.25
_PIECE_BYTES = 1 << 20
_BASE64 = "^(data:[^,]*;base64,)?([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"  # for the OpenAPI alone

router = APIRouter(tags=["process"], dependencies=[Depends(require(Scope.SUBMIT)), Depends(require(Scope.READ))])


class ProcessRequest(Options):
    """A video in a body."""

    video: str = Field(
        description="base64 of the file; a data: URL will do",
        min_length=4,
        json_schema_extra={"contentEncoding": "base64", "pattern": _BASE64},
    )
    name: str = Field("video.mp4", max_length=200)
    rights_confirmed: Rights


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": body_schema(ProcessRequest),
                "example": {"video": "AAAAIGZ0eXBpc29t…", "platform": "sora", "rights_confirmed": True},
            }
        },
    }
}


@router.post(
    PATH, response_model=dict[str, Any], responses=problems(409, *BODY, 499, 500, 504, 507), openapi_extra=_BODY
)
async def process_video_http(
    request: Request, parts: Here, token: Submitter, idempotency_key: IdempotencyKey = None
) -> Response:
    """Removes the mark and answers when it is done: `video` as base64, or where that would be over 50 MB the signed URL
    in `output`; with `stats`, the `report` and the `job_id`. The job goes on, and stays, when the caller hangs up."""
    job = await _taken(request, parts, caller_of(request, token), idempotency_key)
    while not job.state.is_over:
        await asyncio.sleep(_LOOK_SECONDS)
        found = await run_in_threadpool(parts.store.get, job.id)
        if found is None:
            raise NotFoundError(f"{job.id} is not at hand any more", hint=f"GET /api/v1/jobs/{job.id}")
        if parts.leaving.is_set() and not found.state.is_over:
            raise HTTPException(503, f"the service is being stopped; {job.id} goes on", {"Retry-After": "2"})
        job = found
    return await run_in_threadpool(_answer, parts, job)


async def _taken(request: Request, parts: Parts, caller: Caller, idempotency_key: str | None) -> StoredJob:
    """The job that the body asks for; its video is in the storage by then, and nothing of the body is held any more.

    Raises:
        HTTPException: 503, as many bodies as go at once are being read.
    """
    gate: Gate = request.app.state.texts
    with gate.passed(), foreign_errors(Stage.WRITE, Path(tempfile.gettempdir())), tempfile.TemporaryFile() as file:
        body = _checked(await _read(request, file))
        return await run_in_threadpool(_created, parts, caller, Brought(body, file), idempotency_key)


@dataclass(frozen=True)
class Brought:
    """A body, and its video in a file."""

    body: ProcessRequest
    file: IO[bytes]

    def pieces(self) -> Iterator[bytes]:
        self.file.seek(0)
        return iter(partial(self.file.read, _PIECE_BYTES), b"")


async def _read(request: Request, file: IO[bytes]) -> bytes:
    """The body without its video, which goes into the file as it comes: held as text, some would fill the memory."""
    embedded = Embedded("video", file.write)
    async for piece in Request(request.scope, watched(request.receive)).stream():
        embedded.feed(piece)
    return embedded.rest()


def _checked(body: bytes) -> ProcessRequest:
    try:
        return ProcessRequest.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in errors]) from None


def _created(parts: Parts, caller: Caller, brought: Brought, idempotency_key: str | None) -> StoredJob:
    body = brought.body
    name = plain_name(body.name)
    webhook = body.webhook()
    parts.check_webhook(webhook)
    upload = parts.intake.open_upload(caller, name, suffix_of(name))
    stored = parts.storage.put(upload.key, brought.pieces(), parts.limits.max_input_bytes)
    asked = (body.request(), body.webhook_url, body.webhook_events, stored.sha256)
    named = repeatable(caller.owner, idempotency_key, "process", *asked)
    wish = Wish(body.request(), upload_id=upload.id, num_bytes=stored.num_bytes, sha256=stored.sha256, webhook=webhook)
    made = parts.create(caller, [wish], named)
    if made.is_repeated:
        parts.storage.delete(upload.key)
    return made.jobs[0]


def _answer(parts: Parts, job: StoredJob) -> Response:
    if job.state is not State.COMPLETED or job.report is None:
        raise _ended(job)
    output = views.download(job, parts.storage, parts.store.clock())
    is_small = -(-output.size_bytes // 3) * 4 <= MAX_BASE64_BYTES
    told = {
        "output": None if is_small else output.download_url,
        "stats": {name: job.report[name] for name in STATS},
        "report": job.report,
        "job_id": job.id,
    }
    if not is_small:
        return JSONResponse({"video": None, **told})
    video = parts.storage.read(job.output_key or "")
    return StreamingResponse(_told(video, told), media_type="application/json")


def _told(video: Iterator[bytes], more: dict[str, Any]) -> Iterator[bytes]:
    """An answer's text, piece by piece: whoever fetches it slowly holds little here."""
    yield b'{"video":"'
    rest = b""
    for piece in video:
        data = rest + piece
        num_whole = len(data) // 3 * 3
        yield base64.b64encode(data[:num_whole])
        rest = data[num_whole:]
    yield base64.b64encode(rest) + b'",' + json.dumps(more).encode()[1:]


def _ended(job: StoredJob) -> BlankLogoError:
    return CancelledError(f"{job.id} was cancelled") if job.error is None else from_dict(job.error)
