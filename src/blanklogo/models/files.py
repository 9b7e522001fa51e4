"""Weights on this machine: where they lie, and whether they are what they should be.

The one border to the disk for weights: `disk_errors` turns what the operating system raises into the error tree.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from blanklogo.errors import ModelError, WeightsError, WriteError
from blanklogo.home import home_folder
from blanklogo.models.formats import ACCEPTED, format_of
from blanklogo.models.registry import entries, find, shipped
from blanklogo.models.weights import SHIPPED_FOLDER, Format, Weights

_PIECE_BYTES = 1 << 20
_DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that is there and was looked at.

    Attributes:
        sha256: of the file as it is.
        format: as its bytes tell it.
        weights: its entry, whose checksum it has; None for a file that was given by its path.
    """

    path: Path
    sha256: str
    format: Format
    weights: Weights | None = None

    @property
    def name(self) -> str:
        """What a report calls it."""
        return self.weights.name if self.weights else self.path.name

    def as_dict(self) -> dict[str, str]:
        """As a report's `weights` holds it."""
        version = {"version": self.weights.version} if self.weights and self.weights.version else {}
        return {"name": self.name, "sha256": self.sha256} | version


def usual_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where pulled weights lie unless one says otherwise: the platform's folder for what can be fetched again.

    `$XDG_CACHE_HOME/blanklogo/models`, `~/.cache/blanklogo/models`; `~/Library/Caches/blanklogo/models` on a Mac;
    `%LOCALAPPDATA%\\blanklogo\\models` on Windows.
    """
    home = home_folder(environ)
    if platform == "win32":
        cache = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        cache = home / "Library" / "Caches"
    else:
        cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    return cache / "blanklogo" / "models"


def locate(name_or_path: str | Path, folder: Path | None = None, own_list: Path | None = None) -> WeightsFile:
    """The file that a name stands for, its checksum verified; or a user's own file, given by a path.

    A text with a dot or a slash is a path, any other a name. A file is hashed once in a process, and again only when
    its size or its time of change is another. Nothing is ever fetched.

    Args:
        folder: of pulled weights; None: the usual one of this platform.
        own_list: the user's list of further names; None: models.toml in that folder, if it is there.

    Raises:
        WeightsError: the name is not known, the file is not there, or its format is not accepted.
        ModelError: the file is not the one that its name stands for.
        OptionError: the user's list does not fit.
    """
    if isinstance(name_or_path, Path) or re.search(r"[./\\]", name_or_path):
        return _own_file(Path(name_or_path))
    for weights in shipped():  # for which no folder is needed
        if weights.name == name_or_path:
            return checked(weights, weights.path_in(SHIPPED_FOLDER))
    folder = folder or usual_folder(os.environ)
    weights = find(name_or_path, entries(folder, own_list))
    return checked(weights, weights.path_in(folder))


def checked(weights: Weights, path: Path) -> WeightsFile:
    """The file at a path, if it is the one that the entry describes.

    Raises:
        WeightsError: it is not there, or its format is not accepted.
        ModelError: its size, checksum or format is another.
    """
    if not path.exists():
        if weights.is_shipped:
            raise ModelError(f"{path} is missing from the package", hint="install blanklogo again")
        raise WeightsError(f"{path} is not there", hint=f"blanklogo models pull {weights.name}")
    again = "install blanklogo again" if weights.is_shipped else f"blanklogo models pull {weights.name}"
    num_bytes = path.stat().st_size
    if num_bytes != weights.num_bytes:
        raise ModelError(f"{path} is damaged: {num_bytes} bytes instead of {weights.num_bytes}", hint=again)
    sha256 = file_sha256(path)
    if sha256 != weights.sha256:
        raise ModelError(f"{path} is damaged: sha256 {sha256} instead of {weights.sha256}", hint=again)
    found = format_of(path)
    if found is not weights.format:
        raise ModelError(f"{path} holds {found}, and its entry says {weights.format}", hint="mend its entry")
    return WeightsFile(path, sha256, found, weights)


def file_sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal; remembered for as long as its size and time of change stay.

    Raises:
        WeightsError: it cannot be read.
    """
    try:
        about = path.stat()
        return _sha256_of(path.absolute(), about.st_size, about.st_mtime_ns)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error


def part_path(place: Path) -> Path:
    """Where what has come of a file lies until it is whole."""
    return place.with_name(f"{place.name}.part")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system raises inside the block into WriteError."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in _DISK_IS_FULL
        hint = "free some disk space, or another folder" if is_full else "another folder, or check its permissions"
        came = f"{path} could not be written: {error.strerror or error}"
        raise WriteError(came, hint=f"{hint} (BLANKLOGO_MODELS)") from error


def each_piece(path: Path, hear: Callable[[bytes], None]) -> None:
    """Hands over the file's bytes in pieces."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            hear(piece)


def _own_file(path: Path) -> WeightsFile:
    if not path.is_file():
        came = f"{path} is a folder" if path.is_dir() else f"{path} does not exist"
        raise WeightsError(came, accepted=ACCEPTED, hint="check the path; names of weights: blanklogo models list")
    found = format_of(path)
    return WeightsFile(path, file_sha256(path), found)


@lru_cache(maxsize=64)
def _sha256_of(path: Path, num_bytes: int, mtime_ns: int) -> str:
    """Size and time are part of the key alone."""
    del num_bytes, mtime_ns
    digest = hashlib.sha256()
    each_piece(path, digest.update)
    return digest.hexdigest()
