"""Files that callers bring: to a signed URL, or in one request with the job."""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from blanklogo.errors import OptionError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.service import views
from blanklogo.service.bodies import JobCreated, JobRequest, UploadOpened, UploadRequest, moment
from blanklogo.service.jobs.intake import Caller, Wish
from blanklogo.service.jobs.options import suffix_of
from blanklogo.service.names import plain_name
from blanklogo.service.parts import Parts
from blanklogo.service.problems import unfit
from blanklogo.service.routes.asking import Here, IdempotencyKey, Submitter, caller_of, problems, repeatable
from blanklogo.service.tokens.dependency import require
from blanklogo.service.tokens.token import Scope

UPLOAD_PATH = "/api/v1/jobs/upload"
_SIGNED_SECONDS = 3600.0  # for which a file may be brought
_PIECE_BYTES = 1 << 20
_MAX_FIELDS = 20
_JSON_FIELDS = {"boxes", "metadata", "webhook_events"}

router = APIRouter(tags=["uploads"], dependencies=[Depends(require(Scope.SUBMIT))])

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["video", "rights_confirmed"],
                    "properties": {
                        "video": {"type": "string", "format": "binary", "description": "the file"},
                        "rights_confirmed": {"type": "boolean", "enum": [True]},
                        "processing_mode": {"type": "string", "enum": ["auto", "inpaint", "crop"]},
                        "platform": {"type": "string"},
                        "boxes": {"type": "string", "description": "as JSON: [[x0, y0, x1, y1], …]"},
                        "metadata": {"type": "string", "description": "as JSON"},
                        "webhook_url": {"type": "string"},
                        "webhook_events": {"type": "string", "description": 'as JSON: ["job.completed", …]'},
                    },
                }
            }
        },
    }
}


@router.post("/api/v1/uploads", status_code=201, responses=problems(422))
def open_upload(request: Request, parts: Here, token: Submitter, body: UploadRequest) -> UploadOpened:
    """A signed URL to bring a file to by PUT; its id then makes a job. An upload that no job takes is removed."""
    name = plain_name(body.filename)
    upload = parts.intake.open_upload(caller_of(request, token), name, suffix_of(name))
    max_bytes = parts.limits.max_input_bytes
    return UploadOpened(
        upload_id=upload.id,
        url=parts.storage.sign_put(upload.key, _SIGNED_SECONDS, max_bytes),
        max_bytes=max_bytes,
        expires_at=moment(upload.created_seconds + _SIGNED_SECONDS),
    )


@router.post(UPLOAD_PATH, status_code=201, responses=problems(400, 409, 413, 422, 507), openapi_extra=_FORM)
async def create_from_upload(
    request: Request, parts: Here, token: Submitter, idempotency_key: IdempotencyKey = None
) -> JobCreated:
    """Queues a removal of the file in the field `video`; the other fields are as in `POST /api/v1/jobs`."""
    caller = caller_of(request, token)
    async with _received(request) as form:
        return await run_in_threadpool(_created, parts, caller, form, idempotency_key)


@asynccontextmanager
async def _received(request: Request) -> AsyncIterator[FormData]:
    """The form, its file in the folder for temporary ones. Raises WriteError: the disk refused."""
    with foreign_errors(Stage.WRITE, Path(tempfile.gettempdir())):
        async with request.form(max_files=1, max_fields=_MAX_FIELDS) as form:
            yield form


def _created(parts: Parts, caller: Caller, form: FormData, idempotency_key: str | None) -> JobCreated:
    video = form.get("video")
    if not isinstance(video, UploadFile):
        raise unfit(OptionError("no file", accepted="a file in the field video"), "video")
    fields = {name: value for name, value in form.items() if name != "video"}
    name = plain_name(video.filename)
    upload = parts.intake.open_upload(caller, name, suffix_of(name))
    body = _checked(fields, upload.id)
    webhook = body.webhook()
    parts.check_webhook(webhook)  # before a file is kept for it
    stored = parts.storage.put(upload.key, _pieces(video.file), parts.limits.max_input_bytes)
    again = repeatable(idempotency_key, "upload", body.request(), body.webhook_url, body.webhook_events, stored.sha256)
    wish = Wish(body.request(), upload_id=upload.id, num_bytes=stored.num_bytes, sha256=stored.sha256, webhook=webhook)
    made = parts.create(caller, [wish], again)
    if made.is_repeated:
        parts.storage.delete(upload.key)
    return views.created(made.jobs[0])


def _checked(fields: dict[str, Any], upload_id: str) -> JobRequest:
    """The form's fields as a job's body. A form has texts alone: `boxes` and `metadata` are JSON in it."""
    given = {**fields, "upload_id": upload_id}
    if given.get("rights_confirmed") in ("true", "True", "1", "on"):
        given["rights_confirmed"] = True
    for name in _JSON_FIELDS & given.keys():
        try:
            given[name] = json.loads(given[name])
        except (ValueError, TypeError, RecursionError):
            raise unfit(OptionError("no JSON", accepted="JSON in a form's field"), name) from None
    try:
        return JobRequest.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece
