"""A video from the URL that an owner named: over the guard, as bytes alone. Nothing here looks into it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from blanklogo.errors import SourceError, TransferError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.net.http import may_pass
from blanklogo.net.pieces import Cancelled
from blanklogo.service.storage.local import RESERVE_BYTES, Folder
from blanklogo.transfer import web
from blanklogo.transfer.guard.policy import Policy


@dataclass(frozen=True)
class Fetcher:
    """Fetches into a folder of its own.

    Attributes:
        folder: this orchestrator's alone, by its name, beside those of others.
        policy: who may be reached.
    """

    folder: Path
    policy: Policy

    @contextmanager
    def fetched(self, url: str, max_bytes: int, cancelled: Cancelled) -> Iterator[Path]:
        """The file, until the block ends.

        Raises:
            OptionError: the policy does not let the URL through.
            SourceError: it is not there, not allowed, too large or too slow: the same would happen again.
            TransferError: the line broke, or the server had trouble.
            WriteError: the disk refused.
            CancelledError: stopped.
        """
        path, room = self.folder / f"{secrets.token_hex(8)}.part", Folder(self.folder, RESERVE_BYTES)

        def is_stopped() -> bool:
            room.check_room(0)  # between any two pieces: the disk may be the database's, too
            return cancelled()

        try:
            with foreign_errors(Stage.WRITE, path), _lasting_told_apart():
                self.folder.mkdir(parents=True, exist_ok=True)
                web.download(url, path, is_stopped, self.policy, max_bytes)
            yield path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def tidy(self, names: Callable[[], Collection[str]]) -> None:
        """Removes what dead orchestrators left on this machine.

        Args:
            names: of all that there are; asked after the folders were looked at.
        """
        try:
            found = [path for path in self.folder.parent.iterdir() if path != self.folder]
        except FileNotFoundError:  # nothing was ever fetched
            return
        known = names()
        for path in found:
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Removes the folder; nothing is fetched any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _lasting_told_apart() -> Iterator[None]:
    try:
        yield
    except TransferError as error:
        if may_pass(error.__cause__):
            raise
        raise SourceError(error.came, accepted=error.accepted, hint=error.hint) from error
