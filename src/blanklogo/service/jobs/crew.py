"""Which orchestrators there are: each has a row, and says in it every few seconds that it lives.

One that is not heard of for the length of a lease is struck off by whoever notices first, and what it was doing is
done by others. It learns of that by its row being gone, if it was only asleep.
"""

from __future__ import annotations

import os
import socket
import time

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.table import orchestrators

_PER_LEASE = 5  # beats: a few may be late or lost


class Crew:
    """Args: lease_seconds: for how long an orchestrator is believed to live after it was last heard of."""

    def __init__(self, database: Engine, lease_seconds: float = 15.0) -> None:
        self._database = database
        self.lease_seconds = lease_seconds

    @property
    def beat_seconds(self) -> float:
        """How often an orchestrator is to say that it lives."""
        return self.lease_seconds / _PER_LEASE

    def enter(self, name: str) -> None:
        """From now on there is this orchestrator; to be said before it takes up any run."""
        place = f"{_machine()} {os.getpid()}"
        with writing(self._database) as connection:
            now = _now(connection)
            row = {"name": name, "place": place, "started_seconds": now, "seen_seconds": now}
            connection.execute(insert(orchestrators).values(row))

    def beat(self, name: str) -> bool:
        """It lives; whether others still believed so."""
        with writing(self._database) as connection:
            now = _now(connection)
            done = connection.execute(
                update(orchestrators).where(orchestrators.c.name == name).values(seen_seconds=now)
            )
        return done.rowcount == 1

    def leave(self, name: str) -> None:
        """There is none of this name any more, and it does nothing any more."""
        with writing(self._database) as connection:
            connection.execute(delete(orchestrators).where(orchestrators.c.name == name))

    def strike_off(self, *, all_but: str | None = None) -> list[str]:
        """Takes off those whose lease is over. Returns which; of several who ask at once, one is told of each.

        Args:
            all_but: everybody goes but that one, because it is known to be alone.
        """
        with reading(self._database) as connection:
            limit = _now(connection) - self.lease_seconds
            gone = orchestrators.c.seen_seconds < limit if all_but is None else orchestrators.c.name != all_but
            found = connection.execute(select(orchestrators.c.name, orchestrators.c.seen_seconds).where(gone)).all()
        return [name for name, seen_seconds in found if self._struck_off(name, seen_seconds)]

    def names(self) -> frozenset[str]:
        """Of all that were not struck off."""
        with reading(self._database) as connection:
            return frozenset(connection.scalars(select(orchestrators.c.name)))

    def num_living(self, *, is_here: bool = False) -> int:
        """Those that were heard of lately.

        Args:
            is_here: of this machine alone; inside a container that is the container.
        """
        with reading(self._database) as connection:
            fresh = orchestrators.c.seen_seconds >= _now(connection) - self.lease_seconds
            query = select(func.count()).select_from(orchestrators).where(fresh)
            if is_here:
                query = query.where(orchestrators.c.place.startswith(f"{_machine()} ", autoescape=True))
            return connection.scalar(query) or 0

    def _struck_off(self, name: str, seen_seconds: float) -> bool:
        """Unless it was heard of meanwhile."""
        as_it_was = (orchestrators.c.name == name, orchestrators.c.seen_seconds == seen_seconds)
        with writing(self._database) as connection:
            return connection.execute(delete(orchestrators).where(*as_it_was)).rowcount == 1


def _machine() -> str:
    return socket.gethostname()[:250]


def _now(connection: Connection) -> float:
    """The database's time, since machines' clocks differ. SQLite has this one's."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.scalar(select(func.extract("epoch", func.clock_timestamp()))) or 0)
