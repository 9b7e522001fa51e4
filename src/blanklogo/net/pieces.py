"""What all who bring bytes share: how large a piece is, how much there may be, and how a URI is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO
from urllib.parse import SplitResult, urlsplit

from blanklogo.errors import CancelledError, OptionError, TransferError

Cancelled = Callable[[], bool]

PIECE_BYTES = 1 << 20
MAX_MEDIA_BYTES = 32 << 30  # an hour of visually lossless 4K is less


def pieces(file: BinaryIO, cancelled: Cancelled) -> Iterator[bytes]:
    """A file from where it stands to its end. Raises CancelledError between pieces."""
    while piece := file.read(PIECE_BYTES):
        stop_if(cancelled)
        yield piece


def stop_if(cancelled: Cancelled) -> None:
    """Raises CancelledError when asked to stop."""
    if cancelled():
        raise CancelledError("stopped while bytes were on their way")


def named(uri: str) -> str:
    """A URI as it may be shown: without its query, which may hold a signature, and without a password."""
    parts = split(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def split(uri: str) -> SplitResult:
    """The parts of a URI. Raises OptionError for what has none (brackets that do not close, say)."""
    try:
        return urlsplit(uri)
    except ValueError:
        shown = uri.partition("?")[0].rpartition("@")[2]
        raise OptionError(f"{shown[:200]!r} is no URI", accepted="SCHEME://HOST/PATH") from None


def check_size(uri: str, num_bytes: int, limit_bytes: int) -> None:
    """Raises TransferError for media over the bound."""
    if num_bytes > limit_bytes:
        came = f"{named(uri)} is larger than allowed: {num_bytes / 1e6:.1f} MB"
        raise TransferError(came, accepted=f"up to {limit_bytes / 1e6:.1f} MB")
