"""What routes have in common: who asks, what of theirs, and what they may be refused with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer
from pydantic import BaseModel

from blanklogo.errors import NotFoundError
from blanklogo.service.jobs.intake import Caller
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.parts import Parts
from blanklogo.service.problems import MEDIA_TYPE, Problem, request_id_of
from blanklogo.service.tokens.dependency import require
from blanklogo.service.tokens.token import Scope, Token

Submitter = Annotated[Token, Depends(require(Scope.SUBMIT))]
Reader = Annotated[Token, Depends(require(Scope.READ))]
Admin = Annotated[Token, Depends(require(Scope.ADMIN))]
JobId = Annotated[str, Path(pattern=r"^job_[0-9a-f]{12}$", examples=["job_0123456789ab"])]


async def parts_of(request: Request) -> Parts:
    """What the application is made of. No work, so a coroutine: a trip into a thread would cost more than it."""
    return request.app.state.parts


Here = Annotated[Parts, Depends(parts_of)]


def caller_of(request: Request, token: Token) -> Caller:
    """For the audit."""
    return Caller(token.owner, token.id, request_id_of(request))


def owned(parts: Parts, token: Token, job_id: str) -> StoredJob:
    """The caller's job. Raises NotFoundError, for another owner's as for none."""
    job = parts.store.owned(token.owner, job_id)
    if job is None:
        raise missing(job_id)
    return job


def missing(job_id: str) -> NotFoundError:
    return NotFoundError(f"no job {job_id}", hint="GET /api/v1/jobs lists yours")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may refuse with, for the OpenAPI, beside what every route that wants a token may."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    told: dict[int | str, dict[str, Any]] = {}
    for status in (401, 403, 429, 503, *statuses):
        told[status] = {"description": _WORDS[status], "content": content}
        if (name := _HEADERS.get(status)) is not None:
            told[status]["headers"] = {name: {"required": True, "schema": {"type": "string"}}}
    return told


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A body's schema for the OpenAPI, of a route that reads the body itself. What it refers to is among the
    document's schemas by `JobRequest`, which has all of it."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return schema


BODY = (400, 408, 413, 415, 422)
"""What a body may be refused with."""

SHOWN = Depends(HTTPBearer(auto_error=False, description="ID:SECRET, as `blanklogo token new` shows it once"))
"""For a route's OpenAPI: that it wants a token. Who looks at it is `require`."""

_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After"}
_WORDS = {
    400: "the body cannot be read",
    401: "no token that is good here",
    403: "the token lacks the scope",
    404: "there is none, or it is somebody else's",
    408: "nothing of the body came for too long",
    409: "it does not fit how things stand",
    413: "larger than is taken",
    415: "a body of another kind",
    422: "it does not fit",
    429: "asked more often than is let through",
    499: "the job was cancelled meanwhile",
    500: "the work failed",
    503: "not now",
    504: "it took too long",
    507: "no room left",
}
