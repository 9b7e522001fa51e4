"""The routes behind the service's own signed URLs. Whoever has a good one needs no token.

Errors are raised as the tree's (ForbiddenError, TooLargeError, WriteError, …), for the application to make answers of.
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


def files_router(storage: Storage, urls: ServiceUrls, gate: Gate | None = None) -> APIRouter:
    """GET, HEAD and PUT under `signing.PATH`.

    Args:
        gate: for bodies; the one that other routes with large bodies share.
    """
    router = APIRouter(prefix=PATH, tags=["files"])
    gate = gate or Gate()

    @router.get("/{key:path}", summary="Fetch a file by its signed URL", response_class=Response)
    def fetch(request: Request, key: str) -> Response:
        grant = granted(urls, request, key)
        return file_answer(storage, grant.key, request.headers, grant.name)

    @router.head("/{key:path}", summary="Look at a file by its signed URL", response_class=Response)
    def look(request: Request, key: str) -> Response:
        grant = granted(urls, request, key)
        return file_answer(storage, grant.key, request.headers, grant.name, is_head=True)

    @router.put("/{key:path}", summary="Bring a file by its signed URL", response_class=JSONResponse, status_code=201)
    async def bring(request: Request, key: str) -> Response:
        grant = granted(urls, request, key)
        with gate.passed():
            return await _brought(storage, request, grant)

    return router


def granted(urls: ServiceUrls, request: Request, key: str) -> Grant:
    """What the request's URL allows it. Raises ForbiddenError: nothing."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    if not raw.endswith(
        f"{PATH}/{key}".encode(errors="replace")
    ):  # something in it was escaped, which nothing in a key needs to be
        raise ForbiddenError("a URL whose signature is wrong", hint="the URL as it was given, with its method")
    return urls.granted(request.method, key, request.query_params.multi_items())


async def _brought(storage: Storage, request: Request, grant: Grant) -> Response:
    max_bytes = grant.max_bytes or 0
    num_bytes = announced_bytes(request, max_bytes)
    await run_in_threadpool(storage.check_room, num_bytes or 0)
    stored = await storage.put_async(grant.key, arriving(request), max_bytes, grant.sha256)
    told = {"key": grant.key, "num_bytes": stored.num_bytes, "sha256": stored.sha256}
    return JSONResponse(told, 201, GUARDS)
