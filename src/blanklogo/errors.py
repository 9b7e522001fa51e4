"""Everything that BlankLogo raises on purpose.

::

    BlankLogoError                 the root; catch this to catch them all
    ├── CallerError                the caller can mend it                          exit 2
    │   ├── SourceError            the input is missing, unreadable or no video
    │   ├── UnsupportedError       a video, but of a kind we refuse by name
    │   ├── OptionError            an option's value does not fit (a box, a time, a mark picture)
    │   ├── TargetError            the output's place does not fit (exists, is the input, no folder)
    │   ├── WeightsError           a network's weights are not there, not known, or of a format we refuse
    │   ├── NotFoundError          what was asked for is not there, or is somebody else's
    │   ├── ConflictError          what was asked for does not fit how things stand
    │   ├── TooLargeError          more than is taken: bytes, or a video's frames, seconds, pixels, streams
    │   ├── UnauthorizedError      the service was asked without a token that is good
    │   └── ForbiddenError         the service was asked with a good token that lacks the scope
    ├── ProcessingError            the work failed though it was asked for rightly  exit 1
    │   ├── DecodeError            the source broke beyond what a decoder conceals
    │   ├── EncodeError            the encoder or the container refused
    │   ├── WriteError             the disk refused (full, gone, no permission)
    │   ├── VerificationError      the result is not what it must be; nothing was kept
    │   ├── TransferError          media or weights could not be fetched from, or brought to, where they live
    │   └── ModelError             a network's weights are damaged, or it does not do what it must
    ├── EngineError                the place where the work was to run let us down  exit 1
    │   ├── UnavailableError       not installed, not reachable, not allowed, or gone
    │   ├── LoadError              a worker could not load what it needs
    │   ├── BudgetError            the work took longer than its budget
    │   ├── MemoryLimitError       the work took more memory than its limit
    │   ├── CrashError             the worker died
    │   └── PendingError           not done yet (also a TimeoutError); ask again
    └── CancelledError             stopped by the caller                            exit 130

A message says what came, what is accepted and what to try. Foreign errors are turned into these at one border each:
`blanklogo.media.errors` for FFmpeg and the disk under media, `blanklogo.models.files` for the disk under weights,
`blanklogo.net.http` for HTTP, `blanklogo.service.database` for the service's database,
`blanklogo.service.storage.failures` for its storage, `blanklogo.client.answers` for what a service answers,
`blanklogo.client.files` for the disk under its files, each engine's own module for its provider. `as_dict` and
`from_dict` carry an error across a border as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class BlankLogoError(Exception):
    """The root of the tree.

    Args:
        came: what was found, in one sentence without a full stop.
        accepted: what would have been accepted.
        hint: what to try next.

    Attributes:
        code: which problem it is in a service's words ("not_found"); None: no service was asked.
        request_id: under which the service's log has it; None: no service was asked, or it did not say.
    """

    exit_code = 1
    code: str | None = None
    request_id: str | None = None

    def __init__(self, came: str, *, accepted: str | None = None, hint: str | None = None) -> None:
        self.came = came
        self.accepted = accepted
        self.hint = hint
        parts = [came, accepted and f"accepted: {accepted}", hint and f"try: {hint}"]
        super().__init__("; ".join(part for part in parts if part))

    def __reduce__(self):
        return _rebuild, (type(self), self.came, self.accepted, self.hint), self._told()

    def told_by(self, code: str | None, request_id: str | None) -> Self:
        """The same error, with what a service calls it."""
        self.code, self.request_id = code, request_id
        return self

    def renamed(self, old: str, new: str) -> BlankLogoError:
        """The same error with one name for another: users know their target, not the file that stood for it."""
        came, accepted, hint = (part and part.replace(old, new) for part in (self.came, self.accepted, self.hint))
        return type(self)(came or "", accepted=accepted, hint=hint).told_by(self.code, self.request_id)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy that `from_dict` reads."""
        return {
            "error": type(self).__name__,
            "message": str(self),
            "came": self.came,
            "accepted": self.accepted,
            "hint": self.hint,
            "exit_code": self.exit_code,
            **self._told(),
        }

    def _told(self) -> dict[str, str]:
        told = {"code": self.code, "request_id": self.request_id}
        return {name: value for name, value in told.items() if value is not None}


def _rebuild(kind: type[BlankLogoError], came: str, accepted: str | None, hint: str | None) -> BlankLogoError:
    return kind(came, accepted=accepted, hint=hint)


class CallerError(BlankLogoError):
    """The caller can mend it."""

    exit_code = 2


class SourceError(CallerError):
    """The input is missing, unreadable, empty, or holds no video."""


class UnsupportedError(CallerError):
    """A video of a kind that is refused by name (pixel format, codec, size)."""


class OptionError(CallerError, ValueError):
    """An option's value does not fit."""


class TargetError(CallerError):
    """The output's place does not fit: it exists, it is the input, its folder is missing."""


class WeightsError(CallerError):
    """A network's weights are not there, not known by that name, or of a format that is refused."""


class NotFoundError(CallerError):
    """What was asked for is not there; what is somebody else's is not told from it."""


class ConflictError(CallerError):
    """What was asked for does not fit how things stand: it is over, it is taken, it was asked for differently."""


class TooLargeError(CallerError):
    """More than is taken: bytes, or a video's frames, seconds, pixels, streams."""


class UnauthorizedError(CallerError):
    """The service was asked without a token that is good. Which part of it was wrong is never said."""


class ForbiddenError(CallerError):
    """The service was asked with a good token that lacks the scope, or by a URL whose signature does not allow it; or a
    webhook came that the service has not signed."""


class ProcessingError(BlankLogoError):
    """The work failed though it was asked for rightly."""


class DecodeError(ProcessingError):
    """The source broke beyond what its decoder can conceal."""


class EncodeError(ProcessingError):
    """The encoder or the container refused what it was given."""


class WriteError(ProcessingError):
    """The disk refused: full, gone, or not permitted."""


class VerificationError(ProcessingError):
    """The result is not what it must be; it was not kept."""


class TransferError(ProcessingError):
    """Media or weights could not be fetched from where they live, or brought to where they are wanted."""


class ModelError(ProcessingError):
    """A network's weights are damaged, or it does not do what it must."""


class EngineError(BlankLogoError):
    """The place where the work was to run let us down; the same job may do well elsewhere, or later."""


class UnavailableError(EngineError):
    """The engine is not installed, not reachable, not allowed to us, or closed."""


class LoadError(EngineError):
    """A worker could not load what it needs (weights, a library)."""


class BudgetError(EngineError):
    """The work took longer than its budget and was stopped."""


class MemoryLimitError(EngineError):
    """The work took more memory than its limit and was stopped."""


class CrashError(EngineError):
    """The worker died while it had the work."""


class PendingError(EngineError, TimeoutError):
    """The work is not done yet; nothing is lost, ask again."""


class CancelledError(BlankLogoError):
    """Stopped by the caller; nothing was kept."""

    exit_code = 130


def from_dict(fields: Mapping[str, Any]) -> BlankLogoError:
    """The error that `as_dict` described; one of an unknown kind (a newer version's) becomes the root."""
    kind = globals().get(str(fields.get("error")))
    if not (isinstance(kind, type) and issubclass(kind, BlankLogoError)):
        kind = BlankLogoError
    error = kind(str(fields.get("came", "")), accepted=fields.get("accepted"), hint=fields.get("hint"))
    return error.told_by(fields.get("code"), fields.get("request_id"))
