"""Deliveries as they go on: taken up by one process at a time, what came of each attempt, the log, and replays.

An attempt is written down before it is made. Whoever is killed in the middle of it leaves an attempt without an end,
and a lease; when that is over the delivery is taken up anew. Only failures that were seen count against it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from blanklogo.errors import ConflictError
from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.table import jobs
from blanklogo.service.webhooks.delivery import Attempt, Claim, Delivery, DeliveryState, Patience
from blanklogo.service.webhooks.sending import Answer, Verdict
from blanklogo.service.webhooks.table import attempts, deliveries, webhooks

_TIDY_SECONDS = 600.0
_NUM_TIDIED = 1000  # at a time: a transaction is to be short
_NUM_KEPT_ATTEMPTS = 20  # of one delivery, which may be replayed any number of times


class Ledger:
    """Args: clock: UTC, seconds since 1970."""

    def __init__(
        self, database: Engine, patience: Patience | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._patience = patience or Patience()
        self._clock = clock
        self._tidied_seconds = 0.0

    def claim(self, busy_owners: Collection[str] = ()) -> Claim | None:
        """The delivery that has been due for the longest, for this process alone; None: nothing is due.

        Args:
            busy_owners: whose are not to be taken up now.
        """
        while True:
            now = self._clock()
            with reading(self._database) as connection:
                found = connection.scalar(_next(now, busy_owners))
            if found is None:
                return None
            with writing(self._database) as connection:
                if claim := self._taken(connection, found, now):
                    return claim

    def finish(self, claim: Claim, answer: Answer) -> None:
        """What came of an attempt. Of one whose lease ran out meanwhile only the log's line is kept."""
        now = self._clock()
        with writing(self._database) as connection:
            connection.execute(
                update(attempts)
                .where(attempts.c.delivery_id == claim.id, attempts.c.number == claim.number)
                .values(
                    took_seconds=answer.took_seconds, status=answer.status, error=answer.error, excerpt=answer.excerpt
                )
            )
            if answer.verdict is Verdict.GONE:  # first of all, as `replay` does: two that lock in one order never block
                _note_stop(connection, claim.job_id, now)
            is_ours = (deliveries.c.id == claim.id, deliveries.c.num_attempts == claim.number, _waits)
            connection.execute(update(deliveries).where(*is_ours).values(self._values(claim, answer, now)))
            if answer.verdict is Verdict.GONE:
                _end_waiting(connection, claim.job_id, now)

    def replay(self, connection: Connection, job_id: str, delivery_id: str) -> bool:
        """Within `writing`: puts a delivery into the queue again that is over; false: there is no such one of this job.

        Raises ConflictError: it waits already.
        """
        now = self._clock()
        of_job = (deliveries.c.id == delivery_id, deliveries.c.job_id == job_id)
        values = {
            "state": DeliveryState.WAITING,
            "reason": None,
            "due_seconds": now,
            "ended_seconds": None,
            "num_failures": 0,
        }
        if connection.scalar(select(deliveries.c.id).where(*of_job)) is None:
            return False
        _note_stop(connection, job_id, None)
        again = update(deliveries).where(*of_job, ~_waits)
        done = connection.execute(again.values(**values, num_replays=deliveries.c.num_replays + 1))
        if not done.rowcount:
            raise ConflictError(f"{delivery_id} waits to be delivered already", accepted="one that is over")
        return True

    def page(
        self, job_id: str, states: Collection[DeliveryState] = (), offset: int = 0, limit: int = 20
    ) -> tuple[tuple[Delivery, ...], int]:
        """A job's deliveries in these states (none: all), the newest first, and how many there are on all pages."""
        conditions = [deliveries.c.job_id == job_id]
        if states:
            conditions.append(deliveries.c.state.in_(list(states)))
        query = select(deliveries, webhooks.c.url).join(webhooks).where(*conditions)
        with reading(self._database) as connection:
            rows = connection.execute(query.order_by(deliveries.c.version.desc()).offset(offset).limit(limit)).all()
            found = tuple(_delivery(row, _attempts(connection, row.id)) for row in rows)
            total = connection.scalar(select(func.count()).select_from(deliveries).where(*conditions))
        return found, total or 0

    def get(self, job_id: str, delivery_id: str) -> Delivery | None:
        """One of the job's."""
        of_job = (deliveries.c.id == delivery_id, deliveries.c.job_id == job_id)
        with reading(self._database) as connection:
            row = connection.execute(select(deliveries, webhooks.c.url).join(webhooks).where(*of_job)).first()
            return None if row is None else _delivery(row, _attempts(connection, row.id))

    def counts(self) -> dict[DeliveryState, int]:
        """How many deliveries there are in each state."""
        with reading(self._database) as connection:
            rows = connection.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state)).all()
        return dict.fromkeys(DeliveryState, 0) | {DeliveryState(state): number for state, number in rows}

    def forget(self, retention_seconds: float) -> None:
        """Removes, now and then, what ended so long ago; and the URLs of jobs of which nothing is left to tell."""
        now = self._clock()
        if now < self._tidied_seconds + _TIDY_SECONDS:
            return
        self._tidied_seconds = now
        old = select(deliveries.c.id).where(~_waits, deliveries.c.ended_seconds <= now - retention_seconds)
        gone = select(jobs.c.id).where(jobs.c.id == webhooks.c.job_id, jobs.c.is_expired)
        left = select(deliveries.c.id).where(deliveries.c.job_id == webhooks.c.job_id)
        with writing(self._database) as connection:
            for delivery_id in connection.scalars(old.limit(_NUM_TIDIED)).all():
                connection.execute(delete(attempts).where(attempts.c.delivery_id == delivery_id))
                connection.execute(delete(deliveries).where(deliveries.c.id == delivery_id, ~_waits))
            connection.execute(delete(webhooks).where(gone.exists(), ~left.exists()))

    def _taken(self, connection: Connection, delivery_id: str, now: float) -> Claim | None:
        taken = update(deliveries).where(deliveries.c.id == delivery_id, *_due(now))
        until = {"leased_until_seconds": now + self._patience.lease_seconds}
        if not connection.execute(taken.values(**until, num_attempts=deliveries.c.num_attempts + 1)).rowcount:
            return None
        columns = (deliveries.c[name] for name in ("id", "job_id", "owner", "event", "body", "num_failures"))
        query = select(*columns, webhooks.c.url, deliveries.c.num_attempts.label("number")).join(webhooks)
        claim = Claim(**connection.execute(query.where(deliveries.c.id == delivery_id)).one()._mapping)
        old = (attempts.c.delivery_id == claim.id, attempts.c.number <= claim.number - _NUM_KEPT_ATTEMPTS)
        connection.execute(delete(attempts).where(*old))
        connection.execute(insert(attempts).values(delivery_id=claim.id, number=claim.number, at_seconds=now))
        return claim

    def _values(self, claim: Claim, answer: Answer, now: float) -> dict[str, Any]:
        free: dict[str, Any] = {"leased_until_seconds": 0.0}
        if answer.verdict is Verdict.DELIVERED:
            return free | {"state": DeliveryState.DELIVERED, "ended_seconds": now}
        failed = free | {"num_failures": claim.num_failures + 1}
        pauses = self._patience.pauses_seconds
        if answer.verdict is Verdict.AGAIN and claim.num_failures < len(pauses):
            return failed | {"due_seconds": now + max(pauses[claim.num_failures], answer.wait_seconds)}
        return failed | {"state": DeliveryState.FAILED, "ended_seconds": now, "reason": _reason(claim, answer)}


_waits = deliveries.c.state == DeliveryState.WAITING


def _due(now: float) -> tuple[Any, ...]:
    return _waits, deliveries.c.due_seconds <= now, deliveries.c.leased_until_seconds <= now


def _next(now: float, busy_owners: Collection[str]) -> Any:
    """Which is to be taken up: of a job one at a time, so that as long as all goes well events come in their order."""
    other = deliveries.alias()
    is_under_way = (
        select(other.c.id)
        .where(
            other.c.job_id == deliveries.c.job_id,
            other.c.state == DeliveryState.WAITING,
            other.c.leased_until_seconds > now,
        )
        .exists()
    )
    is_free = deliveries.c.owner.not_in(list(busy_owners))
    order = (deliveries.c.due_seconds, deliveries.c.created_seconds, deliveries.c.version)
    return select(deliveries.c.id).where(*_due(now), is_free, ~is_under_way).order_by(*order).limit(1)


def _note_stop(connection: Connection, job_id: str, now: float | None) -> None:
    """The receiver wants no more of this job, and nothing new is written down; None: it does again."""
    connection.execute(update(webhooks).where(webhooks.c.job_id == job_id).values(stopped_seconds=now))


def _end_waiting(connection: Connection, job_id: str, now: float) -> None:
    ended = {
        "state": DeliveryState.FAILED,
        "ended_seconds": now,
        "reason": "the receiver answered another event with 410",
    }
    connection.execute(update(deliveries).where(deliveries.c.job_id == job_id, _waits).values(ended))


def _reason(claim: Claim, answer: Answer) -> str:
    if answer.verdict is Verdict.GONE:
        return "the receiver wants no more (410)"
    if answer.verdict is Verdict.AGAIN:
        return f"failed {claim.num_failures + 1} times"
    return "what came is not tried again" if answer.status is not None else "the receiver may not be reached"


def _attempts(connection: Connection, delivery_id: str) -> tuple[Attempt, ...]:
    query = select(attempts).where(attempts.c.delivery_id == delivery_id).order_by(attempts.c.number)
    return tuple(
        Attempt(row.number, row.at_seconds, row.took_seconds, row.status, row.error, row.excerpt)
        for row in connection.execute(query)
    )


def _delivery(row: Any, made: tuple[Attempt, ...]) -> Delivery:
    return Delivery(
        row.id,
        row.event,
        row.url,
        DeliveryState(row.state),
        row.reason,
        row.created_seconds,
        row.due_seconds,
        row.ended_seconds,
        row.num_attempts,
        row.num_replays,
        made,
    )
