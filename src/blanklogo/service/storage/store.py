"""Where files are kept: in a local folder, or in S3, Google's or Azure's object store.

An object is there whole or not at all: it is written under a name of its own (a file beside the place, or the parts of
a multipart upload) and put in place at the end. Bytes stream through; at most a few parts are in memory at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import obstore
from obstore.store import ObjectStore

from blanklogo.errors import NotFoundError, OptionError
from blanklogo.service.storage.failures import foreign_errors
from blanklogo.service.storage.keys import check_key, check_prefix, content_type
from blanklogo.service.storage.local import Folder
from blanklogo.service.storage.meter import Meter

if TYPE_CHECKING:
    from obstore import Attributes, GetOptions

MAX_OBJECT_BYTES = 500_000_000
MAX_SIGNED_SECONDS = 7 * 24 * 3600.0  # S3's own bound, kept for all
_PART_BYTES = 8 << 20  # 10,000 parts, the most that S3 takes, are 84 GB
_NUM_AT_ONCE = 2  # parts on their way at a time
_PIECE_BYTES = 1 << 20  # of what is read


@dataclass(frozen=True)
class Stored:
    """An object as it was put: its size, and its SHA-256 in hexadecimal."""

    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class Stat:
    """What the store knows of an object.

    Attributes:
        e_tag: a strong one, in quotes (RFC 9110, 8.8.3): other bytes have another.
        modified_seconds: when it was put, UTC, since the epoch.
    """

    key: str
    num_bytes: int
    e_tag: str
    modified_seconds: float


class Signer(Protocol):
    """Makes URLs by which others fetch and bring objects without credentials, for a while."""

    def get(self, key: str, seconds: float, file_name: str | None) -> str: ...

    def put(self, key: str, seconds: float, max_bytes: int, sha256: str | None, *, is_result: bool) -> str: ...


class Storage:
    """Objects by key. Safe to share between threads.

    Keys are made by the service (`keys.check_key`). Every method raises OptionError for one that is of no such form,
    TransferError when the store cannot be reached, WriteError when the disk refuses.

    Args:
        store: obstore's.
        signer: makes its URLs.
        folder: the local folder behind `store`; None: it is an object store.
    """

    def __init__(self, store: ObjectStore, signer: Signer, folder: Folder | None = None) -> None:
        self._store = store
        self._signer = signer
        self._folder = folder

    @property
    def is_local(self) -> bool:
        """Whether the service itself serves the signed URLs."""
        return self._folder is not None

    def put(
        self, key: str, chunks: Iterable[bytes], max_bytes: int = MAX_OBJECT_BYTES, sha256: str | None = None
    ) -> Stored:
        """An object of these bytes, in place of what was there. When anything is raised, also by the chunks, what was
        there before is there still.

        Args:
            sha256: what the bytes' digest must be, in hexadecimal.

        Raises:
            TooLargeError: more than `max_bytes`.
            OptionError: another digest.
        """
        meter = self._meter(key, max_bytes, sha256)
        with foreign_errors(key, meter, is_writing=True), ThreadPoolExecutor(1, "chunks") as thread:
            obstore.put(self._store, key, meter.metered(_pulled(chunks, thread)), **self._way(key))
            self._settle(key)
        return Stored(meter.num_bytes, meter.sha256)

    async def put_async(
        self, key: str, chunks: AsyncIterator[bytes], max_bytes: int = MAX_OBJECT_BYTES, sha256: str | None = None
    ) -> Stored:
        """As `put`, for bytes that come from a network."""
        meter = self._meter(key, max_bytes, sha256)
        with foreign_errors(key, meter, is_writing=True):
            await obstore.put_async(self._store, key, meter.metered_async(chunks), **self._way(key))
            if self._folder is not None:
                await self._folder.settle_async(key)
        return Stored(meter.num_bytes, meter.sha256)

    def copy(self, source: str, target: str) -> None:
        """An object once more, under another key, in place of what was there. The store makes it; no bytes come here.

        In a local folder both are one file (a hard link) until one is replaced or deleted.

        Raises:
            NotFoundError: there is none.
        """
        with foreign_errors(check_key(source)):
            obstore.copy(self._store, source, check_key(target))
            self._settle(target)

    def create(self, key: str, data: bytes) -> None:
        """A small object where none is. Of several who try at once, one succeeds.

        Raises:
            ConflictError: there is one.
        """
        with foreign_errors(check_key(key), is_writing=True):
            self.check_room(len(data))
            obstore.put(self._store, key, data, mode="create", use_multipart=False)
            self._settle(key)

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """An object's bytes from `start` up to before `end`, all of one version. Raises NotFoundError, at once."""
        return self.opened(self.stat(key), start, end)

    def opened(self, stat: Stat, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """As `read`, of the version that was looked at. Raises ConflictError, at once: it is another by now."""
        end = stat.num_bytes if end is None else min(end, stat.num_bytes)
        if start >= end:
            return iter(())
        wanted: GetOptions = {"range": (start, end), "if_match": stat.e_tag}
        with foreign_errors(stat.key):
            got = obstore.get(self._store, stat.key, options=wanted)
        return _pieces(got, stat.key)

    def stat(self, key: str) -> Stat:
        """Raises NotFoundError."""
        with foreign_errors(check_key(key)):
            return _stat(obstore.head(self._store, key))

    def delete(self, key: str) -> None:
        """Takes an object away, if there is one."""
        try:
            with foreign_errors(check_key(key)):
                obstore.delete(self._store, key)
        except NotFoundError:
            return

    def delete_prefix(self, prefix: str) -> int:
        """Takes away all objects under a prefix of whole parts ("OWNER/JOB/"), and what was left half-written there.
        Returns how many objects there were."""
        keys = list(self.listed(check_prefix(prefix)))  # an empty one would be all there is
        for key in keys:
            self.delete(key)
        self.sweep(0.0, prefix)
        return len(keys)

    def listed(self, prefix: str = "") -> Iterator[str]:
        """The keys under a prefix of whole parts, in no order."""
        return (stat.key for stat in self.stats(prefix))

    def stats(self, prefix: str = "") -> Iterator[Stat]:
        """As `listed`, with what the store knows of each."""
        under = check_prefix(prefix) if prefix else None
        with foreign_errors(prefix or "all objects"):
            for batch in obstore.list(self._store, under):
                yield from map(_stat, batch)

    def sign_get(self, key: str, seconds: float, file_name: str | None = None) -> str:
        """A URL by which an object may be fetched for so long, also in parts.

        Args:
            file_name: as which a browser saves it. An object store's own URLs have no room for it: there the last part
                of the key is what the object was stored to be saved as.
        """
        return self._signer.get(check_key(key), _lifetime(seconds), file_name)

    def sign_put(
        self,
        key: str,
        seconds: float,
        max_bytes: int = MAX_OBJECT_BYTES,
        sha256: str | None = None,
        *,
        is_result: bool = False,
    ) -> str:
        """A URL to which an object may be brought by PUT for so long.

        Args:
            max_bytes, sha256: held by the service's own URLs; an object store's own have no room for them, so there
                `stat` and `digest` are to be asked afterwards.
            is_result: a worker brings a job's result, which is let in however many uploads come.
        """
        return self._signer.put(check_key(key), _lifetime(seconds), max_bytes, sha256, is_result=is_result)

    def check_room(self, num_bytes: int) -> None:
        """Raises WriteError when that many bytes more would fill the disk of a local folder."""
        if self._folder is not None:
            self._folder.check_room(num_bytes)

    def digest(self, key: str) -> Stored:
        """Reads an object through. Raises NotFoundError."""
        meter = Meter(self.stat(key).num_bytes, lambda: None)
        for _ in meter.metered(self.read(key)):
            pass
        return Stored(meter.num_bytes, meter.sha256)

    def sweep(self, older_than_seconds: float = 3600.0, prefix: str = "") -> int:
        """Removes what killed processes left half-written in a local folder: temporary files that nobody has written
        to for so long. Returns how many. An object store has rules of its own for that (docs/service/storage.md).

        Args:
            prefix: of whole parts, below which to look; "": everywhere.
        """
        under = check_prefix(prefix) if prefix else ""
        return self._folder.sweep(older_than_seconds, under) if self._folder is not None else 0

    def _meter(self, key: str, max_bytes: int, sha256: str | None) -> Meter:
        check_key(key)
        return Meter(max_bytes, lambda: self.check_room(0), sha256)

    def _settle(self, key: str) -> None:
        if self._folder is not None:
            self._folder.settle(key)

    def _way(self, key: str) -> Mapping[str, Any]:
        """How obstore is to put. A local folder has no room for attributes."""
        way: dict[str, Any] = {"chunk_size": _PART_BYTES, "max_concurrency": _NUM_AT_ONCE, "use_multipart": True}
        if self._folder is None:
            way["attributes"] = _attributes(key)
        return way


def _pulled(chunks: Iterable[bytes], thread: Executor) -> Iterator[bytes]:
    """The same chunks, each made in that thread: obstore asks for them where it may not be called itself, and they may
    come from this very storage."""
    source = iter(chunks)
    while (chunk := thread.submit(next, source, None).result()) is not None:
        yield chunk


def _pieces(got: obstore.GetResult, key: str) -> Iterator[bytes]:
    with foreign_errors(key):
        for piece in got.stream(min_chunk_size=_PIECE_BYTES):
            yield bytes(piece)


def _stat(about: obstore.ObjectMeta) -> Stat:
    e_tag = about["e_tag"] or ""
    if e_tag and not e_tag.endswith('"'):  # Azure's lists leave the quotes out
        e_tag = f'"{e_tag}"'
    return Stat(about["path"], about["size"], e_tag, about["last_modified"].timestamp())


def _attributes(key: str) -> Attributes:
    return {
        "Content-Type": content_type(key),
        "Content-Disposition": f'attachment; filename="{key.rpartition("/")[2]}"',
        "Cache-Control": "private",
    }


def _lifetime(seconds: float) -> float:
    if 0 < seconds <= MAX_SIGNED_SECONDS:
        return seconds
    raise OptionError(f"a signed URL for {seconds:g} seconds", accepted=f"more than 0, up to {MAX_SIGNED_SECONDS:g}")
