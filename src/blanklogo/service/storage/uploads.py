"""Uploads that may break off and go on: what has come of each, kept in the storage itself.

Beside the object that is to be, `OWNER/ID/NAME`, an upload has

    OWNER/ID/upload/about        what was announced, as JSON
    OWNER/ID/upload/part-OFFSET  bytes that came, at most `PART_BYTES` in one
    OWNER/ID/upload/done         size and SHA-256 of the whole, as JSON, once it is there

How far an upload is follows from its parts alone, so that it cannot be told wrongly: not after a kill, and not by
several processes, on one machine or on several, that serve it at once. Each part is put only where none is; of two
writers at one offset, one succeeds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from blanklogo.errors import ConflictError, NotFoundError, OptionError, TooLargeError
from blanklogo.service.storage.keys import check_key
from blanklogo.service.storage.meter import too_large
from blanklogo.service.storage.store import MAX_OBJECT_BYTES, Stat, Storage, Stored

PART_BYTES = 8 << 20
_NUM_SPARE_PARTS = 2000  # over what full parts would need: who sends in crumbs is sent away at last
_PART = re.compile(r".+/upload/part-([0-9]{20})")
_ABOUT = "/upload/about"
_ORPHAN_SECONDS = 3600.0  # a listing may be older than an upload that begins while it is made


@dataclass(frozen=True)
class About:
    """What an upload is to be.

    Attributes:
        key: of the object that it becomes: `OWNER/ID/NAME`.
        num_bytes: of the whole.
        expires_seconds: until when it may be gone on with, UTC, since the epoch.
        metadata: as the client gave it, in tus's own form; never used as a path.
        sha256: what the whole's digest must be, where the client said so.
    """

    key: str
    num_bytes: int
    expires_seconds: float
    metadata: str = ""
    sha256: str | None = None

    @property
    def folder(self) -> str:
        return f"{self.key.rpartition('/')[0]}/upload"


class Uploads:
    """Args:
    storage: where all of it is kept.
    max_bytes: how large a whole may be.
    """

    def __init__(self, storage: Storage, max_bytes: int = MAX_OBJECT_BYTES) -> None:
        self._storage = storage
        self.max_bytes = max_bytes

    def begin(self, about: About) -> None:
        """Notes an upload of which nothing has come yet.

        Raises:
            TooLargeError: it would be larger than allowed.
            WriteError: there is no room for it, which is twice its size while it is put together.
            ConflictError: there is one at this place.
        """
        if about.num_bytes > self.max_bytes:
            raise too_large(self.max_bytes)
        check_key(about.key)
        self._storage.check_room(2 * about.num_bytes)
        self._storage.create(f"{about.folder}/about", json.dumps(asdict(about)).encode())

    def about(self, owner: str, upload_id: str) -> About:
        """An owner's upload. Raises NotFoundError: there is none, which another's cannot be told from."""
        try:
            return self._read_about(check_key(f"{owner}/{upload_id}") + _ABOUT)
        except (OptionError, NotFoundError):
            raise NotFoundError(f"there is no upload {upload_id[:80]}") from None

    def num_open(self, owner: str) -> int:
        """How many of an owner's uploads are not whole yet."""
        keys = set(self._storage.listed(owner))
        return sum(key.endswith(_ABOUT) and key.removesuffix("about") + "done" not in keys for key in keys)

    def offset(self, about: About) -> int:
        """How many bytes have come, from the start on.

        Raises:
            TooLargeError: they came in too many crumbs to go on.
        """
        if self.whole(about):
            return about.num_bytes
        parts = self._parts(about)
        if len(parts) > about.num_bytes // PART_BYTES + _NUM_SPARE_PARTS:
            raise TooLargeError(f"an upload in {len(parts)} pieces", accepted=f"pieces of {PART_BYTES} bytes or so")
        return _end(parts)

    def append(self, about: About, start: int, data: bytes) -> int:
        """Keeps bytes that come at `start`, which is where the ones before them end. Returns where the next ones go.

        Raises:
            ConflictError: bytes from there on have come already.
            TooLargeError: more than announced.
        """
        end = start + len(data)
        if end > about.num_bytes:
            raise TooLargeError(f"an upload's bytes up to {end}", accepted=f"up to {about.num_bytes}, as announced")
        if data:
            self._storage.create(f"{about.folder}/part-{start:020d}", data)
        return end

    def finish(self, about: About) -> Stored:
        """Puts the parts together, once they are all there. May be called again at any time, and by several at once:
        what is there already is told.

        Raises:
            ConflictError: not all of it has come.
            OptionError: the whole has another digest than announced; the upload is forgotten.
        """
        stored = self.whole(about) or self._put_together(about)
        for part in self._parts(about):
            self._storage.delete(part.key)
        return stored

    def whole(self, about: About) -> Stored | None:
        """The upload's size and digest if all of it is in its place; None: not yet."""
        try:
            return Stored(**json.loads(b"".join(self._storage.read(f"{about.folder}/done"))))
        except NotFoundError:
            return None

    def drop(self, about: About) -> None:
        """Forgets an upload, with all that came of it, also when it was whole."""
        self._storage.delete_prefix(about.folder)
        self._storage.delete(about.key)

    def sweep(self, now_seconds: float, prefix: str = "") -> int:
        """Forgets uploads whose time is over and that never became whole, and parts that came to none any more.
        Returns how many uploads."""
        stats = list(self._storage.stats(prefix))
        known = {stat.key for stat in stats if stat.key.endswith(_ABOUT)}
        for stat in stats:
            is_orphan = _PART.fullmatch(stat.key) and stat.key.rpartition("/")[0] + "/about" not in known
            if is_orphan and stat.modified_seconds < now_seconds - _ORPHAN_SECONDS:
                self._storage.delete(stat.key)
        return sum(self._swept(key, now_seconds) for key in sorted(known))

    def _swept(self, about_key: str, now_seconds: float) -> bool:
        try:
            about = self._read_about(about_key)
        except NotFoundError:  # dropped meanwhile
            return False
        if now_seconds <= about.expires_seconds or self.whole(about):
            return False
        self.drop(about)
        return True

    def _put_together(self, about: About) -> Stored:
        parts = self._parts(about)
        if (num_bytes := _end(parts)) != about.num_bytes:
            raise ConflictError(f"{num_bytes} of {about.num_bytes} bytes have come", hint="send the rest")
        try:
            stored = self._storage.put(about.key, self._bytes(parts), self.max_bytes, about.sha256)
        except OptionError:
            self.drop(about)
            raise
        except NotFoundError:  # somebody else put them together and took them away
            if (stored := self.whole(about)) is None:
                raise
            return stored
        self._storage.put(f"{about.folder}/done", [json.dumps(asdict(stored)).encode()])
        return stored

    def _parts(self, about: About) -> list[Stat]:
        """In order; each begins where the one before it ends."""
        return sorted((stat for stat in self._storage.stats(about.folder) if _PART.fullmatch(stat.key)), key=_start)

    def _bytes(self, parts: Iterable[Stat]) -> Iterator[bytes]:
        for part in parts:
            yield from self._storage.opened(part)

    def _read_about(self, about_key: str) -> About:
        return About(**json.loads(b"".join(self._storage.read(about_key))))


def _start(part: Stat) -> int:
    return int(part.key.rpartition("-")[2])


def _end(parts: list[Stat]) -> int:
    return _start(parts[-1]) + parts[-1].num_bytes if parts else 0
