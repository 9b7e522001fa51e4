"""The one border where errors of FFmpeg and of the operating system become BlankLogo's own."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import av.error

from blanklogo.errors import BlankLogoError, DecodeError, EncodeError, ProcessingError, SourceError, WriteError

VIDEO_HINT = "a video file such as mp4, mov, mkv, webm or avi"

DISK_ERRNOS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EIO,
        errno.EACCES,
        errno.EPERM,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EBADF,
        errno.EMFILE,
        errno.ENAMETOOLONG,
        errno.ESTALE,
        errno.ENXIO,
        errno.ENODEV,
    }
)


class Stage(StrEnum):
    """What was being done when a foreign error came."""

    OPEN = "opening"
    DECODE = "reading"
    ENCODE = "encoding"
    WRITE = "writing"


@contextmanager
def foreign_errors(stage: Stage, path: Path) -> Iterator[None]:
    """Turns what FFmpeg and the operating system raise inside the block into BlankLogo's errors.

    Raises:
        SourceError: while opening: no permission, not a video, …
        DecodeError: while reading.
        EncodeError: while encoding: the encoder or the container refused.
        WriteError: while writing or encoding: the disk refused.
    """
    try:
        yield
    except (av.error.FFmpegError, OSError, MemoryError) as error:
        raise translated(error, stage, path) from error


def translated(error: BaseException, stage: Stage, path: Path) -> BlankLogoError:
    """The error to raise in place of a foreign one."""
    if isinstance(error, BlankLogoError):
        return error
    if isinstance(error, MemoryError) and stage is not Stage.OPEN:
        return ProcessingError(f"out of memory while {stage.value} {path}", hint="a machine with more memory")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if stage is Stage.OPEN:
        return _open_error(error, path, reason)
    if stage is Stage.DECODE:
        return DecodeError(f"{path} could not be read on: {reason}", hint="check the file, or repair it first")
    if stage is Stage.WRITE or _is_of_disk(error):
        return WriteError(f"{path} could not be written: {reason}", hint=_write_hint(error))
    return EncodeError(f"the encoder or the container of {path} refused: {reason}", hint="another codec or container")


def _is_of_disk(error: BaseException) -> bool:
    # FFmpeg's own codes (INVALIDDATA and such) are far above any errno, so the set cannot mistake them.
    return isinstance(error, OSError) and error.errno in DISK_ERRNOS


def _open_error(error: BaseException, path: Path, reason: str) -> SourceError:
    if isinstance(error, MemoryError):  # hardly ever the machine's want: FFmpeg reserves tables as a header claims them
        return SourceError(f"{path} asks for more memory than there is, just to be opened", hint="check the file")
    if isinstance(error, av.error.ExitError):
        return SourceError(f"{path} could not be opened in the time that is given to it", hint="check the file")
    if isinstance(error, PermissionError):
        return SourceError(f"{path} may not be read: no permission", hint="chmod u+r, or another user")
    if isinstance(error, FileNotFoundError):
        return SourceError(f"{path} does not exist", hint="check the path")
    if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
        return SourceError(f"{path} cannot be opened: {reason}")
    return SourceError(f"{path} is not a video that can be read: {reason}", accepted=VIDEO_HINT)


def _write_hint(error: BaseException) -> str:
    code = getattr(error, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free some disk space, or write to another disk"
    return "another folder, or check its permissions"
