"""Names of objects, and names of files. Both are narrow on purpose: what is not plainly good is refused or left out."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from blanklogo.errors import OptionError

_SEGMENT = r"[A-Za-z0-9_](?:\.?[A-Za-z0-9_-])*"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,7}}")
_MAX_KEY_CHARS = 512
_MAX_NAME_CHARS = 120
_NAME_CHARS = re.compile(r"[^\w .()\[\]+,=@~-]")  # \w of any script; no slash, quote, control or direction mark

_CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    ".ts": "video/mp2t",
    ".png": "image/png",
    ".json": "application/json",
}


def check_key(key: str) -> str:
    """The key, if it has the form of one: `OWNER/JOB/input.mp4`, up to eight parts of ASCII letters, digits, `_`, `-`
    and single dots inside.

    Nothing in it needs escaping in a URL, means anything to a file system, or could be read in two ways.

    Raises:
        OptionError: it has not.
    """
    if len(key) <= _MAX_KEY_CHARS and key.isascii() and _KEY.fullmatch(key):
        return key
    raise OptionError(f"key {key[:80]!r}", accepted="parts of A-Z, a-z, 0-9, _, - and single dots, with / between")


def check_prefix(prefix: str) -> str:
    """A prefix of whole parts, without a slash at its end. Raises OptionError."""
    return check_key(prefix.removesuffix("/"))


def safe_name(given: str, fallback: str = "video.mp4") -> str:
    """A name under which any system can save a file, as near to the given one as that goes.

    Folders are cut off, and so is what could mislead: control and direction marks, leading dots, trailing dots and
    blanks.
    """
    name = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    name = _NAME_CHARS.sub("", name).strip(" .")
    path = PurePosixPath(name or fallback)
    stem = path.stem[: _MAX_NAME_CHARS - len(path.suffix)] if len(path.suffix) <= 16 else path.stem[:_MAX_NAME_CHARS]
    return stem + (path.suffix if len(path.suffix) <= 16 else "")


def content_type(name: str) -> str:
    """By the suffix. Nothing that a browser would run."""
    return _CONTENT_TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")
