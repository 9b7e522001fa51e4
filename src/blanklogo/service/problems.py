"""Errors as HTTP answers: problem details (RFC 9457) with a stable `code`, a `hint`, and the request's id.

What the caller can mend is said in full. What is the service's own trouble is said by its kind alone, since its words
may hold paths and addresses of the machine; the log has them, under the same request id.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from blanklogo.errors import (
    BlankLogoError,
    CallerError,
    CancelledError,
    OptionError,
    TooLargeError,
    UnauthorizedError,
    WriteError,
)
from blanklogo.service.tokens.dependency import CHALLENGE
from blanklogo.wire import http_status

MEDIA_TYPE = "application/problem+json"
_MAX_ERRORS = 20  # of a body's faults that are told
_TITLES = {460: "Checksum Mismatch", 499: "Client Closed Request"}
_REFUSALS = {  # by status, of what is raised as HTTPException: its `code`, and what to try
    404: ("not_found", "/docs has every path"),
    405: ("method_not_allowed", "/docs has every path and its methods"),
    408: ("request_timeout", "send without pauses"),
    410: ("gone", "begin anew"),
    412: ("precondition_failed", None),
    415: ("unsupported_media_type", None),
    423: ("locked", "wait, and ask how much has come"),
    429: ("too_many_requests", None),
    460: ("checksum_mismatch", "send the same bytes again"),
    503: ("service_unavailable", "later"),
}
_CLOSE = {"Connection": "close"}  # what is left of a body is not read
_HEADERS = {UnauthorizedError: CHALLENGE, WriteError: _CLOSE, TooLargeError: _CLOSE}

log = logging.getLogger(__name__)


class Refusal(HTTPException):
    """An error of the tree for where FastAPI lets nothing else through: while it reads a body."""

    def __init__(self, error: BlankLogoError) -> None:
        super().__init__(status_of(error), str(error))
        self.error = error


class Problem(BaseModel):
    """An error's answer."""

    type: str = Field("about:blank", description="Always about:blank: `code` says which problem it is.")
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    code: str = Field(description="Which problem it is; stable.", examples=["not_found"])
    detail: str = Field(examples=["no job job_0123456789ab"])
    hint: str | None = Field(None, description="What to try.")
    request_id: str = Field(description="Under which the service's log has it.", examples=["req_0123456789abcdef"])
    errors: list[dict[str, Any]] | None = Field(None, description="Of a body that does not fit: what, and where.")


def status_of(error: BlankLogoError) -> int:
    """The HTTP status that an error answers with."""
    if isinstance(error, WriteError):
        return 507
    status = http_status(error)
    return 422 if status == 400 else status


def code_of(error: BlankLogoError) -> str:
    """ "not_found" of a NotFoundError."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """An error's answer."""
    told = Problem(
        title=_title(status), status=status, code=code, detail=detail, hint=hint, request_id=request_id, **more
    )
    return JSONResponse(told.model_dump(exclude_none=True), status, dict(headers or {}), media_type=MEDIA_TYPE)


def answer(error: BlankLogoError, request_id: str) -> JSONResponse:
    """An error of the tree as an answer."""
    status = status_of(error)
    headers = _HEADERS.get(type(error))
    if not isinstance(error, CallerError):
        level = logging.INFO if isinstance(error, CancelledError) else logging.ERROR  # who went away did nothing wrong
        log.log(level, "%s: %s: %s", request_id, type(error).__name__, error)
        return problem(request_id, status, code_of(error), _title(status), error.hint and "later", headers)
    detail = error.came if error.accepted is None else f"{error.came}; accepted: {error.accepted}"
    return problem(request_id, status, code_of(error), detail, error.hint, headers)


def install(app: FastAPI) -> None:
    """Makes problems of all that a route raises."""

    @app.exception_handler(BlankLogoError)
    async def on_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, BlankLogoError)
        return answer(error, request_id_of(request))

    @app.exception_handler(ClientDisconnect)
    async def on_leaving(request: Request, error: Exception) -> JSONResponse:
        return answer(CancelledError("the client went away in the middle of its body"), request_id_of(request))

    @app.exception_handler(RequestValidationError)
    async def on_unfit(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        errors = [{"where": list(one["loc"]), "what": one["msg"]} for one in error.errors()[:_MAX_ERRORS]]
        detail = "; ".join(f"{'.'.join(map(str, one['where']))}: {one['what']}" for one in errors)
        return problem(request_id_of(request), 422, "invalid_request", detail, "/docs", errors=errors)

    @app.exception_handler(HTTPException)
    async def on_refusal(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if isinstance(error, Refusal):
            return answer(error.error, request_id_of(request))
        code, hint = _REFUSALS.get(error.status_code, ("refused", None))
        return problem(request_id_of(request), error.status_code, code, str(error.detail), hint, error.headers)

    @app.exception_handler(Exception)
    async def on_fault(request: Request, error: Exception) -> JSONResponse:
        return problem(request_id_of(request), 500, "internal", "a fault of the service", "later")


def describe(app: FastAPI) -> None:
    """Puts `Problem` among the OpenAPI's schemas, where the routes' answers refer to it."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault(Problem.__name__, Problem.model_json_schema())
        return document

    app.openapi = described


def request_id_of(request: Request) -> str:
    """As `middleware.RequestIds` gave it."""
    return getattr(request.state, "request_id", "req_none")


def unfit(error: OptionError, where: str) -> RequestValidationError:
    """An option that does not fit, as a fault of the body's field."""
    return RequestValidationError([{"loc": ("body", where), "msg": str(error), "type": "value_error"}])


def _title(status: int) -> str:
    try:
        return _TITLES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return "Error"
