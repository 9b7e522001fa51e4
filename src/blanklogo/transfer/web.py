"""HTTP: media by GET, and a result by PUT to a signed URL."""

from __future__ import annotations

import mimetypes
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2

from blanklogo.net.http import FileSink, get, tried
from blanklogo.net.pieces import MAX_MEDIA_BYTES, Cancelled, pieces
from blanklogo.net.stores import put_headers
from blanklogo.transfer.guard.client import answered, check_reachable, media_client
from blanklogo.transfer.guard.policy import Policy


def download(uri: str, place: Path, cancelled: Cancelled, policy: Policy, max_bytes: int = MAX_MEDIA_BYTES) -> None:
    """The file at a URI, in pieces; a broken line is taken up where it broke, see `net.http.get`.

    Raises:
        OptionError, TransferError, CancelledError: see `places.fetch`.
        OSError: the disk refused.
    """

    def ask(headers: dict[str, str]) -> AbstractContextManager[httpx2.Response]:
        return answered(client, policy, uri, lambda url: client.build_request("GET", url, headers=headers))

    with place.open("wb") as file, media_client(policy) as client:
        get(ask, uri, FileSink(file, uri, max_bytes), cancelled)


def upload(path: Path, uri: str, cancelled: Cancelled, policy: Policy) -> None:
    """A file to a signed URL by PUT, from the start again when the line breaks. Raises as `download`."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    # A signed PUT takes no body whose length is not said.
    headers = {"Content-Length": str(path.stat().st_size), "Content-Type": kind, **put_headers(uri)}

    def send() -> None:
        def build(url: httpx2.URL) -> httpx2.Request:
            file.seek(0)
            return client.build_request("PUT", url, content=pieces(file, cancelled), headers=headers)

        with path.open("rb") as file, answered(client, policy, uri, build) as response:
            response.raise_for_status()

    with media_client(policy) as client:
        tried(uri, "brought", cancelled, send)


def check_target(uri: str, policy: Policy, *, overwrite: bool) -> None:
    """Whether the policy lets it through; whether a signed PUT is good shows only when it is used."""
    del overwrite
    check_reachable(uri, policy)
