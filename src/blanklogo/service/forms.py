"""Forms with a file in them, on their way in: the file lies in the folder for temporary ones until the storage has it.

A form is no stream, since its fields may come after its file: so the file has to lie somewhere, and what that takes has
a bound of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request
from starlette.datastructures import FormData
from starlette.types import Message, Receive

from blanklogo.errors import WriteError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.service.storage.arriving import Gate

NUM_AT_ONCE = 8  # each takes as much of the temporary disk as its file has, and some memory on its way on
_RESERVE_BYTES = 64 << 20  # of that disk, left to others
_LOOK_EVERY_BYTES = 32 << 20  # how much may come until it is looked again whether there is room
_MAX_FIELDS = 40


@asynccontextmanager
async def received(request: Request, gate: Gate) -> AsyncIterator[FormData]:
    """The form, with its file, for the length of the block, in which it keeps its place in the gate.

    Raises:
        HTTPException: 503, as many forms as go at once are on their way.
        WriteError: there is no room for it, or the disk refused.
    """
    with gate.passed(), foreign_errors(Stage.WRITE, Path(tempfile.gettempdir())):
        said = request.headers.get("content-length", "")
        check_room(int(said) if said.isdecimal() else 0)
        stream = Request(request.scope, watched(request.receive))
        async with stream.form(max_files=1, max_fields=_MAX_FIELDS) as form:
            yield form


def watched(receive: Receive) -> Receive:
    """What comes; now and then it is looked whether there is room for more."""
    num_bytes = 0

    async def looked() -> Message:
        nonlocal num_bytes
        message = await receive()
        num_bytes += len(message.get("body", b""))
        if num_bytes >= _LOOK_EVERY_BYTES:
            num_bytes = 0
            check_room(0)
        return message

    return looked


def check_room(num_bytes: int) -> None:
    """Raises WriteError when so many bytes more would go into the reserve."""
    folder = tempfile.gettempdir()
    if shutil.disk_usage(folder).free < num_bytes + _RESERVE_BYTES:
        raise WriteError(f"no room left in {folder} for a form's file", hint="TMPDIR on a disk with more room")
