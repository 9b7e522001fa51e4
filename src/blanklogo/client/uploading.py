"""A video to the service by tus 1.0.0 (https://tus.io/protocols/resumable-upload): in pieces, each of them where the
service says that the one before it ended, so that neither a broken line nor another process loses more than a piece.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from blanklogo.client.access import Access
from blanklogo.client.answers import error_of, is_transient, retry_after_seconds
from blanklogo.client.asking import MAX_WAIT_SECONDS, asked, pauses, unreachable
from blanklogo.client.effects import Answer, Flow, LineError, Request, Send, Sleep, done, told
from blanklogo.client.files import Note, Notes, Video
from blanklogo.client.options import new_key
from blanklogo.errors import BlankLogoError, NotFoundError, UnavailableError
from blanklogo.types.job import Progress

PATH = "/api/v1/uploads/tus"
PIECE_BYTES = 8 << 20  # what the service keeps as one; held in memory once
_READ_SECONDS = 300.0  # after the last piece the service puts all together
_VERSION = {"Tus-Resumable": "1.0.0"}
_ID = re.compile(r"[\w-]{1,80}")

Hear = Callable[[Progress], Any]


@dataclass(frozen=True)
class Uploaded:
    """An upload that is whole.

    Attributes:
        was_whole: it was before, so that a job may have been made of it already.
    """

    upload_id: str
    was_whole: bool = False


@dataclass(frozen=True)
class _Failed:
    """A piece that did not get there, which may be tried again."""

    error: BlankLogoError
    wait_seconds: float | None = None


def uploaded(access: Access, notes: Notes, hear: Hear | None) -> Flow[Uploaded]:
    """The video at the service; what was noted of it earlier is gone on with.

    Raises:
        SourceError: the file changed.
        UnavailableError: the line broke too often.
        BlankLogoError: what the service refused with.
    """
    note: Note | None = yield from done(notes.found)
    if note is not None and note.is_whole:
        return Uploaded(note.upload_id, was_whole=True)
    offset = 0
    if note is not None:
        try:
            offset = yield from _offset(access, note.upload_id)
        except NotFoundError:  # its time is over, or it is another owner's
            note = None
    if note is None:
        note = Note((yield from _begun(access, notes.video)))
        yield from done(partial(notes.keep, note))
        offset = 0
    yield from _sent(access, note.upload_id, notes.video, offset, hear)
    yield from done(partial(notes.keep, Note(note.upload_id, is_whole=True)))
    return Uploaded(note.upload_id)


def _begun(access: Access, video: Video) -> Flow[str]:
    metadata = {"filename": video.path.name, "sha256": video.sha256}
    spelled = ",".join(
        f"{name} {base64.b64encode(value.encode(errors='replace')).decode()}" for name, value in metadata.items()
    )
    headers = {"Upload-Length": str(video.num_bytes), "Upload-Metadata": spelled, "Idempotency-Key": new_key()}
    answer: Answer = yield from asked(access.request("POST", PATH, headers={**_VERSION, **headers}))
    upload_id = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
    if not _ID.fullmatch(upload_id):  # only the last part is taken, so that the token goes nowhere else
        raise UnavailableError("the service began an upload without saying where")
    return upload_id


def _sent(access: Access, upload_id: str, video: Video, offset: int, hear: Hear | None) -> Flow[None]:
    left = pauses()
    yield from told(hear, Progress("upload", offset, video.num_bytes))
    while offset < video.num_bytes:
        piece = yield from done(partial(video.piece, offset, PIECE_BYTES))
        came = yield from _piece_sent(_patch(access, upload_id, offset, piece))
        if isinstance(came, _Failed):
            pause_seconds = next(left, None)
            if pause_seconds is None:
                raise came.error
            yield Sleep(pause_seconds if came.wait_seconds is None else came.wait_seconds)
            came = yield from _offset(access, upload_id)
        if came > offset:
            left = pauses()
        offset = came
        yield from told(hear, Progress("upload", offset, video.num_bytes))


def _piece_sent(request: Request) -> Flow[int | _Failed]:
    """Where the next piece goes."""
    try:
        answer: Answer = yield Send(request)
    except LineError as error:
        return _Failed(unreachable(request, error))
    if answer.is_good:
        return _offset_in(answer)
    error, wait_seconds = error_of(answer), retry_after_seconds(answer, time.time())
    if (answer.status != 409 and not is_transient(answer)) or (wait_seconds or 0) > MAX_WAIT_SECONDS:
        raise error
    return _Failed(error, wait_seconds)  # 409: it ends elsewhere than we thought


def _offset(access: Access, upload_id: str) -> Flow[int]:
    answer = yield from asked(
        access.request("HEAD", f"{PATH}/{upload_id}", headers=_VERSION, read_seconds=_READ_SECONDS)
    )
    return _offset_in(answer)


def _offset_in(answer: Answer) -> int:
    said = answer.headers.get("upload-offset", "")
    if not (said.isascii() and said.isdecimal()):
        raise UnavailableError(f"the service answered {answer.status} without saying how far the upload is")
    return int(said)


def _patch(access: Access, upload_id: str, offset: int, piece: bytes) -> Request:
    headers = {**_VERSION, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    path = f"{PATH}/{upload_id}"
    return access.request("PATCH", path, headers=headers, content=piece, read_seconds=_READ_SECONDS)
