"""For those who are told by webhook: whether what came is from the service, and what it says.

The signature is HMAC-SHA256 over `TIMESTAMP.BODY`, with the owner's secret as its key. Check the body's bytes as they
came, before anything parses them::

    event = read_event(request.body, request.headers, ["whsec_…"])
    if event.id not in seen:  # an event may come twice
        ...

A service in the middle of a rotation sends several signatures, and a receiver may know several secrets; one pair that
fits will do.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blanklogo.errors import ForbiddenError, OptionError

TOLERANCE_SECONDS = 300.0  # for clocks that differ and lines that are slow; older messages may be replayed by others
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_MAX_SIGNATURES = 16


@dataclass(frozen=True)
class WebhookEvent:
    """What was told.

    Attributes:
        id: the same however often it comes.
        name: "job.completed", …
        timestamp: when it happened, ISO 8601.
        data: the job, as docs/service/webhooks.md says.
    """

    id: str
    name: str
    timestamp: str
    data: Mapping[str, Any] = field(repr=False)


def read_event(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now_seconds: float | None = None,
) -> WebhookEvent:
    """The event that a request tells, if it is the service's.

    Args:
        body: as it came.
        headers: of the request, in whatever case.
        secrets: the owner's; several while one follows another.
        tolerance_seconds: how far the timestamp may be from this machine's clock, before or after.
        now_seconds: since 1970; None: now.

    Raises:
        ForbiddenError: it is not, or it is too old; a receiver answers 403.
        OptionError: no secret was given, or it is signed rightly and no event, which only a newer service would send.
    """
    said = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = said.get("x-webhook-timestamp", ""), said.get("x-webhook-signature", "")
    verify(body, timestamp, signature, secrets, tolerance_seconds=tolerance_seconds, now_seconds=now_seconds)
    try:
        told = json.loads(body)
        return WebhookEvent(str(told["id"]), str(told["event"]), str(told["timestamp"]), dict(told["data"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise OptionError(
            "a webhook's body that is no event", accepted="JSON with id, event, timestamp, data"
        ) from None


def verify(
    body: bytes,
    timestamp: str,
    signature: str,
    secrets: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now_seconds: float | None = None,
) -> None:
    """Raises as `read_event`, for whoever has the two headers at hand.

    How long it takes says nothing of where a signature differs, nor which of several secrets it was made with.
    """
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    if not known or not all(known):
        raise OptionError(
            "no webhook secret", accepted="one or more, none of them empty", hint="blanklogo token webhook-secret"
        )
    now = time.time() if now_seconds is None else now_seconds
    if not _TIMESTAMP.fullmatch(timestamp):
        raise ForbiddenError("a webhook without a timestamp", accepted="X-Webhook-Timestamp, in seconds since 1970")
    shown = _SIGNATURE.findall(signature)[:_MAX_SIGNATURES]
    fits = [hmac.compare_digest(one, sign(secret, timestamp, body)) for secret in known for one in shown]
    if not any(fits):
        raise ForbiddenError("a webhook that no known secret has signed", hint="the body's bytes as they came")
    if abs(now - int(timestamp)) > tolerance_seconds:
        raise ForbiddenError(
            f"a webhook whose timestamp is {abs(now - int(timestamp)):.0f} s away",
            accepted=f"up to {tolerance_seconds:g} s",
        )


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of `TIMESTAMP.BODY`, in hexadecimal."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
