"""Everything that BlankLogo raises on purpose.

::

    BlankLogoError                 the root; catch this to catch them all
    ├── CallerError                the caller can mend it                          exit 2
    │   ├── SourceError            the input is missing, unreadable or no video
    │   ├── UnsupportedError       a video, but of a kind we refuse by name
    │   ├── OptionError            an option's value does not fit (a box, a time, a mark picture)
    │   └── TargetError            the output's place does not fit (exists, is the input, no folder)
    ├── ProcessingError            the work failed though it was asked for rightly  exit 1
    │   ├── DecodeError            the source broke beyond what a decoder conceals
    │   ├── EncodeError            the encoder or the container refused
    │   ├── WriteError             the disk refused (full, gone, no permission)
    │   └── VerificationError      the result is not what it must be; nothing was kept
    └── CancelledError             stopped by the caller                            exit 130

A message says what came, what is accepted and what to try. Foreign errors (FFmpeg, the operating
system) are turned into these at one border each: `blanklogo.media.errors`.
"""

from __future__ import annotations


class BlankLogoError(Exception):
    """The root of the tree.

    Args:
        came: what was found, in one sentence without a full stop.
        accepted: what would have been accepted.
        hint: what to try next.
    """

    exit_code = 1

    def __init__(self, came: str, *, accepted: str | None = None, hint: str | None = None) -> None:
        self.came = came
        self.accepted = accepted
        self.hint = hint
        parts = [came, accepted and f"accepted: {accepted}", hint and f"try: {hint}"]
        super().__init__("; ".join(part for part in parts if part))

    def __reduce__(self):
        return _rebuild, (type(self), self.came, self.accepted, self.hint)


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


class CancelledError(BlankLogoError):
    """Stopped by the caller; nothing was kept."""

    exit_code = 130
