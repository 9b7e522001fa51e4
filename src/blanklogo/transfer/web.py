"""HTTP: media by GET, and a result by PUT to a signed URL."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from blanklogo.net.http import FileSink, client, get, plain, tried
from blanklogo.net.pieces import MAX_MEDIA_BYTES, Cancelled, pieces


def download(uri: str, place: Path, cancelled: Cancelled, max_bytes: int = MAX_MEDIA_BYTES) -> None:
    """The file at a URI, in pieces; a broken line is taken up where it broke, see `net.http.get`.

    Raises:
        TransferError, CancelledError: see `places.fetch`.
        OSError: the disk refused.
    """
    with place.open("wb") as file, client() as connection:
        get(plain(connection, uri), uri, FileSink(file, uri, max_bytes), cancelled)


def upload(path: Path, uri: str, cancelled: Cancelled) -> None:
    """A file to a signed URL by PUT, from the start again when the line breaks. Raises as `download`."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    # A signed PUT takes no body whose length is not said.
    headers = {"Content-Length": str(path.stat().st_size), "Content-Type": kind}

    def send() -> None:
        with path.open("rb") as file:
            connection.put(uri, content=pieces(file, cancelled), headers=headers).raise_for_status()

    with client() as connection:
        tried(uri, "brought", cancelled, send)


def check_target(uri: str, *, overwrite: bool) -> None:
    """Nothing: whether a signed PUT is good shows only when it is used."""
    del uri, overwrite
