"""Where media is, by its URI, and who brings it."""

from __future__ import annotations

import importlib
from pathlib import Path, PurePosixPath
from types import ModuleType
from urllib.parse import unquote

from blanklogo.errors import OptionError, UnavailableError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.output import SUFFIXES
from blanklogo.net.pieces import Cancelled, named, split
from blanklogo.transfer.guard.policy import Policy
from blanklogo.types.order import MAX_ATTACHED_BYTES, Media

_SPEAKERS = {
    "http": "blanklogo.transfer.web",
    "https": "blanklogo.transfer.web",
    "s3": "blanklogo.transfer.objects",
    "gs": "blanklogo.transfer.objects",
    "az": "blanklogo.transfer.objects",
}
_BY_WIRE = "http:, https:, s3:, gs: or az:"
ACCEPTED = f"an absolute path, file:, {_BY_WIRE}"
_PICTURE_SUFFIXES = (".png",)


def local_path(uri: str | None) -> Path | None:
    """The path on this machine that a URI names; None where it names none.

    Raises:
        OptionError: a relative path, or a file of another machine.
    """
    if uri is None:
        return None
    parts = split(uri)
    if parts.scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise OptionError(f"{uri}", accepted="file:///… on this machine")
        return Path(unquote(parts.path))
    if "://" in uri:
        return None
    if not Path(uri).is_absolute():
        raise OptionError(f"path {uri}", accepted=ACCEPTED)
    return Path(uri)


def scratch_name(uri: Media | None, fallback: str) -> str:
    """A file name for media on its way: the fallback's, with the suffix of the URI where that says what it holds."""
    if not isinstance(uri, str):
        return fallback
    suffix = PurePosixPath(unquote(split(uri).path)).suffix.lower()
    return PurePosixPath(fallback).stem + suffix if suffix in (*SUFFIXES, *_PICTURE_SUFFIXES) else fallback


def fetch(media: Media, place: Path, cancelled: Cancelled, policy: Policy = Policy.PUBLIC) -> Path:
    """A local file with this media; `place` is written only when there is none yet.

    Args:
        policy: who may be reached; `Policy.TRUSTED` for media that the user of this machine named.

    Raises:
        OptionError: a URI of a kind that nobody here speaks, or one that the policy does not let through.
        TransferError: it is not there, not allowed, too large, or the line broke too often.
        UnavailableError: the extra `remote` is not installed.
        WriteError: the disk refused.
        CancelledError: stopped; what was fetched so far is removed.
    """
    path = None if isinstance(media, bytes) else _permitted_path(media, policy)
    if path is not None:
        return path
    with foreign_errors(Stage.WRITE, place):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            if isinstance(media, bytes):
                place.write_bytes(media)
            else:
                _speaker(media, policy).download(media, place, cancelled, policy)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
    return place


def check_deliverable(target: str | None, policy: Policy = Policy.PUBLIC, *, overwrite: bool) -> None:
    """Refuses a target to which a result could not be brought, before the work instead of after it.

    A signed PUT is only known to be good when it is used, and replaces what is there, whatever `overwrite` says.

    Raises:
        OptionError, UnavailableError, TransferError: as `fetch`.
        TargetError: an object is there already.
    """
    if target is not None and _permitted_path(target, policy) is None:
        _speaker(target, policy).check_target(target, policy, overwrite=overwrite)


def deliver(path: Path, target: str | None, cancelled: Cancelled, policy: Policy = Policy.PUBLIC) -> str | bytes:
    """A finished file to its target; what the result says of it: the target without its query (a signature is a
    secret), or where there is no target the bytes.

    Raises:
        TransferError: it was refused, or the line broke too often.
        OptionError: too large to come back as bytes, or not let through by the policy.
        CancelledError: stopped; an object store then holds nothing of it.
    """
    if target is None:
        return _attached(path)
    if _permitted_path(target, policy) is not None:
        return target
    _speaker(target, policy).upload(path, target, cancelled, policy)
    return named(target)


def _permitted_path(uri: str, policy: Policy) -> Path | None:
    """As `local_path`, but that whoever is guarded against names none."""
    path = local_path(uri)
    if path is not None and policy.is_guarded:
        raise OptionError("a path of the machine that does the work", accepted=_BY_WIRE)
    return path


def _attached(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_ATTACHED_BYTES:
        limit = MAX_ATTACHED_BYTES / 1e6
        raise OptionError(f"a result of {size / 1e6:.0f} MB as bytes", accepted=f"{limit:.0f} MB", hint="a target URI")
    return path.read_bytes()


def _speaker(uri: str, policy: Policy) -> ModuleType:
    scheme = split(uri).scheme
    if scheme not in _SPEAKERS:
        raise OptionError(f"media at {named(uri)}", accepted=_BY_WIRE if policy.is_guarded else ACCEPTED)
    try:
        return importlib.import_module(_SPEAKERS[scheme])
    except ModuleNotFoundError as error:
        if error.name not in ("httpx2", "obstore"):
            raise
        came = f"{scheme}: needs {error.name}, which is not installed"
        raise UnavailableError(came, hint="pip install 'blanklogo[remote]'") from None
