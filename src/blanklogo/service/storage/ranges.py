"""What a request for a file asks for: all of it, a part, or nothing new (RFC 9110, 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))[ \t]*", re.IGNORECASE)
_TAGS = re.compile(r'(?:W/)?"[^"]*"|\*')


@dataclass(frozen=True)
class Part:
    """Which bytes go out, with which status: 200, 206, 304, 412, or 416. Half-open; none for the last three."""

    status: int
    start: int = 0
    end: int = 0


def asked_for(headers: Mapping[str, str], num_bytes: int, e_tag: str) -> Part:
    """What the headers ask of a file of this size and strong ETag; their names are in lower case, or in a mapping that
    does not mind.

    A range that is malformed, in another unit, or one of several is left aside, and all is sent, as the RFC allows.
    """
    if "if-match" in headers and not _names(headers["if-match"], e_tag, weakly=False):
        return Part(412)
    if "if-none-match" in headers and _names(headers["if-none-match"], e_tag, weakly=True):
        return Part(304)
    whole = Part(200, 0, num_bytes)
    if "if-range" in headers and headers["if-range"].strip() != e_tag:  # a date names no version here
        return whole
    match = _ONE_RANGE.fullmatch(headers.get("range", ""))
    return _part(match[1], match[2], match[3], num_bytes) if match else whole


def _part(first: str | None, last: str, suffix: str | None, num_bytes: int) -> Part:
    if first is None:
        start, end = max(num_bytes - int(suffix or 0), 0), num_bytes
    else:
        start, end = int(first), min(int(last) + 1, num_bytes) if last else num_bytes
        if last and int(last) < start:
            return Part(200, 0, num_bytes)  # malformed
    return Part(206, start, end) if start < end else Part(416)


def _names(header: str, e_tag: str, *, weakly: bool) -> bool:
    """Whether a list of ETags holds this one."""
    tags = _TAGS.findall(header)
    return "*" in tags or e_tag in ([tag.removeprefix("W/") for tag in tags] if weakly else tags)
