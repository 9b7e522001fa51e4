"""What a service answers, as our own words: problem details (RFC 9457) become errors of the tree, JSON what it holds.

The one border where a service's refusals become ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, TypeVar

from blanklogo import errors
from blanklogo.client.effects import Answer
from blanklogo.errors import (
    BlankLogoError,
    CallerError,
    CancelledError,
    ConflictError,
    EngineError,
    ForbiddenError,
    NotFoundError,
    OptionError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    WriteError,
    from_dict,
)

MAY_PASS = frozenset({408, 423, 425, 429, 502, 503, 504})
_MAX_CHARACTERS = 2000  # of a text that comes from elsewhere
_BY_STATUS: Mapping[int, type[BlankLogoError]] = {
    400: OptionError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: UnavailableError,
    413: TooLargeError,
    415: OptionError,
    422: OptionError,
    423: UnavailableError,
    429: UnavailableError,
    460: ConflictError,
    499: CancelledError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
    507: WriteError,
}
_HINTS = {
    401: "BLANKLOGO_TOKEN=ID:SECRET, as `blanklogo token new` shows it",
    413: "submit the file instead: POST /api/v1/jobs/upload, or an upload in pieces",
    423: "later",
    429: "later",
    502: "later",
    503: "later",
    504: "later",
}

T = TypeVar("T")


def error_of(answer: Answer, what: str = "the service") -> BlankLogoError:
    """The error that an answer tells of; `what` names who answered, where it has no words of its own."""
    told = _problem(answer)
    code, request_id = _text(told, "code"), _text(told, "request_id") or answer.headers.get("x-request-id")
    if _text(told, "error") and _text(told, "came"):  # an endpoint that tells an error of the tree as it is
        texts = {name: _text(told, name) for name in ("error", "came", "accepted", "hint")}
        return from_dict({**texts, "code": code, "request_id": request_id})
    kind = _kind(code) or _BY_STATUS.get(answer.status) or (CallerError if answer.status < 500 else EngineError)
    detail = _text(told, "detail") or f"{what} answered {answer.status} {_phrase(answer.status)}".rstrip()
    came, _, accepted = detail.partition("; accepted: ")
    if request_id and not issubclass(kind, CallerError):
        came += f" (request {request_id})"
    hint = _text(told, "hint") or _HINTS.get(answer.status)
    return kind(came, accepted=accepted or None, hint=hint).told_by(code, request_id)


def is_transient(answer: Answer) -> bool:
    """Whether the same request may do better later."""
    return answer.status in MAY_PASS or (answer.status == 500 and code_of(answer) == "internal")


def code_of(answer: Answer) -> str | None:
    """Which problem an answer tells of; None: none, or in no words of a service."""
    return _text(_problem(answer), "code")


def is_of_tree(code: str | None) -> bool:
    """Whether a problem's code is that of an error of the tree, so that work was tried and came to this."""
    return _kind(code) is not None


def retry_after_seconds(answer: Answer, now_seconds: float) -> float | None:
    """How long a server asks to wait, which it says in seconds or as a date (RFC 9110, 10.2.3)."""
    said = answer.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:9])
    try:
        return max(parsedate_to_datetime(said).timestamp() - now_seconds, 0.0)
    except (ValueError, TypeError):
        return None


def read(answer: Answer, make: Callable[[Any], T]) -> T:
    """What the answer's JSON makes.

    Raises:
        UnavailableError: it is none, or something is not in it that should be.
    """
    try:
        return make(json.loads(answer.body))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # OptionError is a ValueError
        came = f"the service answered {answer.status} with what cannot be read ({type(error).__name__})"
        raise UnavailableError(came, hint="look whether the URL is a BlankLogo service's, and its version") from None


def _problem(answer: Answer) -> Mapping[str, Any]:
    if "json" not in answer.headers.get("content-type", ""):
        return {}
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    return value[:_MAX_CHARACTERS] if isinstance(value, str) and value else None


def _kind(code: str | None) -> type[BlankLogoError] | None:
    """ "not_found" → NotFoundError; None where the tree has none of that name."""
    name = "".join(part.capitalize() for part in (code or "").split("_")) + "Error"
    kind = getattr(errors, name, None)
    return kind if isinstance(kind, type) and issubclass(kind, BlankLogoError) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
