"""File names from outside, made fit to be shown and to stand in a header. None of them ever becomes a path."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from blanklogo.service.jobs.options import USUAL_SUFFIX, suffix_of

_MAX_CHARACTERS = 120


def plain_name(given: str | None) -> str:
    """The last part of a name, without characters that mean something to a shell, a path or a header."""
    stem = PurePosixPath((given or "").replace("\\", "/")).name
    suffix = suffix_of(stem)
    stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else PurePosixPath(stem).stem
    stem = re.sub(r"[^\w .()+,@-]+", "_", stem).strip(" ._")[:_MAX_CHARACTERS]
    return f"{stem or 'video'}{suffix or USUAL_SUFFIX}"


def name_in_url(url: str) -> str:
    """The file name at a URL's end, made plain."""
    try:
        path = urlsplit(url).path
    except ValueError:  # brackets that do not close; the fetcher refuses it in its own words
        path = ""
    return plain_name(unquote(path, errors="replace"))
