"""HTTP: a GET that survives a broken line, and a PUT to a signed URL."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx2

from blanklogo.net.http import tried
from blanklogo.net.pieces import MAX_MEDIA_BYTES, PIECE_BYTES, Cancelled, check_size, pieces, stop_if
from blanklogo.transfer.guard.client import answered, check_reachable, media_client
from blanklogo.transfer.guard.policy import Policy


def download(uri: str, place: Path, cancelled: Cancelled, policy: Policy, max_bytes: int = MAX_MEDIA_BYTES) -> None:
    """The file at a URI, in pieces. A broken line is taken up where it broke if the server names the file's version
    (a strong ETag) and serves ranges, and else from the start.

    Raises:
        OptionError, TransferError, CancelledError: see `places.fetch`.
        OSError: the disk refused.
    """
    with place.open("wb") as file, media_client(policy) as client:
        fetching = _Fetching(client, policy, uri, file, cancelled, max_bytes)
        tried(uri, "fetched", cancelled, fetching.go_on)


def upload(path: Path, uri: str, cancelled: Cancelled, policy: Policy) -> None:
    """A file to a signed URL by PUT, from the start again when the line breaks. Raises as `download`."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    # A signed PUT takes no body whose length is not said.
    headers = {"Content-Length": str(path.stat().st_size), "Content-Type": kind}

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


@dataclass
class _Fetching:
    """One file on its way, over as many requests as it takes."""

    client: httpx2.Client
    policy: Policy
    uri: str
    file: BinaryIO
    cancelled: Cancelled
    max_bytes: int
    num_bytes: int = 0
    etag: str | None = None

    def go_on(self) -> None:
        headers = {"Range": f"bytes={self.num_bytes}-", "If-Range": self.etag} if self.etag and self.num_bytes else {}

        def build(url: httpx2.URL) -> httpx2.Request:
            return self.client.build_request("GET", url, headers=headers)

        with answered(self.client, self.policy, self.uri, build) as response:
            if response.status_code == 416:
                self.etag = None
            response.raise_for_status()
            self._start(response)
            check_size(self.uri, self.num_bytes + int(response.headers.get("Content-Length", 0)), self.max_bytes)
            for piece in response.iter_bytes(PIECE_BYTES):
                stop_if(self.cancelled)
                self.num_bytes += len(piece)
                check_size(self.uri, self.num_bytes, self.max_bytes)
                self.file.write(piece)

    def _start(self, response: httpx2.Response) -> None:
        """Goes on where the file ends if that is what the server sends, else from the start."""
        goes_on = response.status_code == 206 and _range_start(response) == self.num_bytes
        if not goes_on:
            self.num_bytes = 0
        self.file.seek(self.num_bytes)
        self.file.truncate()
        etag = response.headers.get("ETag", "")
        self.etag = etag if etag.startswith('"') else None  # a weak one (W/"…") does not promise the same bytes


def _range_start(response: httpx2.Response) -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None
