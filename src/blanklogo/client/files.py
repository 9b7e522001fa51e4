"""The client's files: a video on its way out, notes of uploads that are not done, and a result that is coming.

All that touches a disk is here, in functions that do not wait for a line; the disk's errors become ours here too.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from blanklogo.errors import SourceError, TargetError, VerificationError, WriteError

_NOTES_KEPT_SECONDS = 2 * 24 * 3600.0  # an upload is kept for a day, and an answer that may be asked for again for two


@dataclass(frozen=True)
class Video:
    """A file that is to be uploaded, as it was when it was looked at."""

    path: Path
    num_bytes: int
    sha256: str

    @classmethod
    def at(cls, path: Path) -> Video:
        """Reads it once. Raises SourceError: it is not there, not readable, or empty."""
        with _source_errors(path), path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            num_bytes = file.tell()
        if not num_bytes:
            raise SourceError(f"{path} is empty", accepted="a video")
        return cls(path, num_bytes, digest)

    def piece(self, start: int, max_bytes: int) -> bytes:
        """Raises SourceError: it is shorter than it was."""
        with _source_errors(self.path), self.path.open("rb") as file:
            file.seek(start)
            piece = file.read(max_bytes)
        if len(piece) < min(max_bytes, self.num_bytes - start):
            raise SourceError(f"{self.path} became shorter while it was being uploaded")
        return piece[: self.num_bytes - start]


@dataclass(frozen=True)
class Note:
    """An upload that was begun.

    Attributes:
        is_whole: whether all of it has come, so that a job may have been made of it.
    """

    upload_id: str
    is_whole: bool = False


@dataclass(frozen=True)
class Notes:
    """Where unfinished uploads are noted, so that another process can go on with them. There is no secret in a note.

    Attributes:
        folder: None: nothing is noted.
        url: of the service.
        video: that is uploaded.
        key: under which the caller asks for a job; uploads for two jobs are two.
    """

    folder: Path | None
    url: str
    video: Video
    key: str | None = None

    def found(self) -> Note | None:
        """What was noted of this video at this service; None: nothing. Old notes are removed."""
        if self.folder is None:
            return None
        with _disk_errors(self.folder):
            for path in self.folder.glob("*.upload.json") if self.folder.is_dir() else ():
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < time.time() - _NOTES_KEPT_SECONDS:
                        path.unlink()
            try:
                return Note(**json.loads(self._path.read_bytes()))
            except (FileNotFoundError, ValueError, TypeError):
                return None

    def keep(self, note: Note) -> None:
        if self.folder is None:
            return
        with _disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._path.with_name(f".{secrets.token_hex(6)}.part")
            try:
                temporary.write_text(json.dumps(asdict(note)), encoding="utf-8")
                os.replace(temporary, self._path)
            finally:
                temporary.unlink(missing_ok=True)

    def forget(self) -> None:
        if self.folder is not None:
            with _disk_errors(self.folder):
                self._path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        assert self.folder is not None
        told = json.dumps([self.url, self.key, self.video.num_bytes, self.video.sha256]).encode()
        return self.folder / f"{hashlib.sha256(told).hexdigest()[:32]}.upload.json"


class Part:
    """A result that is coming, in a hidden file beside its target; it becomes the target when it is whole and right.

    What has come of it is kept over a broken line and the end of the process: its name holds the result's digest, so
    that another process may go on with it, and two at once write the same bytes to the same places.

    Attributes:
        num_bytes: that are there.
        is_taken_up: whether some of them came in an earlier process.
    """

    def __init__(self, target: Path, num_bytes: int, sha256: str, *, overwrite: bool) -> None:
        self.target = target
        self.num_bytes = 0
        self.is_taken_up = False
        self._total_bytes = num_bytes
        self._sha256 = sha256
        self._overwrite = overwrite
        self._path = target.with_name(f".{target.name[:60]}.{sha256[:16]}.part")

    def begin(self) -> None:
        """Raises TargetError: the target may not be written; WriteError: the disk refused."""
        check_target(self.target, overwrite=self._overwrite)
        with _disk_errors(self.target):
            with self._path.open("ab") as file:
                self.num_bytes = file.tell()
            self.is_taken_up = self.num_bytes > 0
            if self.num_bytes > self._total_bytes:
                self.rewind()

    def rewind(self) -> None:
        """Forgets what came."""
        with _disk_errors(self.target):
            os.truncate(self._path, 0)
        self.num_bytes, self.is_taken_up = 0, False

    def write(self, pieces: list[bytes]) -> None:
        """The next bytes. Raises VerificationError: more than there should be."""
        num_bytes = sum(map(len, pieces))
        if self.num_bytes + num_bytes > self._total_bytes:
            self.drop()
            raise VerificationError(f"more came for {self.target} than the {self._total_bytes} bytes announced")
        with _disk_errors(self.target), self._path.open("r+b") as file:
            file.seek(self.num_bytes)
            file.writelines(pieces)
        self.num_bytes += num_bytes

    def is_right(self) -> bool:
        """Whether the file is the one that was announced, by its digest."""
        with _disk_errors(self.target), self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self._sha256

    def put_in_place(self) -> Path:
        """Makes it the target. Raises TargetError: something appeared there meanwhile."""
        with _disk_errors(self.target):
            with self._path.open("r+b") as file:
                os.fsync(file.fileno())
            if self._overwrite:
                os.replace(self._path, self.target)
            else:
                self._move()
        return self.target

    def drop(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _move(self) -> None:
        try:
            os.link(self._path, self.target)  # atomic, and refuses where a rename would replace
        except FileExistsError:
            raise _exists(self.target) from None
        except OSError:  # a file system without hard links: the check has to do
            if os.path.lexists(self.target):
                raise _exists(self.target) from None
            os.rename(self._path, self.target)
        else:
            self._path.unlink(missing_ok=True)


def check_target(target: Path, *, overwrite: bool) -> None:
    """Whether a result may be written there. Raises TargetError: it may not."""
    if not target.parent.is_dir():
        raise TargetError(f"the folder {target.parent} does not exist", hint=f"mkdir -p {target.parent}")
    if target.is_dir():
        raise TargetError(f"the output {target} is a folder", accepted="a file name")
    if os.path.lexists(target) and not overwrite:
        raise _exists(target)


def place_for(name: str, target: Path | None) -> Path:
    """Where a result goes: to the file that was named, or under its own name into a folder; by default this one.

    Of the service's name only what is harmless is taken.
    """
    if target is not None and not target.is_dir():
        return target
    plain = "".join(letter for letter in name if letter.isprintable() and letter not in '/\\:*?"<>|').lstrip(". ")
    return (target or Path()) / (plain[-120:] or "video.mp4")


def _exists(target: Path) -> TargetError:
    return TargetError(f"the output {target} exists", hint="overwrite, or another name")


@contextmanager
def _source_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}", accepted="a video file") from error


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(f"{path} could not be written: {error.strerror or error}") from error
