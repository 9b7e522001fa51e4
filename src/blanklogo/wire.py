"""The JSON in which a provider's endpoint is asked and answers: from a body to an `Order`, from a result to an answer.

A body::

    video        base64 of the file (a data: URL will do), up to 50 MB of text; or
    video_url    https:, http:, s3:, gs: or az:, of any size
    output_url   where the result goes, a signed PUT or an object's URI; without it, it comes back as base64
    name         the video's file name; its suffix tells the container where the URL does not
    mode         auto (default), inpaint, crop
    platform     sora, tiktok, …, custom; or null
    marks        base64 PNGs with alpha: the marks' own pictures
    boxes        [[x0, y0, x1, y1], …] in px from the top-left, half-open
    from, to     seconds, half-open: only this part is touched
    codec, quality, dry_run   as in `Job`
    detector, inpainter   auto (default), none, or a name of weights that the endpoint has

An answer::

    video        base64, or null
    output       the URL that was written to, or null
    stats        mode, platform, input_size_mb, output_size_mb, frames_processed, watermarks_detected, processing_time_s
    report       all of it, as in docs/report.md

An error's answer is `error.as_dict()`, with `http_status(error)` where there is HTTP.

What comes here comes from strangers: a path on the machine that answers is never taken from it, and its order is
guarded, so that its URLs are fetched and written to on the public internet only (`transfer.guard`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from blanklogo.errors import (
    BlankLogoError,
    BudgetError,
    CallerError,
    CancelledError,
    ConflictError,
    ForbiddenError,
    LoadError,
    NotFoundError,
    OptionError,
    PendingError,
    SourceError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
)
from blanklogo.types.order import Order

MAX_BASE64_BYTES = 50_000_000  # of text: it is held about three times over while it is read
STATS = (
    "mode",
    "platform",
    "input_size_mb",
    "output_size_mb",
    "frames_processed",
    "watermarks_detected",
    "processing_time_s",
)

_NETWORK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SCHEMES = ("https", "http", "s3", "gs", "az")
_AS_IN_ORDER = ("mode", "platform", "boxes", "codec", "quality", "dry_run")
_NETWORKS = ("detector", "inpainter")
_FIELDS = ("video", "video_url", "output_url", "name", "marks", "from", "to", *_NETWORKS, *_AS_IN_ORDER)
_STATUS_OF = (  # the first that fits
    (NotFoundError, 404),
    (ConflictError, 409),
    (TooLargeError, 413),
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (CallerError, 400),
    (CancelledError, 499),  # nginx's word for "the client has gone"
    (BudgetError, 504),
    (PendingError, 504),
    (UnavailableError, 503),
    (LoadError, 503),
)


def order_from_body(body: object) -> Order:
    """What a body asks for, guarded.

    Raises:
        OptionError: a field is missing, unknown, too large or does not fit.
        SourceError: the base64 is none.
    """
    given = _checked(body)
    url = _url("video_url", given.get("video_url"))
    order: dict[str, Any] = {name: given[name] for name in _AS_IN_ORDER if given.get(name) is not None}
    order["source"] = url or _decoded("video", given["video"], "video_url")
    order["target"] = _url("output_url", given.get("output_url"))
    order["name"] = given.get("name") or _name_in(url) or "video.mp4"
    order["marks"] = [_decoded("marks", mark, "a smaller picture") for mark in _listed("marks", given.get("marks"))]
    order["boxes"] = _listed("boxes", given.get("boxes"))
    order["within"] = [_seconds("from", given.get("from")) or 0.0, _seconds("to", given.get("to"))]
    order["networks"] = {role: _network_name(role, given[role]) for role in _NETWORKS if given.get(role) is not None}
    _check_kinds(order)
    order["is_guarded"] = True
    return Order.from_dict(order)


def answer_from_result(result: Mapping[str, Any], max_base64_bytes: int = MAX_BASE64_BYTES) -> dict[str, Any]:
    """The answer that a workload's last message makes.

    Args:
        result: `{"type": "result", "output": URI, bytes or None, "report": {…}}`.
        max_base64_bytes: the longest text that the provider lets through.

    Raises:
        OptionError: the result came as bytes and does not go into the answer.
    """
    output, report = result["output"], result["report"]
    stats = {name: report[name] for name in STATS}
    if not isinstance(output, bytes):
        return {"video": None, "output": output, "stats": stats, "report": report}
    if (num_bytes := _base64_length(len(output))) > max_base64_bytes:
        raise _too_large("a result", num_bytes, max_base64_bytes, "output_url, to which it is written at any size")
    return {"video": base64.b64encode(output).decode("ascii"), "output": None, "stats": stats, "report": report}


def http_status(error: BlankLogoError) -> int:
    """What an HTTP answer says of it: 4xx when the caller can mend it, 5xx when not."""
    return next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 500)


def _checked(body: object) -> Mapping[str, Any]:
    """A body with known fields and exactly one video."""
    if not isinstance(body, Mapping):
        raise OptionError(f"a body of type {type(body).__name__}", accepted="a JSON object", hint='{"video_url": "…"}')
    if unknown := sorted(str(name) for name in body.keys() - set(_FIELDS)):
        raise OptionError(f"body with {', '.join(unknown)}", accepted=", ".join(_FIELDS))
    if bool(body.get("video")) == bool(body.get("video_url")):
        raise OptionError(
            "a body with both video and video_url" if body.get("video") else "a body without a video",
            accepted="video (base64) or video_url, one of them",
        )
    return body


def _url(name: str, url: Any) -> str | None:
    """The URL, if it is one of a place that is not this machine's own disk."""
    if url is None:
        return None
    accepted = ", ".join(f"{scheme}:" for scheme in _SCHEMES)
    if not isinstance(url, str):
        raise OptionError(f"{name} of type {type(url).__name__}", accepted=accepted)
    try:
        parts = urlsplit(url)
    except ValueError:  # brackets that do not close, say
        parts = urlsplit("")
    if parts.scheme.lower() not in _SCHEMES or not parts.netloc:
        raise OptionError(f"{name} {url.partition('?')[0][:200]!r}", accepted=accepted)
    return url


def _network_name(role: str, name: Any) -> str:
    """A name of weights; never a path."""
    if isinstance(name, str) and _NETWORK_NAME.fullmatch(name):
        return name
    raise OptionError(f"{role} {str(name)[:200]!r}", accepted="auto, none, or a name: a-z, 0-9, - and _")


def _name_in(url: str | None) -> str | None:
    """The file name at a URL's end; None if it has no suffix."""
    name = PurePosixPath(unquote(urlsplit(url or "").path)).name
    return name if PurePosixPath(name).suffix and not name.startswith(".") and "\\" not in name else None


def _decoded(name: str, text: Any, instead: str) -> bytes:
    if not isinstance(text, str):
        raise OptionError(f"{name} of type {type(text).__name__}", accepted="base64 text")
    if len(text) > MAX_BASE64_BYTES:
        raise _too_large(name, len(text), MAX_BASE64_BYTES, instead)
    head, comma, rest = text.partition(",")
    data = rest if comma and head.startswith("data:") and head.endswith(";base64") else text
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise SourceError(f"{name} that is no base64", accepted="the file's bytes as standard base64") from None


def _too_large(what: str, num_bytes: int, limit_bytes: int, instead: str) -> OptionError:
    return OptionError(
        f"{what} of {num_bytes / 1e6:.1f} MB as base64", accepted=f"up to {limit_bytes / 1e6:.0f} MB", hint=instead
    )


def _listed(name: str, values: Any) -> list[Any]:
    if values is None:
        return []
    if not isinstance(values, list):
        raise OptionError(f"{name} of type {type(values).__name__}", accepted="a list")
    return values


def _seconds(name: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionError(f"{name} {value!r}", accepted="a number of seconds")
    return float(value)


def _check_kinds(order: Mapping[str, Any]) -> None:
    """JSON may hold anything anywhere; `Order` checks values, not kinds."""
    kinds: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(("name", "mode", "platform", "codec"), (str,)),
        "quality": (int, float),
        "dry_run": (bool,),
    }
    for name, accepted in kinds.items():
        if name in order and not isinstance(order[name], accepted):
            raise OptionError(
                f"{name} of type {type(order[name]).__name__}", accepted=" or ".join(kind.__name__ for kind in accepted)
            )


def _base64_length(num_bytes: int) -> int:
    return -(-num_bytes // 3) * 4
