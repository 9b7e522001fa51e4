"""The one border to obstore: what it raises becomes ours."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from blanklogo.errors import BlankLogoError, ConflictError, TransferError, WriteError
from blanklogo.errors import NotFoundError as OurNotFoundError
from blanklogo.service.storage.meter import Meter

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
# No space, over the quota, over the limit of a file. 112 is ERROR_DISK_FULL, Windows' own number.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, 112})


@contextmanager
def foreign_errors(key: str, meter: Meter | None = None, *, is_writing: bool = False) -> Iterator[None]:
    """Turns what obstore and the disk raise about an object into the tree's errors.

    Args:
        meter: through which the object comes; what its source raises stays as it is.
        is_writing: nothing needs to be there but the place itself.

    Raises:
        NotFoundError: there is no such object.
        ConflictError: there is one already, or another version of it.
        WriteError: the disk refused.
        TransferError: the store could not be reached, or does not let us.
    """
    try:
        yield
    except BlankLogoError:
        raise
    except (BaseError, OSError) as error:
        if meter is not None and error is meter.broken_by:
            raise
        raise _as_ours(error, key, is_writing) from error


def _as_ours(error: Exception, key: str, is_writing: bool) -> BlankLogoError:
    if isinstance(error, FileNotFoundError | NotFoundError):
        if is_writing:
            return TransferError(f"the storage has no place for {key}", hint="the bucket or folder it is to be in")
        return OurNotFoundError(f"there is no object {key}")
    if isinstance(error, AlreadyExistsError | PreconditionError):
        return ConflictError(f"the object {key} is there already, or is another by now", hint="look at it again")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return TransferError(f"the storage does not let us at {key}", hint="the store's credentials in the environment")
    number = _os_error_number(error)
    if number in _FULL:
        return disk_full(key)
    first_line, _, _ = str(error).partition("\n")
    if number is not None:
        return WriteError(f"the disk refused {key}: error {number}", hint="the data folder's disk and permissions")
    said = re.sub(r"[?]\S+", "", first_line)  # what follows a `?` may be a signature
    return TransferError(f"the storage failed at {key}: {said}", hint="later")


def _os_error_number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    match = _OS_ERROR.search(str(error))
    return int(match[1]) if match else None


def disk_full(what: str) -> WriteError:
    return WriteError(f"no room left on the storage's disk for {what}", hint="free some space, then again")
