"""What has come of a file so far, with a label beside it that outlives the process: of which file, of which version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from blanklogo.errors import ModelError
from blanklogo.models.files import each_piece
from blanklogo.models.weights import Weights
from blanklogo.net.http import FileSink
from blanklogo.net.pieces import Cancelled, named, stop_if
from blanklogo.types import Event, Progress

STAGE = "pull"


def label_path(path: Path) -> Path:
    """Where the label of a part lies."""
    return path.with_name(path.name + ".json")


class Part(FileSink):
    """A sink that sums up its bytes as they come, labels them, and tells how far it is.

    Args:
        file: the part, open for reading and writing.
        path: where it is.
    """

    version: str | None

    def __init__(self, file: BinaryIO, path: Path, weights: Weights, on_event: Callable[[Event], None]) -> None:
        # A date will do to name a version: were two versions sewn together, the checksum would tell.
        super().__init__(file, weights.url or "", weights.num_bytes, takes_dates=True)
        self._path = path
        self._weights = weights
        self._on_event = on_event
        self._digest = hashlib.sha256()

    def take_up(self, cancelled: Cancelled) -> None:
        """Takes over what an earlier process left, if the label says that it is of this very file.

        Raises:
            CancelledError: stopped while it was summed up.
        """

        def hear(piece: bytes) -> None:
            stop_if(cancelled)
            self._digest.update(piece)

        num_bytes, version = self._path.stat().st_size, self._labelled_version()
        if version is None or num_bytes > self.max_bytes:
            return
        each_piece(self._path, hear)
        self.num_bytes, self.version = num_bytes, version

    def start(self, num_bytes: int, version: str | None, total_bytes: int | None = None) -> None:
        if total_bytes not in (None, self.max_bytes):
            raise self._wrong(f"{total_bytes} bytes instead of {self.max_bytes}")
        super().start(num_bytes, version, total_bytes)
        if num_bytes == 0:
            self._digest = hashlib.sha256()
        # After the bytes of another version are gone, and before any of this one come.
        label = {"url": self.uri, "sha256": self._weights.sha256, "version": version}
        label_path(self._path).write_text(json.dumps(label), encoding="utf-8")

    def write(self, piece: bytes) -> None:
        if self.num_bytes + len(piece) > self.max_bytes:
            raise self._wrong(f"more than {self.max_bytes} bytes")
        super().write(piece)
        self._digest.update(piece)
        self._on_event(Progress(STAGE, self.num_bytes, self.max_bytes))

    def check(self) -> None:
        """Raises ModelError unless all has come and has the right checksum."""
        if self.num_bytes != self.max_bytes:
            raise self._wrong(f"{self.num_bytes} bytes instead of {self.max_bytes}")
        if self._digest.hexdigest() != self._weights.sha256:
            raise self._wrong(f"sha256 {self._digest.hexdigest()} instead of {self._weights.sha256}")

    def _labelled_version(self) -> str | None:
        try:
            label = json.loads(label_path(self._path).read_text(encoding="utf-8"))
            is_ours = (label["url"], label["sha256"]) == (self.uri, self._weights.sha256)
            return str(label["version"] or "") or None if is_ours else None
        except (OSError, ValueError, KeyError, TypeError):  # none, or one whose writer was killed over it
            return None

    def _wrong(self, what: str) -> ModelError:
        hint = f"blanklogo models pull {self._weights.name} once more; if that is so again, the file was replaced"
        return ModelError(f"{named(self.uri)} is not {self._weights.name}: {what}; nothing was kept", hint=hint)
