"""URLs by which whoever holds one may fetch or bring one object, for a while.

Of a local folder they are the service's own::

    BASE/files/KEY?key=NAME&expires=SECONDS[&name=FILE NAME]&signature=HMAC                      to GET (and HEAD)
    BASE/files/KEY?key=NAME&expires=SECONDS&max_bytes=N[&sha256=DIGEST][&result=1]&signature=HMAC   to PUT

The HMAC (SHA-256) is over all of it: the method, the object's key, the end and the limits, as a JSON list, in which no
two different requests look alike. Of an object store they are the store's (AWS Signature Version 4 and the like).
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import obstore

from blanklogo.errors import ForbiddenError, OptionError
from blanklogo.service.storage.failures import foreign_errors
from blanklogo.service.storage.keyring import KeyRing
from blanklogo.service.storage.keys import check_key, safe_name

PATH = "/files"
CLOCK_SKEW_SECONDS = 30  # by which the clocks of the service's machines may differ
_VERSION = "blanklogo-url-1"
_NUMBER = re.compile(r"[1-9][0-9]{0,14}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Grant:
    """What a signed URL allows.

    Attributes:
        method: "GET" (and HEAD with it) or "PUT".
        expires_seconds: when it ends, since the epoch.
        max_bytes: how large what is brought may be.
        sha256: the digest that what is brought must have.
        name: under which what is fetched is saved.
        is_result: what is brought is a worker's result; users' uploads do not keep it out.
    """

    method: str
    key: str
    expires_seconds: int
    max_bytes: int | None = None
    sha256: str | None = None
    name: str | None = None
    is_result: bool = False

    def message(self) -> bytes:
        """What is signed."""
        fields = (self.method, self.key, self.expires_seconds, self.max_bytes, self.sha256, self.name)
        mine = [_VERSION, *fields, "result"] if self.is_result else [_VERSION, *fields]
        return json.dumps(mine, separators=(",", ":")).encode()

    def query(self) -> dict[str, str]:
        """All but the method and the key, as a URL carries it."""
        told = {"expires": self.expires_seconds, "max_bytes": self.max_bytes, "sha256": self.sha256, "name": self.name}
        told |= {"result": 1 if self.is_result else None}
        return {name: str(value) for name, value in told.items() if value is not None}


class ServiceUrls:
    """Makes and reads the service's own URLs.

    Args:
        base_url: how others reach the service, without a slash at its end.
        now: seconds since the epoch.
    """

    def __init__(self, ring: KeyRing, base_url: str, now: Callable[[], float] = time.time) -> None:
        self._ring = ring
        self._base_url = base_url.rstrip("/")
        self._now = now

    def get(self, key: str, seconds: float, file_name: str | None = None) -> str:
        return self._url(Grant("GET", key, self._end(seconds), name=file_name and safe_name(file_name)))

    def put(
        self, key: str, seconds: float, max_bytes: int, sha256: str | None = None, *, is_result: bool = False
    ) -> str:
        if max_bytes < 1 or not (sha256 is None or _SHA256.fullmatch(sha256)):
            raise OptionError(
                f"an upload of up to {max_bytes} bytes, SHA-256 {sha256}", accepted="1 or more, 64 digits 0-9a-f"
            )
        return self._url(Grant("PUT", key, self._end(seconds), max_bytes, sha256, is_result=is_result))

    def granted(self, method: str, key: str, query: Sequence[tuple[str, str]]) -> Grant:
        """What a request's URL allows it.

        Args:
            method: of the request.
            key: from its path.
            query: names and values in their order, decoded.

        Raises:
            ForbiddenError: nothing. What is wrong with it is not said, but for one that was good and has run out.
        """
        fields = dict(query)
        name, signature = fields.pop("key", ""), fields.pop("signature", "")
        grant = _read("GET" if method == "HEAD" else method, key, fields)
        if len(query) != len(fields) + 2 or grant is None or not self._ring.verifies(name, grant.message(), signature):
            raise ForbiddenError("a URL whose signature is wrong", hint="the URL as it was given, with its method")
        if self._now() > grant.expires_seconds + CLOCK_SKEW_SECONDS:
            raise ForbiddenError("a signed URL that has run out", hint="ask for a new one")
        return grant

    def _end(self, seconds: float) -> int:
        return math.ceil(self._now() + seconds)

    def _url(self, grant: Grant) -> str:
        name, signature = self._ring.sign(grant.message())
        query = urlencode({"key": name, **grant.query(), "signature": signature})
        return f"{self._base_url}{PATH}/{grant.key}?{query}"


class StoreUrls:
    """Has an object store make its URLs."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def get(self, key: str, seconds: float, file_name: str | None = None) -> str:
        del file_name  # obstore signs no query of ours
        return self._signed("GET", key, seconds)

    def put(
        self, key: str, seconds: float, max_bytes: int, sha256: str | None = None, *, is_result: bool = False
    ) -> str:
        del max_bytes, sha256, is_result  # nor headers
        return self._signed("PUT", key, seconds)

    def _signed(self, method: Any, key: str, seconds: float) -> str:
        with foreign_errors(key):
            return obstore.sign(self._store, method, key, timedelta(seconds=math.ceil(seconds)))


def _read(method: str, key: str, fields: dict[str, str]) -> Grant | None:
    """The grant that a URL claims; None: it has not the form of one."""
    known = {"GET": ({"expires"}, {"name"}), "PUT": ({"expires", "max_bytes"}, {"sha256", "result"})}
    needed, also = known.get(method, (set(), set()))
    if not needed or not needed <= fields.keys() <= needed | also:
        return None
    numbers = {name: fields[name] for name in needed}
    if not all(_NUMBER.fullmatch(value) for value in numbers.values()) or fields.get("result", "1") != "1":
        return None
    try:
        check_key(key)
    except OptionError:
        return None
    limit = int(numbers["max_bytes"]) if "max_bytes" in numbers else None
    digest, name = fields.get("sha256"), fields.get("name")
    return Grant(method, key, int(numbers["expires"]), limit, digest, name, is_result="result" in fields)
