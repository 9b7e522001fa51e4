"""Files that callers bring: to a signed URL, or in one request with the job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, ValidationError
from starlette.datastructures import FormData, UploadFile

from blanklogo.errors import OptionError
from blanklogo.net.stores import put_headers
from blanklogo.service import views
from blanklogo.service.bodies import JobCreated, JobRequest, Options, Rights, UploadOpened, UploadRequest, moment
from blanklogo.service.forms import received
from blanklogo.service.jobs.intake import Caller, Wish, no_longer_open
from blanklogo.service.jobs.options import suffix_of
from blanklogo.service.names import plain_name
from blanklogo.service.parts import Parts
from blanklogo.service.problems import unfit
from blanklogo.service.repeats import IdempotencyKey, repeatable
from blanklogo.service.routes.asking import BODY, Here, Submitter, body_schema, caller_of, problems
from blanklogo.service.tokens.dependency import require
from blanklogo.service.tokens.token import Scope
from blanklogo.service.webhooks.message import EventName

UPLOAD_PATH = "/api/v1/jobs/upload"
_SIGNED_SECONDS = 3600.0  # for which a file may be brought
_PIECE_BYTES = 1 << 20
_JSON_FIELDS = {
    *("boxes", "from", "start_seconds", "to", "end_seconds", "quality"),
    *("fresh", "webhook_events", "metadata", "rights_confirmed"),
}
_TICKED = {"1", "on", "True"}  # as a form's boxes and Python's `str` have it

router = APIRouter(tags=["uploads"], dependencies=[Depends(require(Scope.SUBMIT))])


class UploadForm(Options):
    """A job's options beside its file. What is no text is JSON: `[[0, 0, 80, 40]]`, `true`, `21.5`."""

    # A form's field is there or not, and never null.
    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"webhook_events": ["webhook_url"]}})
    rights_confirmed: Rights


def _filled(field: dict[str, Any]) -> dict[str, Any]:
    """A property without its null, which a form has no way to say but to leave the field out."""
    [*kinds] = (kind for kind in field.get("anyOf", ()) if kind != {"type": "null"})
    about = {name: value for name, value in field.items() if name not in ("anyOf", "default")}
    return about | kinds[0] if kinds else field


def _form() -> dict[str, Any]:
    schema = body_schema(UploadForm)
    file = {"type": "string", "format": "binary", "description": "the file"}
    fields = {name: _filled(field) for name, field in schema["properties"].items()}
    schema["properties"] = {"video": file, **fields}
    schema["required"] = ["video", *schema["required"]]
    encoding = {
        name: {"contentType": "application/json"} for name in sorted(_JSON_FIELDS & schema["properties"].keys())
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema, "encoding": encoding}}}


@router.post("/api/v1/uploads", status_code=201, responses=problems(409, *BODY))
def open_upload(
    request: Request, parts: Here, token: Submitter, body: UploadRequest, idempotency_key: IdempotencyKey = None
) -> UploadOpened:
    """A signed URL to bring a file to by PUT, with the headers that it names; its id then makes a job. An upload that
    no job takes is removed."""
    name = plain_name(body.filename)
    named = repeatable(token.owner, idempotency_key, "place", body.filename)
    upload = parts.intake.open_upload(caller_of(request, token), name, suffix_of(name), named)
    ends_seconds = upload.created_seconds + _SIGNED_SECONDS
    left_seconds = ends_seconds - parts.store.clock()  # less than an hour for who asks again
    if left_seconds < 1:
        raise no_longer_open()
    max_bytes = parts.limits.max_input_bytes
    url = parts.storage.sign_put(upload.key, left_seconds, max_bytes)
    return UploadOpened(
        upload_id=upload.id,
        url=url,
        headers=dict(put_headers(url)),
        max_bytes=max_bytes,
        expires_at=moment(ends_seconds),
    )


@router.post(UPLOAD_PATH, status_code=201, responses=problems(409, *BODY, 507), openapi_extra={"requestBody": _form()})
async def create_from_upload(
    request: Request, parts: Here, token: Submitter, idempotency_key: IdempotencyKey = None
) -> JobCreated:
    """Queues a removal of the file in the field `video`; the other fields are as in `POST /api/v1/jobs`."""
    caller = caller_of(request, token)
    async with received(request, request.app.state.forms) as form:
        return await run_in_threadpool(_created, parts, caller, form, idempotency_key)


def _created(parts: Parts, caller: Caller, form: FormData, idempotency_key: str | None) -> JobCreated:
    video = form.get("video")
    if not isinstance(video, UploadFile):
        raise unfit(OptionError("no file", accepted="a file in the field video"), "video")
    fields = {name: _texts(form.getlist(name)) for name in form if name != "video"}
    name = plain_name(video.filename)
    upload = parts.intake.open_upload(caller, name, suffix_of(name))
    body = _checked(fields, upload.id)
    webhook = body.webhook()
    parts.check_webhook(webhook)  # before a file is kept for it
    stored = parts.storage.put(upload.key, _pieces(video.file), parts.limits.max_input_bytes)
    asked = (body.request(), body.webhook_url, body.webhook_events, stored.sha256)
    named = repeatable(caller.owner, idempotency_key, "upload", *asked)
    wish = Wish(body.request(), upload_id=upload.id, num_bytes=stored.num_bytes, sha256=stored.sha256, webhook=webhook)
    made = parts.create(caller, [wish], named)
    if made.is_repeated:
        parts.storage.delete(upload.key)
    return views.created(made.jobs[0])


def _checked(fields: dict[str, Any], upload_id: str) -> JobRequest:
    """The form's fields as a job's body. A field that was left empty is none."""
    given = {name: _value(name, text) for name, text in fields.items() if text != ""} | {"upload_id": upload_id}
    try:
        return JobRequest.model_validate(given)
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None


def _texts(values: list[Any]) -> Any:
    """A field's text; of one that came several times, all of them, as a form says a list."""
    return values[0] if len(values) == 1 else values


def _value(name: str, text: Any) -> Any:
    """A form has texts alone."""
    if name not in _JSON_FIELDS or isinstance(text, list):
        return text
    if name in ("rights_confirmed", "fresh") and text in _TICKED:
        return True
    if name == "webhook_events" and text in list(EventName):
        return [text]
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise unfit(OptionError("no JSON", accepted="JSON in a form's field"), name) from None


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece
