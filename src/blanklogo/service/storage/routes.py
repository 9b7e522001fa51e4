"""What the service's own signed URLs lead to: a file to fetch, whole or a part of it, and a place to bring one to.

The application holds its storage as `app.state.storage` and its URLs as `app.state.urls`. Whoever has a URL needs no
token; what it allows, its signature says.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from blanklogo.service.storage.keys import content_type
from blanklogo.service.storage.signing import PATH, Grant
from blanklogo.service.storage.store import Stat, Storage

router = APIRouter(include_in_schema=False)

_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


@router.api_route(f"{PATH}/{{key:path}}", methods=["GET", "HEAD"])
def fetch(request: Request, key: str) -> Response:
    """The file, or one range of it (RFC 9110, 14). Raises ForbiddenError, NotFoundError."""
    grant = _granted(request, key)
    storage: Storage = request.app.state.storage
    stat = storage.stat(grant.key)
    start, end = _range(request, stat)
    headers = _headers(grant, stat)
    if start >= end and stat.num_bytes:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{stat.num_bytes}"})
    headers["Content-Length"] = str(end - start)
    is_part = end - start < stat.num_bytes
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{stat.num_bytes}"
    status = 206 if is_part else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(storage.opened(stat, start, end), status, headers)


@router.put(f"{PATH}/{{key:path}}", status_code=201)
async def bring(request: Request, key: str) -> Response:
    """A file, streamed into its place. Raises ForbiddenError, TooLargeError, OptionError for another digest."""
    grant = await run_in_threadpool(_granted, request, key)
    assert grant.max_bytes is not None  # no signature for a PUT is without it
    storage: Storage = request.app.state.storage
    await storage.put_async(grant.key, request.stream(), grant.max_bytes, grant.sha256)
    return Response(status_code=201)


def _granted(request: Request, key: str) -> Grant:
    return request.app.state.urls.granted(request.method, key, request.query_params.multi_items())


def _headers(grant: Grant, stat: Stat) -> dict[str, str]:
    """Nothing here is to be run by a browser, or kept by a proxy."""
    name = grant.name or grant.key.rpartition("/")[2]
    return {
        "Content-Type": content_type(grant.key),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "ETag": stat.e_tag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private",
        "X-Content-Type-Options": "nosniff",
    }


def _range(request: Request, stat: Stat) -> tuple[int, int]:
    """Half-open; what is no single range, or of another version, is the whole."""
    match = _RANGE.fullmatch(request.headers.get("Range", ""))
    if match is None or request.headers.get("If-Range", stat.e_tag) != stat.e_tag:
        return 0, stat.num_bytes
    end = int(match[2]) + 1 if match[2] else stat.num_bytes
    return int(match[1]), min(end, stat.num_bytes)
