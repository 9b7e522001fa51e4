"""The user's home folder, which a process in a container may be without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from blanklogo.errors import OptionError


def home_folder(environ: Mapping[str, str]) -> Path:
    """HOME, or else what the system knows of the user.

    Raises:
        OptionError: the system knows no such user, and HOME is not set.
    """
    try:
        return Path(environ.get("HOME") or Path.home())
    except RuntimeError:
        raise OptionError("a user without a home folder", accepted="HOME, or the folder by name") from None
