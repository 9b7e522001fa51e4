"""What passes through on its way into the storage: counted, digested, held to its limit."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager

from blanklogo.errors import OptionError, TooLargeError

_LOOK_EVERY_BYTES = 32 << 20  # how much may come until it is looked again whether there is room


class Meter:
    """One object on its way.

    Args:
        max_bytes: how large it may be.
        room: asked now and then whether there is room for more; raises when not.
        sha256: what its digest must be, in hexadecimal; None: anything.

    Attributes:
        num_bytes: that have passed.
        broken_by: what was raised by where they come from.
    """

    def __init__(self, max_bytes: int, room: Callable[[], None], sha256: str | None = None) -> None:
        self.num_bytes = 0
        self.broken_by: BaseException | None = None
        self._max_bytes = max_bytes
        self._room = room
        self._wanted = sha256
        self._digest = hashlib.sha256()
        self._looked_at_bytes = 0
        room()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def metered(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks; the last is followed by a look at the digest, so that a wrong object is never seen whole.

        Raises:
            TooLargeError: more than allowed.
            OptionError: the digest is another.
        """
        with self._source():
            for chunk in chunks:
                yield self._taken(chunk)
        self._close()

    async def metered_async(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """As `metered`."""
        with self._source():
            async for chunk in chunks:
                yield self._taken(chunk)
        self._close()

    @contextmanager
    def _source(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self.broken_by = error
            raise

    def _taken(self, chunk: bytes) -> bytes:
        self.num_bytes += len(chunk)
        if self.num_bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        if self.num_bytes - self._looked_at_bytes >= _LOOK_EVERY_BYTES:
            self._room()
            self._looked_at_bytes = self.num_bytes
        self._digest.update(chunk)
        return chunk

    def _close(self) -> None:
        if self._wanted is not None and not hmac.compare_digest(self._wanted, self.sha256):
            raise OptionError("content with another SHA-256 than announced", hint="send it again")


def too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError("more bytes than allowed here", accepted=f"up to {max_bytes / 1e6:g} MB")
