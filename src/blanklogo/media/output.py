"""Whole output or none: a temporary name in the target's folder, then an atomic rename."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from blanklogo.errors import TargetError
from blanklogo.media.errors import Stage, foreign_errors

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")


@contextmanager
def pending_output(source: Path, target: Path, overwrite: bool = False) -> Iterator[Path]:
    """A fresh temporary path beside the target; what stands there becomes the target when the block ends well.

    On any exception, Ctrl-C included, the temporary file is removed and the target stays as it was.

    Raises:
        TargetError: see `check_target`; also when the target appeared meanwhile and `overwrite` is False.
        WriteError: the disk refused.
    """
    check_target(source, target, overwrite)
    temporary = target.with_name(f".{target.stem[:80]}.{secrets.token_hex(6)}.part{target.suffix}")
    try:
        with foreign_errors(Stage.WRITE, target):
            temporary.touch(mode=0o666, exist_ok=False)
        yield temporary
        _put_in_place(temporary, target, overwrite)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_target(source: Path, target: Path, overwrite: bool = False) -> None:
    """Whether the target may be written.

    Raises:
        TargetError: it is the source (by path, symlink or hard link), exists, is a folder, its folder is missing,
            or its suffix names no container that can be written.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise TargetError(f"the output {target} has no known suffix", accepted=", ".join(SUFFIXES))
    if not target.parent.is_dir():
        raise TargetError(f"the folder {target.parent} does not exist", hint=f"mkdir -p {target.parent}")
    if target.is_dir():
        raise TargetError(f"the output {target} is a folder", accepted="a file name", hint=f"{target / source.name}")
    if _is_same_file(source, target):
        raise TargetError(f"the output {target} is the input", hint="another name; the input is never overwritten")
    if os.path.lexists(target) and not overwrite:
        raise TargetError(f"the output {target} exists", hint="--overwrite, or another name")
    if target.exists() and not target.is_file():
        raise TargetError(f"the output {target} is not a plain file", accepted="a file name")


def copy_bytes(source: Path, temporary: Path) -> None:
    """The source's bytes, unchanged, into the temporary file.

    Raises:
        SourceError: the source cannot be opened.
        WriteError: the disk refused.
    """
    with (
        foreign_errors(Stage.OPEN, source),
        source.open("rb") as reader,
        foreign_errors(Stage.WRITE, temporary),
        temporary.open("wb") as writer,
    ):
        shutil.copyfileobj(reader, writer, 1 << 20)


def _is_same_file(source: Path, target: Path) -> bool:
    try:
        return os.path.samefile(source, target)
    except OSError:
        return source.absolute() == target.absolute()


def _put_in_place(temporary: Path, target: Path, overwrite: bool) -> None:
    with foreign_errors(Stage.WRITE, target):
        _flush(temporary)
        if overwrite:
            os.replace(temporary, target)
        else:
            _move_without_clobber(temporary, target)
    with suppress(OSError):  # some file systems cannot flush a folder; the file itself is safe by now
        _flush(target.parent)


def _move_without_clobber(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)  # atomic, and refuses where a rename would replace
    except FileExistsError as error:
        raise TargetError(f"the output {target} exists", hint="--overwrite, or another name") from error
    except OSError:  # a file system without hard links (FAT, some network mounts): the check has to do
        if os.path.lexists(target):
            raise TargetError(f"the output {target} exists", hint="--overwrite, or another name") from None
        os.rename(temporary, target)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
