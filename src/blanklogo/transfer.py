"""Media from where it lives to this machine, and results back: paths, file:, http(s):, s3:, gs:, az:, and bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from blanklogo.errors import OptionError
from blanklogo.types.order import MAX_ATTACHED_BYTES, Media

Cancelled = Callable[[], bool]


def local_path(uri: str | None) -> Path | None:
    """The path on this machine that a URI names; None where it names none.

    Raises:
        OptionError: a relative path, or a file of another machine.
    """
    if uri is None:
        return None
    parts = urlsplit(uri)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise OptionError(f"{uri}", accepted="file:///… on this machine")
        return Path(unquote(parts.path))
    if "://" in uri:
        return None
    if not Path(uri).is_absolute():
        raise OptionError(f"path {uri}", accepted="an absolute path, or a URI")
    return Path(uri)


def fetch(media: Media, place: Path, cancelled: Cancelled) -> Path:
    """A local file with this media; `place` is written only when there is none yet."""
    del cancelled
    if isinstance(media, bytes):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(media)
        return place
    path = local_path(media)
    if path is None:
        raise OptionError(f"media at {media.partition('?')[0]}", accepted="a path or bytes")
    return path


def deliver(path: Path, target: str | None, cancelled: Cancelled) -> str | bytes:
    """A finished file to its target; what the result says of it: the target's URI, or without one the bytes."""
    del cancelled
    if target is not None:
        return target
    if path.stat().st_size > MAX_ATTACHED_BYTES:
        raise OptionError("a result too large to come back as bytes", accepted="a target URI")
    return path.read_bytes()
