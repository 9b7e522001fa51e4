"""A stored file as an HTTP answer."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from blanklogo.service.storage.keys import content_type, safe_name
from blanklogo.service.storage.ranges import asked_for
from blanklogo.service.storage.store import Storage

# A file is somebody's own: no shared cache keeps it, nothing guesses at it or runs it, and its URL, which may be
# signed, is told to nobody.
GUARDS = {
    "Cache-Control": "private, no-cache, no-transform",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
}


def file_answer(
    storage: Storage, key: str, headers: Mapping[str, str], name: str | None = None, *, is_head: bool = False
) -> Response:
    """An object, or the part of it that is asked for; streamed, so that it costs memory for a piece only.

    It asks the storage: to be called in a thread, not in an event loop.

    Args:
        headers: the request's; with lower-case names, or case-blind.
        name: under which a browser saves it; None: the key's last part.
        is_head: for HEAD, all but the bytes.

    Raises:
        NotFoundError, TransferError, ConflictError: see `Storage`.
    """
    stat = storage.stat(key)
    part = asked_for({} if is_head else headers, stat.num_bytes, stat.e_tag)
    told = {**GUARDS, "ETag": stat.e_tag, "Accept-Ranges": "bytes"}
    if part.status == 416:
        return Response(status_code=416, headers=told | {"Content-Range": f"bytes */{stat.num_bytes}"})
    if part.status not in (200, 206):
        return Response(status_code=part.status, headers=told)
    if part.status == 206:
        told["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{stat.num_bytes}"
    name = safe_name(name or key)
    told["Content-Length"] = str(part.end - part.start)
    told["Content-Disposition"] = disposition(name)
    kind = content_type(name)
    if is_head:
        return Response(headers=told, media_type=kind)
    return StreamingResponse(storage.opened(stat, part.start, part.end), part.status, told, kind)


def disposition(name: str) -> str:
    """To be saved under this name, also where it is not ASCII (RFC 6266, RFC 8187). The name is a safe one."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{extended}'
