"""Jobs in the database. Every change is one short statement that says from what it may start, so that it may be made
twice, by a process that was killed in between, or by two at once, and counts once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Engine, case, delete, func, insert, select, update

from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.job import Run, StoredJob
from blanklogo.service.jobs.states import BEFORE, QUEUED, State, Step
from blanklogo.service.jobs.table import jobs, results
from blanklogo.service.webhooks.message import EventName, event_of
from blanklogo.service.webhooks.outbox import announce

_JSON = ("request", "report", "error")


@dataclass(frozen=True)
class Page:
    """Some of an owner's jobs, the newest first.

    Attributes:
        num_total: that the filters let through, on all pages.
    """

    jobs: tuple[StoredJob, ...]
    num_total: int


class JobStore:
    """Args: clock: UTC, seconds since 1970."""

    def __init__(self, database: Engine, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def get(self, job_id: str) -> StoredJob | None:
        """Whoever's it is: for the service itself. What an owner asks for goes through `owned`."""
        with reading(self.database) as connection:
            return _first(connection, jobs.c.id == job_id)

    def owned(self, owner: str, job_id: str) -> StoredJob | None:
        """The owner's job; None for another's, as for one that does not exist."""
        with reading(self.database) as connection:
            return _first(connection, jobs.c.id == job_id, jobs.c.owner == owner)

    def all_owned(self, owner: str, job_ids: Sequence[str]) -> tuple[StoredJob, ...]:
        """The owner's jobs of these, in their order."""
        with reading(self.database) as connection:
            rows = connection.execute(select(jobs).where(jobs.c.id.in_(job_ids), jobs.c.owner == owner))
            found = {row.id: _job(row) for row in rows}
        return tuple(found[job_id] for job_id in job_ids if job_id in found)

    def page(
        self, owner: str, states: Sequence[State] = (), batch_id: str | None = None, offset: int = 0, limit: int = 20
    ) -> Page:
        """The owner's jobs in these states (none: all), and of this batch."""
        conditions = [jobs.c.owner == owner]
        if states:
            conditions.append(jobs.c.state.in_(list(states)))
        if batch_id is not None:
            conditions.append(jobs.c.batch_id == batch_id)
        order = (jobs.c.created_seconds.desc(), jobs.c.id.desc())
        with reading(self.database) as connection:
            rows = connection.execute(select(jobs).where(*conditions).order_by(*order).offset(offset).limit(limit))
            found = tuple(map(_job, rows))
            total = connection.scalar(select(func.count()).select_from(jobs).where(*conditions))
        return Page(found, total or 0)

    def counts(self) -> dict[State, int]:
        """How many jobs there are in each state."""
        with reading(self.database) as connection:
            rows = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        return dict.fromkeys(State, 0) | {State(state): number for state, number in rows}

    def unfinished(self, updated_before_seconds: float, limit: int = 1000) -> tuple[StoredJob, ...]:
        """Jobs that are not over and of which nothing was heard since then, the oldest first."""
        live = jobs.c.state.in_([State.QUEUED, State.PROCESSING])
        is_old = jobs.c.updated_seconds <= updated_before_seconds
        query = select(jobs).where(live, is_old).order_by(jobs.c.updated_seconds).limit(limit)
        with reading(self.database) as connection:
            return tuple(map(_job, connection.execute(query)))

    def begin(self, run: Run) -> StoredJob | None:
        """The job, now processing; also when it was already, by this same run. None: it is not to be worked on."""
        now = self.clock()
        with writing(self.database) as connection:
            if self._move(connection, run, State.PROCESSING, started_seconds=now):
                self._announce(connection, run.job_id, EventName.STARTED)
            job = _first(connection, *_of(run))
        return job if job is not None and job.state is State.PROCESSING else None

    def note(self, run: Run, **values: Any) -> bool:
        """Facts about a run that is being worked on; whether it still is."""
        with writing(self.database) as connection:
            done = connection.execute(
                update(jobs)
                .where(*_of(run), jobs.c.state == State.PROCESSING)
                .values(**_encoded(values), updated_seconds=self.clock(), version=jobs.c.version + 1)
            )
        return done.rowcount == 1

    def advance(self, run: Run, step: Step) -> bool:
        """How far a run is. Says less than before only at the cost of not being heard; whether it was."""
        with writing(self.database) as connection:
            done = connection.execute(
                update(jobs)
                .where(*_of(run), jobs.c.state == State.PROCESSING, jobs.c.percent < step.percent)
                .values(
                    percent=step.percent,
                    step=step.words,
                    updated_seconds=self.clock(),
                    version=jobs.c.version + 1,
                )
            )
            if done.rowcount:
                self._announce(connection, run.job_id, EventName.PROGRESS)
        return done.rowcount == 1

    def end(self, run: Run, state: State, **values: Any) -> bool:
        """A run's end; whether it ended now, and not before."""
        with writing(self.database) as connection:
            is_now = self._move(connection, run, state, completed_seconds=self.clock(), **values)
            if is_now:
                self._announce(connection, run.job_id, event_of(state))
        return is_now

    def ask_cancel(self, owner: str, job_id: str) -> StoredJob | None:
        """Cancels a job that waits, and asks one that is being worked on to stop; one that is over stays as it is."""
        now = self.clock()
        mine = (jobs.c.id == job_id, jobs.c.owner == owner)
        waits = jobs.c.state == State.QUEUED
        with writing(self.database) as connection:
            done = connection.execute(
                update(jobs)
                .where(*mine, jobs.c.state.in_([State.QUEUED, State.PROCESSING]))
                .values(
                    is_cancel_asked=True,
                    state=case((waits, State.CANCELLED), else_=jobs.c.state),
                    completed_seconds=case((waits, now), else_=jobs.c.completed_seconds),
                    updated_seconds=now,
                    version=jobs.c.version + 1,
                )
            )
            job = _first(connection, *mine)
            if done.rowcount and job is not None and job.state.is_over:
                self._announce(connection, job_id, event_of(job.state))
        return job

    def is_cancel_asked(self, run: Run) -> bool:
        """Whether this run is to stop: its owner asked, or it is no longer the job's run."""
        query = select(jobs.c.is_cancel_asked).where(*_of(run), jobs.c.state == State.PROCESSING)
        with reading(self.database) as connection:
            asked = connection.scalar(query)
        return asked is not False

    def retry(self, connection: Connection, owner: str, job_id: str, expires_seconds: float) -> StoredJob | None:
        """Within `writing`: the job, queued for another run; None: it is not the owner's, or its files are gone, or it
        did not fail and was not cancelled."""
        mine = (jobs.c.id == job_id, jobs.c.owner == owner, jobs.c.is_expired.is_(False))
        fresh: dict[str, Any] = {
            "run_number": jobs.c.run_number + 1,
            "num_attempts": 0,
            "percent": QUEUED.percent,
            "step": QUEUED.words,
            "is_cancel_asked": False,
            "error": None,
            "started_seconds": None,
            "completed_seconds": None,
            "expires_seconds": expires_seconds,
        }
        return _first(connection, *mine) if self._enter(connection, mine, State.QUEUED, **fresh) else None

    def expiring(self, now_seconds: float, limit: int = 100) -> tuple[StoredJob, ...]:
        """Jobs that are over and whose files have had their time."""
        over = jobs.c.state.in_([state for state in State if state.is_over])
        query = select(jobs).where(jobs.c.is_expired.is_(False), jobs.c.expires_seconds <= now_seconds, over)
        with reading(self.database) as connection:
            return tuple(map(_job, connection.execute(query.limit(limit))))

    def expired(self, job: StoredJob) -> None:
        """A job's files are gone."""
        gone = {"is_expired": True, "input_key": None, "output_key": None, "input_url": None}
        with writing(self.database) as connection:
            connection.execute(
                update(jobs)
                .where(*_of(job.run), jobs.c.is_expired.is_(False))
                .values(**gone, version=jobs.c.version + 1)
            )
            connection.execute(delete(results).where(results.c.job_id == job.id))

    def _announce(self, connection: Connection, job_id: str, name: EventName) -> None:
        """In the same transaction, so that no change is there without the word of it."""
        announce(connection, job_id, name, self.clock(), lambda: _first(connection, jobs.c.id == job_id))

    def _move(self, connection: Connection, run: Run, state: State, **values: Any) -> bool:
        return self._enter(connection, _of(run), state, **values)

    def _enter(self, connection: Connection, which: Sequence[Any], state: State, **values: Any) -> bool:
        done = connection.execute(
            update(jobs)
            .where(*which, jobs.c.state.in_(list(BEFORE[state])))
            .values(**_encoded(values), state=state, updated_seconds=self.clock(), version=jobs.c.version + 1)
        )
        return done.rowcount == 1


def insert_job(connection: Connection, job: StoredJob) -> None:
    """Within `writing`, so that a job and what comes with it appear together."""
    connection.execute(insert(jobs).values(_encoded({one.name: getattr(job, one.name) for one in fields(job)})))


def _of(run: Run) -> tuple[Any, ...]:
    return jobs.c.id == run.job_id, jobs.c.run_number == run.number


def _first(connection: Connection, *conditions: Any) -> StoredJob | None:
    row = connection.execute(select(jobs).where(*conditions)).first()
    return None if row is None else _job(row)


def _encoded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: json.dumps(value) if name in _JSON and value is not None else value for name, value in values.items()}


def _job(row: Any) -> StoredJob:
    values: dict[str, Any] = dict(row._mapping)
    values |= {name: json.loads(values[name]) for name in _JSON if values[name] is not None}
    values["state"] = State(values["state"])
    return StoredJob(**values)
