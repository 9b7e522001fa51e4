"""Uploads that go on after a break: tus 1.0.0 (https://tus.io/protocols/resumable-upload), with its extensions
creation, expiration, checksum and termination.

    POST     a new upload: Upload-Length, and Upload-Metadata with a `filename` (and a `sha256` of the whole, if known)
    HEAD     how much of it has come
    PATCH    the next bytes; what arrived of a request that breaks off is kept
    DELETE   forget it
    OPTIONS  what is understood here

Errors are raised as the tree's, for the application to make answers of; those that only this protocol knows are
HTTPExceptions with its statuses (409 is ConflictError's, 410 over, 412 another version, 423 an earlier request is still
at it, 460 another checksum).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from blanklogo.errors import CancelledError, ConflictError, OptionError, TooLargeError
from blanklogo.service.repeats import IdempotencyKey, repeatable
from blanklogo.service.storage.arriving import Gate, announced_bytes, arriving
from blanklogo.service.storage.lanes import Lane, Lanes
from blanklogo.service.storage.places import Places
from blanklogo.service.storage.uploads import PART_BYTES, About, Uploads

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,checksum,termination"
CHECKSUMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}  # a tus server must know sha1
BODY_TYPE = "application/offset+octet-stream"
MAX_OPEN = 20  # uploads of one owner that are not whole yet
_MAX_METADATA_CHARS = 4096
_NUMBER = re.compile(r"[0-9]{1,15}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Tus:
    """What the routes work with; the application holds it as `app.state.tus`.

    Attributes:
        gate: for bodies; the one that other routes with large bodies share.
    """

    uploads: Uploads
    places: Places
    gate: Gate
    now: Callable[[], float] = time.time
    max_open: int = MAX_OPEN
    lanes: Lanes = field(default_factory=Lanes)


class _Route(APIRoute):
    """Every answer names the protocol's version, errors too."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = ((b"tus-resumable", VERSION.encode()), (b"cache-control", b"no-store"))
                message["headers"] = [*message.get("headers", ()), *told]
            await send(message)

        await super().handle(scope, receive, tell)


def tus_router(prefix: str, owner_of: Callable[..., str]) -> APIRouter:
    """The routes under a path. Of another owner's uploads they know nothing (404).

    Args:
        owner_of: a dependency of FastAPI that gives the owner who asks, or raises.
    """
    router = APIRouter(prefix=prefix, route_class=_Route, include_in_schema=False)  # tus's own page describes it
    asking, speaks = Depends(owner_of), [Depends(_check_version)]

    @router.options("")
    def understood(request: Request) -> Response:
        return _understood(_tus(request))

    @router.post("", dependencies=speaks)
    def begin(request: Request, owner: str = asking, idempotency_key: IdempotencyKey = None) -> Response:
        return _begun(_tus(request), request, owner, idempotency_key)

    @router.head("/{upload_id}", dependencies=speaks)
    async def look(request: Request, upload_id: str, owner: str = asking) -> Response:
        return await _alone(_looked, _tus(request), owner, upload_id)

    @router.patch("/{upload_id}", dependencies=speaks)
    async def send(request: Request, upload_id: str, owner: str = asking) -> Response:
        return await _sent(_tus(request), request, owner, upload_id)

    @router.delete("/{upload_id}", dependencies=speaks)
    async def forget(request: Request, upload_id: str, owner: str = asking) -> Response:
        return await _alone(_forgotten, _tus(request), owner, upload_id)

    @router.post("/{upload_id}", dependencies=speaks)
    async def override(request: Request, upload_id: str, owner: str = asking) -> Response:
        """For clients that only have POST: X-HTTP-Method-Override names the method that is meant."""
        method = request.headers.get("x-http-method-override", "").upper()
        if method == "PATCH":
            return await _sent(_tus(request), request, owner, upload_id)
        if method == "DELETE":
            return await _alone(_forgotten, _tus(request), owner, upload_id)
        raise HTTPException(405, "POST to an upload", {"Allow": "HEAD, PATCH, DELETE"})

    return router


def metadata(header: str) -> dict[str, str]:
    """Names and values of an Upload-Metadata header: `filename Y2xpcC5tcDQ=,is_private`. Raises OptionError."""
    if len(header) > _MAX_METADATA_CHARS:
        raise OptionError(f"Upload-Metadata of {len(header)} characters", accepted=f"up to {_MAX_METADATA_CHARS}")
    given: dict[str, str] = {}
    for entry in filter(None, map(str.strip, header.split(","))):
        name, _, value = entry.partition(" ")
        if name in given:
            raise OptionError("Upload-Metadata that names something twice", accepted="each name once")
        given[name] = _decoded(value).decode("utf-8", "replace")
    return given


def _tus(request: Request) -> Tus:
    return request.app.state.tus


def _understood(tus: Tus) -> Response:
    told = {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(tus.uploads.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }
    return Response(status_code=204, headers=told)


async def _alone(work: Callable[[Tus, str, str], Response], tus: Tus, owner: str, upload_id: str) -> Response:
    """Once nobody else is at the upload any more."""
    async with tus.lanes.entered(f"{owner}/{upload_id}"):
        return await run_in_threadpool(work, tus, owner, upload_id)


def _looked(tus: Tus, owner: str, upload_id: str) -> Response:
    about = tus.uploads.about(owner, upload_id)
    offset = _offset(tus, about)
    if offset == about.num_bytes:  # whoever hears that may take it that the file is there
        tus.uploads.finish(about)
    return Response(headers=_told(tus, about, offset) | _of_whole(about))


def _forgotten(tus: Tus, owner: str, upload_id: str) -> Response:
    about = tus.uploads.about(owner, upload_id)
    tus.places.close(owner, upload_id)
    tus.uploads.drop(about)
    return Response(status_code=204)


async def _sent(tus: Tus, request: Request, owner: str, upload_id: str) -> Response:
    about = await run_in_threadpool(tus.uploads.about, owner, upload_id)
    async with tus.lanes.entered(f"{owner}/{upload_id}") as lane:
        with tus.gate.passed():
            return await _appended(tus, request, about, lane)


def _check_version(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise HTTPException(412, f"Tus-Resumable is to be {VERSION}", {"Tus-Version": VERSION})


def _begun(tus: Tus, request: Request, owner: str, key: str | None) -> Response:
    header = request.headers.get("upload-metadata", "")
    given = metadata(header)
    num_bytes = _number(request.headers, "upload-length")
    sha256 = given.get("sha256")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise OptionError(f"metadata sha256 {sha256[:80]!r}", accepted="64 digits 0-9a-f")
    if num_bytes > tus.uploads.max_bytes:
        raise TooLargeError(
            f"an upload of {num_bytes / 1e6:g} MB", accepted=f"up to {tus.uploads.max_bytes / 1e6:g} MB"
        )
    named = repeatable(owner, key, "tus", num_bytes, header)
    place = tus.places.opened_before(named)
    if place is None:
        if tus.uploads.num_open(owner) >= tus.max_open:
            raise HTTPException(429, f"{tus.max_open} uploads are open; finish or delete one", {"Retry-After": "60"})
        place = tus.places.open(owner, given.get("filename") or given.get("name") or "video.mp4", named)
    about = About(place.key, num_bytes, place.expires_seconds, header, sha256)
    offset = _there(tus, about)
    if num_bytes == 0:
        tus.uploads.finish(about)
    location = f"{request.url.path.rstrip('/')}/{place.upload_id}"
    return Response(status_code=201, headers={"Location": location, **_told(tus, about, offset)})


def _there(tus: Tus, about: About) -> int:
    """Begins an upload, if the same request did not get so far before. Returns how much has come of it."""
    try:
        tus.uploads.begin(about)
    except ConflictError:
        return _offset(tus, about)
    return 0


async def _appended(tus: Tus, request: Request, about: About, lane: Lane) -> Response:
    if request.headers.get("content-type", "") != BODY_TYPE:
        raise HTTPException(415, f"Content-Type is to be {BODY_TYPE}")
    offset = await run_in_threadpool(_offset, tus, about)
    if _number(request.headers, "upload-offset") != offset:
        raise ConflictError(f"the upload goes on at {offset}", hint="HEAD, then PATCH from there")
    announced_bytes(request, about.num_bytes - offset)
    if "upload-checksum" in request.headers:
        offset = await _checked(tus, request, about, offset, lane)
    else:
        offset = await _streamed(tus, request, about, offset, lane)
    if offset == about.num_bytes:
        await run_in_threadpool(tus.uploads.finish, about)
    return Response(status_code=204, headers=_told(tus, about, offset))


async def _streamed(tus: Tus, request: Request, about: About, offset: int, lane: Lane) -> int:
    """Keeps what comes, part by part; what has come when it breaks off, too."""
    held = bytearray()
    try:
        async for piece in arriving(request, lane=lane):
            held += piece
            while len(held) >= PART_BYTES:
                data = bytes(held[:PART_BYTES])
                del held[:PART_BYTES]
                offset = await run_in_threadpool(tus.uploads.append, about, offset, data)
    except (CancelledError, HTTPException):  # of what arrives; what the storage raises leaves nothing to add to
        await run_in_threadpool(tus.uploads.append, about, offset, bytes(held))
        raise
    return await run_in_threadpool(tus.uploads.append, about, offset, bytes(held))


async def _checked(tus: Tus, request: Request, about: About, offset: int, lane: Lane) -> int:
    """Keeps what comes if it has the checksum; so it is held until the last byte, and must be no more than a part."""
    algorithm, _, wanted = request.headers["upload-checksum"].partition(" ")
    if algorithm not in CHECKSUMS:
        raise OptionError(f"checksum {algorithm[:40]!r}", accepted=", ".join(CHECKSUMS))
    held = bytearray()
    async for piece in arriving(request, lane=lane):
        held += piece
        if len(held) > PART_BYTES:
            raise TooLargeError("a piece with a checksum", accepted=f"up to {PART_BYTES} bytes", hint="smaller pieces")
    if not hmac.compare_digest(CHECKSUMS[algorithm](held).digest(), _decoded(wanted)):
        raise HTTPException(460, "the bytes have another checksum")
    return await run_in_threadpool(tus.uploads.append, about, offset, bytes(held))


def _offset(tus: Tus, about: About) -> int:
    """How much has come of an upload that may still go on."""
    offset = tus.uploads.offset(about)
    if offset < about.num_bytes and tus.now() > about.expires_seconds:
        raise HTTPException(410, "the time for this upload is over; begin a new one")
    return offset


def _told(tus: Tus, about: About, offset: int) -> dict[str, str]:
    told = {"Upload-Offset": str(offset)}
    if offset < about.num_bytes:
        told["Upload-Expires"] = format_datetime(datetime.fromtimestamp(about.expires_seconds, UTC), usegmt=True)
    return told


def _of_whole(about: About) -> dict[str, str]:
    told = {"Upload-Length": str(about.num_bytes)}
    return told | {"Upload-Metadata": about.metadata} if about.metadata else told


def _number(headers: Mapping[str, str], name: str) -> int:
    said = headers.get(name, "")
    if not _NUMBER.fullmatch(said):
        raise OptionError(f"{name} {said[:40]!r}", accepted="a number of bytes")
    return int(said)


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise OptionError(f"{value[:40]!r} in a header", accepted="base64") from None
