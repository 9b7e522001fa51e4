"""Whole output or none: a temporary name in the target's folder, then an atomic rename."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from blanklogo.errors import BlankLogoError, TargetError
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
    temporary = _temporary(target)
    try:
        with foreign_errors(Stage.WRITE, target):
            temporary.touch(mode=0o666, exist_ok=False)
        yield temporary
        _put_in_place(temporary, target, overwrite)
    except BlankLogoError as error:
        raise error.renamed(str(temporary), str(target)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_target(source: Path, target: Path, overwrite: bool = False) -> None:
    """Whether the target may be written.

    Raises:
        TargetError: it is the source (by path, symlink or hard link), exists, is a folder, its name is too long, its
            folder is missing or may not be written to, or its suffix names no container that can be written.
    """
    if target.suffix.lower() not in SUFFIXES:
        hint = f"-o {target.with_suffix('.mkv')}" if target.name else "a file name"
        raise TargetError(f"the output {target} has no known suffix", accepted=", ".join(SUFFIXES), hint=hint)
    check_folder(target)
    if target.is_dir():
        raise TargetError(f"the output {target} is a folder", accepted="a file name", hint=f"{target / source.name}")
    check_not_input(target, source)
    if os.path.lexists(target) and not overwrite:
        raise TargetError(f"the output {target} exists", hint="--overwrite, or another name")
    if target.exists() and not target.is_file():
        raise TargetError(f"the output {target} is not a plain file", accepted="a file name")


def check_folder(target: Path) -> None:
    """Whether the target's folder is there and takes a file of that name.

    Raises:
        TargetError: it does not.
    """
    folder = target.parent
    try:
        os.lstat(target)  # says what `exists` and `is_dir` keep to themselves or raise: a name too long, no permission
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise TargetError(f"the output {target} cannot be: {error.strerror}", hint="another name or folder") from error
    if not folder.is_dir():
        if os.path.lexists(folder):
            raise TargetError(f"{folder} is no folder", accepted="a folder that exists")
        raise TargetError(f"the folder {folder} does not exist", hint=f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise TargetError(f"the folder {folder} may not be written to: no permission", hint="another folder")


def check_not_input(target: Path, *inputs: Path) -> None:
    """Whether the target is none of the inputs, by path, symlink or hard link.

    Raises:
        TargetError: it is.
    """
    if any(_is_same_file(path, target) for path in inputs):
        raise TargetError(f"the output {target} is the input", hint="another name; the input is never overwritten")


def put_bytes(data: bytes, target: Path) -> None:
    """A small file, whole or not at all; what stood there is replaced.

    Raises:
        WriteError: the disk refused.
    """
    temporary = _temporary(target)
    try:
        with foreign_errors(Stage.WRITE, target):
            temporary.write_bytes(data)
            os.replace(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.stem[:60]}.{secrets.token_hex(6)}.part{target.suffix}")


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
