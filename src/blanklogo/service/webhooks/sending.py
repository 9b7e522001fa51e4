"""One attempt: a POST to whoever the owner named, over the guard, within its time; and what its answer means.

A redirect is an answer like any other and is not followed. Of an answer that is no success a short excerpt is kept, as
it came on the line; of a success nothing is read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import httpx2

from blanklogo.errors import OptionError, TransferError
from blanklogo.service.webhooks.delivery import LIMIT_SECONDS
from blanklogo.transfer.guard.client import beginning, media_client, unfollowed
from blanklogo.transfer.guard.policy import Policy

_EXCERPT_BYTES = 1024
_EXCERPT_CHARACTERS = 200
_MAX_RETRY_AFTER_SECONDS = 300
_MAY_PASS = frozenset({408, 425, 429})  # and 5xx; all other refusals are the receiver's last word
_GONE = 410


class Verdict(StrEnum):
    """What an answer means for its delivery."""

    DELIVERED = "delivered"
    AGAIN = "again"
    FAILED = "failed"
    GONE = "gone"  # the receiver wants to hear no more


@dataclass(frozen=True)
class Answer:
    """What came of an attempt.

    Attributes:
        status: of the answer; None: there was none.
        error: why there was none, or what was wrong with it, in a few words for the owner.
        excerpt: the beginning of an answer that is no success.
        may_pass: where there is no status, whether another attempt may do better.
        wait_seconds: so long the receiver asks to be left alone.
    """

    took_seconds: float
    status: int | None = None
    error: str | None = None
    excerpt: str | None = field(default=None, repr=False)
    may_pass: bool = False
    wait_seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        if self.status is None:
            return Verdict.AGAIN if self.may_pass else Verdict.FAILED
        if 200 <= self.status < 300:
            return Verdict.DELIVERED
        if self.status == _GONE:
            return Verdict.GONE
        return Verdict.AGAIN if self.status in _MAY_PASS or self.status >= 500 else Verdict.FAILED


class Sender:
    """Args:
    policy: who may be reached.
    limit_seconds: for one attempt.
    """

    def __init__(self, policy: Policy, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._policy = replace(policy, max_seconds=limit_seconds)
        self._limit_seconds = limit_seconds
        self._tls = httpx2.create_ssl_context()  # reading the system's authorities takes longer than most answers

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Raises nothing that has to do with the receiver: that is the answer."""
        began = time.monotonic()

        def build(target: httpx2.URL) -> httpx2.Request:
            return client.build_request("POST", target, content=body, headers=headers, timeout=self._limit_seconds)

        def answer(**fields) -> Answer:
            return Answer(time.monotonic() - began, **fields)

        try:
            with (
                media_client(self._policy, self._tls) as client,
                unfollowed(client, self._policy, url, build) as response,
            ):
                return answer(**_read(response))
        except OptionError as error:  # the guard's refusal: what the URL names, or leads to now, is not to be reached
            return answer(error=error.came)
        except TransferError as error:
            return answer(error=error.came, may_pass=True)
        except httpx2.TimeoutException:
            return answer(error=f"no answer within {self._limit_seconds:g} s", may_pass=True)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            may_pass = isinstance(error, httpx2.TransportError) and not isinstance(error, httpx2.UnsupportedProtocol)
            return answer(error=_printable(str(error)) or type(error).__name__, may_pass=may_pass)


def _read(response: httpx2.Response) -> dict[str, object]:
    if response.is_success:
        return {"status": response.status_code}
    error = "a redirect, which is not followed" if response.has_redirect_location else None
    wait = response.headers.get("Retry-After", "")
    wait_seconds = min(int(wait), _MAX_RETRY_AFTER_SECONDS) if wait.isdecimal() and len(wait) < 10 else 0
    excerpt = _printable(beginning(response, _EXCERPT_BYTES).decode("utf-8", "replace")) or None
    return {"status": response.status_code, "error": error, "excerpt": excerpt, "wait_seconds": float(wait_seconds)}


def _printable(text: str) -> str:
    """On one line, without what a terminal or a database would stumble over."""
    kept = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(kept.split())[:_EXCERPT_CHARACTERS]
