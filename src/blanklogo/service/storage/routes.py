"""The routes behind the service's own signed URLs. Whoever has a good one needs no token.

The application holds `app.state.storage`, `app.state.urls`, `app.state.gate`, which other routes with large bodies
share, and `app.state.results`, the gate of what workers made. Errors are raised as the tree's (ForbiddenError,
TooLargeError, WriteError, …), for it to make answers of.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from blanklogo.errors import ForbiddenError
from blanklogo.service.storage.answers import GUARDS, file_answer
from blanklogo.service.storage.arriving import Gate, announced_bytes, arriving
from blanklogo.service.storage.signing import PATH, Grant, ServiceUrls
from blanklogo.service.storage.store import Storage

router = APIRouter(prefix=PATH, include_in_schema=False)  # nobody makes such a URL but the service


@router.api_route("/{key:path}", methods=["GET", "HEAD"])
def fetch(request: Request, key: str) -> Response:
    """The file, whole or in part."""
    grant = granted(request, key)
    is_head = request.method == "HEAD"
    return file_answer(request.app.state.storage, grant.key, request.headers, grant.name, is_head=is_head)


@router.put("/{key:path}", status_code=201)
async def bring(request: Request, key: str) -> Response:
    """A file, streamed into its place; the answer has its size and SHA-256.

    Results have a gate of their own: each has cost minutes, and is not kept out by uploads.
    """
    grant = granted(request, key)
    gate: Gate = request.app.state.results if grant.is_result else request.app.state.gate
    with gate.passed():
        return await _brought(request.app.state.storage, request, grant)


def granted(request: Request, key: str) -> Grant:
    """What the request's URL allows it. Raises ForbiddenError: nothing."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    if not raw.endswith(
        f"{PATH}/{key}".encode(errors="replace")
    ):  # something in it was escaped, which nothing in a key needs to be
        raise ForbiddenError("a URL whose signature is wrong", hint="the URL as it was given, with its method")
    urls: ServiceUrls = request.app.state.urls
    return urls.granted(request.method, key, request.query_params.multi_items())


async def _brought(storage: Storage, request: Request, grant: Grant) -> Response:
    max_bytes = grant.max_bytes or 0
    num_bytes = announced_bytes(request, max_bytes)
    await run_in_threadpool(storage.check_room, num_bytes or 0)
    stored = await storage.put_async(grant.key, arriving(request), max_bytes, grant.sha256)
    told = {"key": grant.key, "num_bytes": stored.num_bytes, "sha256": stored.sha256}
    return JSONResponse(told, 201, GUARDS)
