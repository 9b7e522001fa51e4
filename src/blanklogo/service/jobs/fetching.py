"""A video from the URL that an owner named: over the guard, as bytes alone. Nothing here looks into it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from blanklogo.errors import SourceError, TransferError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.net.http import may_pass
from blanklogo.net.pieces import Cancelled
from blanklogo.transfer import web
from blanklogo.transfer.guard.policy import Policy


@dataclass(frozen=True)
class Fetcher:
    """Fetches into a folder of its own.

    Attributes:
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
        path = self.folder / f"{secrets.token_hex(8)}.part"
        try:
            with foreign_errors(Stage.WRITE, path), _lasting_told_apart():
                self.folder.mkdir(parents=True, exist_ok=True)
                web.download(url, path, cancelled, self.policy, max_bytes)
            yield path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def tidy(self, older_than_seconds: float) -> None:
        """Removes what a process that was killed left behind."""
        with suppress(OSError):
            for path in self.folder.glob("*.part"):
                if time.time() - path.stat().st_mtime > older_than_seconds:
                    path.unlink(missing_ok=True)


@contextmanager
def _lasting_told_apart() -> Iterator[None]:
    try:
        yield
    except TransferError as error:
        if may_pass(error.__cause__):
            raise
        raise SourceError(error.came, accepted=error.accepted, hint=error.hint) from error
