"""Requests that make something and may be sent again: under an Idempotency-Key, what they make is made once.

    begin ── take the key ── make ── keep what it takes to answer ── commit
                  └ taken ── the first one's end is waited for ── its answer again

The key's row is written in the transaction of what is made, before it: neither is ever there alone, and of several
requests at once one makes something. What is kept is no answer but what an answer is made of anew, such as ids, and
never a secret. A request that is refused leaves its key free.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header
from sqlalchemy import Column, Connection, Engine, Float, String, Table, Text, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from blanklogo.errors import ConflictError
from blanklogo.service.database import metadata, reading, writing

KEPT_SECONDS = 2 * 86400.0  # for which a request may be sent again; to the very moment, whenever rows are removed

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="A name for this request: sent again under it, it makes nothing new. Kept for two days.",
    ),
]

answers = Table(
    "answers",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("answer", Text, nullable=False),  # JSON; empty only inside the transaction that makes what it tells
    Column("created_seconds", Float, nullable=False, index=True),
)


@dataclass(frozen=True)
class Repeatable:
    """A request that may be sent again.

    Attributes:
        key: what its owner named it.
        fingerprint: a digest of what was asked, so that another request by the same name is told from the same one.
    """

    owner: str
    key: str
    fingerprint: str


@dataclass(frozen=True)
class Outcome:
    """What a request made.

    Attributes:
        made: what its answer is made of.
        is_repeated: whether it was there before.
    """

    made: Mapping[str, Any]
    is_repeated: bool = False


def repeatable(owner: str, key: str | None, *asked: Any) -> Repeatable | None:
    """The request by its name; None: it has none, and each time it comes it is another.

    Args:
        asked: all that makes the request what it is, its kind first.
    """
    if key is None:
        return None
    return Repeatable(owner, key, hashlib.sha256(repr(asked).encode()).hexdigest())


class Repeats:
    """Args: clock: UTC, seconds since 1970."""

    def __init__(self, database: Engine, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def once(self, request: Repeatable | None, make: Callable[[Connection], Mapping[str, Any]]) -> Outcome:
        """What `make` made, or what the same request made before.

        Args:
            request: None: it has no name.
            make: writes within a transaction, and gives back, fit for JSON, what an answer is made of.

        Raises:
            ConflictError: another request has that name.
        """
        while True:
            try:
                return Outcome(self._made_now(request, make))
            except _TakenError as taken:
                if (before := self.before(taken.request)) is not None:
                    return before

    def before(self, request: Repeatable | None) -> Outcome | None:
        """What the same request made before; None: nothing, it is new. Raises ConflictError: as `once`."""
        if request is None:
            return None
        live = answers.c.created_seconds > self._clock() - KEPT_SECONDS
        query = select(answers.c.fingerprint, answers.c.answer).where(*_of(request), live)
        with reading(self._database) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.fingerprint != request.fingerprint:
            raise ConflictError(
                "an Idempotency-Key that was used for another request", hint="a new key for a new request"
            )
        return Outcome(json.loads(row.answer), is_repeated=True)

    def forget(self) -> None:
        """Removes the rows of keys that have had their time."""
        with writing(self._database) as connection:
            connection.execute(delete(answers).where(_dead(self._clock())))

    def _made_now(
        self, request: Repeatable | None, make: Callable[[Connection], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        with writing(self._database) as connection:
            if request is None:
                return make(connection)
            _take(connection, request, self._clock())
            made = make(connection)
            connection.execute(update(answers).where(*_of(request)).values(answer=json.dumps(made)))
            return made


class _TakenError(Exception):
    """The name is somebody's: the same request's, most likely."""

    def __init__(self, request: Repeatable) -> None:
        super().__init__(request.key)
        self.request = request


def _take(connection: Connection, request: Repeatable, now: float) -> None:
    """The key, for this transaction; where another has it and is not over yet, its end is waited for."""
    connection.execute(delete(answers).where(*_of(request), _dead(now)))
    row = {"owner": request.owner, "key": request.key, "fingerprint": request.fingerprint}
    try:
        connection.execute(insert(answers).values(**row, answer="", created_seconds=now))
    except IntegrityError:
        raise _TakenError(request) from None


def _of(request: Repeatable) -> tuple[Any, ...]:
    return answers.c.owner == request.owner, answers.c.key == request.key


def _dead(now: float) -> Any:
    return answers.c.created_seconds <= now - KEPT_SECONDS
