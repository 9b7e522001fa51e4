"""One process for a SQLite database: what is in it, and beside it, is then this process's alone.

Several would be slow at it, since one writes at a time, and could not tell a dead one from one that is slow: that takes
a server. The lock is the operating system's, so that a kill lets go of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from blanklogo.errors import UnavailableError, WriteError
from blanklogo.models.lock import held


def is_for_one(database_url: str) -> bool:
    """Whether only one process may use it at a time."""
    return make_url(database_url).get_backend_name() == "sqlite"


@contextmanager
def alone(database_url: str) -> Iterator[None]:
    """For the length of the block no other process serves a SQLite database; PostgreSQL is for any number.

    Raises:
        UnavailableError: another process serves it.
        WriteError: the disk refused.
    """
    if not is_for_one(database_url):
        yield
        return
    path = Path(str(make_url(database_url).database)).absolute()

    def refuse() -> None:
        raise UnavailableError(
            f"another process serves {path}",
            accepted="one process for a SQLite database",
            hint="PostgreSQL for several (BLANKLOGO_SERVICE_DATABASE), or another --data",
        )

    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            stack.enter_context(held(path.with_name(f"{path.name}.lock"), refuse))
        except OSError as error:
            raise WriteError(f"{path}.lock cannot be locked: {error.strerror}") from error
        yield
