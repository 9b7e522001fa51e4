"""Where an upload goes, and until when it may come."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from blanklogo.errors import OptionError
from blanklogo.media.output import SUFFIXES
from blanklogo.service.repeats import Repeatable


@dataclass(frozen=True)
class Place:
    """Attributes:
    upload_id: by which the client speaks of it.
    key: of the object that it becomes: `OWNER/UPLOAD_ID/NAME`.
    expires_seconds: until when, UTC, since the epoch.
    """

    upload_id: str
    key: str
    expires_seconds: float


class Places(Protocol):
    """Who gives uploads their places, and knows what becomes of them."""

    def open(self, owner: str, name: str, request: Repeatable | None) -> Place:
        """A new place for a file of this name, which is the client's; for a request that was here before, the one that
        it was given then.

        Raises:
            OptionError: not of such a one.
            ConflictError: as `opened_before`.
        """
        ...

    def opened_before(self, request: Repeatable | None) -> Place | None:
        """The place that the same request was given before; None: it is new.

        Raises:
            ConflictError: its upload is no longer open, or the key was another request's.
        """
        ...

    def close(self, owner: str, upload_id: str) -> None:
        """The client drops its upload. Raises ConflictError: something is made of it already."""
        ...


class FreePlaces:
    """Gives places and keeps no account of them.

    Args:
        seconds: for which an upload may come.
    """

    def __init__(self, seconds: float = 24 * 3600.0, now: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._now = now

    def open(self, owner: str, name: str, request: Repeatable | None) -> Place:
        upload_id = f"upload_{secrets.token_hex(6)}"
        return Place(upload_id, f"{owner}/{upload_id}/input{video_suffix(name)}", self._now() + self._seconds)

    def opened_before(self, request: Repeatable | None) -> Place | None:
        """None, always."""

    def close(self, owner: str, upload_id: str) -> None:
        """Always allowed."""


def video_suffix(name: str) -> str:
    """The suffix of a client's file name, which is all of it that goes into a key. Raises OptionError: no video's."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise OptionError(f"file name {name[:80]!r}", accepted=f"a name that ends in {', '.join(SUFFIXES)}")
    return suffix
