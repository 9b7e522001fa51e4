"""Work that goes on after its process was killed: the one border to DBOS.

A run is a workflow: what each of its steps came to is written down, and whoever takes it up after its process was
killed goes through it anew, with what is written instead of the steps that were done. Steps may be begun twice, so they
are written to come to the same; they are never done twice once they were done.

Runs wait in one queue, with a part of it for each owner and a bound on each part, so that one owner's hundred jobs
leave room for another's one. Any number of processes may take from it, each under a name of its own: the database gives
a run to one of them, and takes what a step came to from that one alone.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dbos import DBOS, DBOSClient, EnqueueOptions, Serializer
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from blanklogo.errors import BlankLogoError, UnavailableError
from blanklogo.service.database import hold_little, open_database
from blanklogo.service.jobs.job import Run

Step = Callable[[str, Callable[[], Any]], Any]
"""(name, what to do) → what it came to, JSON-like: done now, or read if it was done before."""

Conduct = Callable[[Run, Step], None]

_APPLICATION = "blanklogo"
_QUEUE = "jobs"
_WORKFLOW = "job"
# Of the steps' order and names, not of the package: runs begun by one version go on under the next that has the same.
_SHAPE = "1"
_OVER = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_UNDER_WAY = "PENDING"
_BUSY_SECONDS = 30.0  # how long one of SQLite's writers waits for another

log = logging.getLogger(__name__)


class Leaving(BaseException):  # not an Exception: those are written down as what a step came to
    """Raised out of a step that is not done, by a process that is about to end say: the run goes on there later."""


@dataclass(frozen=True)
class Width:
    """How many runs are under way at once.

    Attributes:
        num_at_once: in one process.
        num_of_owner: of one owner, in all processes.
    """

    num_at_once: int = 8
    num_of_owner: int = 4


class Runs:
    """What every process may do with runs, also one that does none itself: queue them, look at them, forget them.

    Args:
        database_url: where what was done is written: its own SQLite file, or a PostgreSQL database, where it keeps to
            a schema of its own.

    Attributes:
        engine: to that database, shared by all in this process; None: DBOS makes its own, as it does for PostgreSQL.

    Every method raises UnavailableError when that is away.
    """

    def __init__(self, database_url: str) -> None:
        logging.getLogger("dbos").setLevel(logging.WARNING)
        self.database_url = database_url
        self.engine = _sqlite(database_url) if database_url.startswith("sqlite") else None
        with _border():
            DBOS.migrate(database_url)
            self._client = DBOSClient(
                system_database_url=database_url,
                system_database_engine=self.engine,
                serializer=_Json(),
                application_name=_APPLICATION,
                retry_connection_errors=False,  # a request is better answered that the database is away than not at all
            )

    def put(self, run: Run, owner: str) -> None:
        """Queues a run; one that was queued before stays as it is."""
        options: EnqueueOptions = {
            "queue_name": _QUEUE,
            "workflow_name": _WORKFLOW,
            "workflow_id": str(run),
            "queue_partition_key": owner,
            "app_version": _SHAPE,
        }
        with _border():
            self._client.enqueue(options, run.job_id, run.number)

    def known(self, runs: Iterable[Run]) -> dict[str, bool]:
        """Those that were ever queued, and of each whether nothing more will be done for it, whatever it came to."""
        ids = [str(run) for run in runs]
        with _border():
            found = self._client.list_workflows(workflow_ids=ids, load_input=False, load_output=False) if ids else []
        return {one.workflow_id: one.status in _OVER for one in found}

    def forget(self, run: Run) -> None:
        """Removes what was written of a run that is over."""
        with _border():
            self._client.delete_workflow(str(run))

    def under_way(self) -> dict[str, str]:
        """Runs that somebody has taken up, and who."""
        with _border():
            found = self._client.list_workflows(
                status=_UNDER_WAY, queue_name=_QUEUE, load_input=False, load_output=False
            )
        return {one.workflow_id: one.executor_id or "" for one in found}

    def put_back(self, run_id: str, taker: str) -> bool:
        """Queues a run again if that one has it still; whether it had. Whatever that one still does for it counts no
        more. Of several who ask at once, one is told so."""
        with _border():
            return self._client._sys_db.reenqueue_for_recovery(run_id, [taker], _QUEUE)

    def close(self) -> None:
        self._client.destroy()
        if self.engine is not None:
            self.engine.dispose()


class Durable:
    """Does runs, by `conduct`. There is one of these in a process at a time, because there is one DBOS.

    Args:
        name: of this process, never used before.
        conduct: what a run is; see `course`.
        poll_seconds: how often the queue is looked at.
    """

    def __init__(
        self, runs: Runs, name: str, conduct: Conduct, width: Width | None = None, poll_seconds: float = 0.2
    ) -> None:
        self._runs = runs
        self._name = name
        self._width = width or Width()
        self._poll_seconds = poll_seconds
        self._under_way: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._astray: set[str] = set()
        DBOS(
            config={
                "name": _APPLICATION,
                "system_database_url": runs.database_url,
                "system_database_engine": runs.engine,
                "application_version": _SHAPE,
                "executor_id": name,
                "serializer": _Json(),
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": poll_seconds,
            }
        )

        @DBOS.workflow(name=_WORKFLOW)
        def workflow(job_id: str, number: int) -> None:
            run = Run(job_id, number)
            with self._counted(str(run)):
                conduct(run, _step)

    def start(self) -> None:
        """Takes up what waits, from now on."""
        DBOS.launch()
        width = self._width
        DBOS.register_queue(
            _QUEUE,
            worker_concurrency=max(width.num_at_once, width.num_of_owner),
            partition_concurrency=width.num_of_owner,
            polling_interval_sec=self._poll_seconds,
            on_conflict="always_update",
        )

    def take_up(self, names: Callable[[], Collection[str]]) -> list[str]:
        """Queues again what nobody works on: runs of processes that are not among these, and runs of this one that it
        has lost sight of, by a fault between its taking them up and beginning. Returns which.

        Args:
            names: of the processes that there are; asked after the runs were looked at, since who enters does so before
                it takes any.
        """
        under_way = self._runs.under_way()
        known = names()
        astray = {run_id for run_id, taker in under_way.items() if taker == self._name} - self._at_work()
        left = {run_id for run_id, taker in under_way.items() if taker not in known} | (astray & self._astray)
        self._astray = astray - left  # one that was only just taken up may be about to begin
        return [run_id for run_id in sorted(left) if self._runs.put_back(run_id, under_way[run_id])]

    def put_back_all(self) -> None:
        """Queues again whatever this process has."""
        for run_id, taker in self._runs.under_way().items():
            if taker == self._name:
                self._runs.put_back(run_id, taker)

    def wait_idle(self, seconds: float) -> bool:
        """Until no run is at work here; false: some still are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, seconds)

    def close(self) -> None:
        """Takes nothing up any more. Steps under way are to be ended by their `Leaving`."""
        DBOS.destroy(destroy_registry=True)

    @contextmanager
    def _counted(self, run_id: str) -> Iterator[None]:
        with self._changed:
            self._under_way[run_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= Counter([run_id])  # which drops what comes to nothing
                self._changed.notify_all()

    def _at_work(self) -> set[str]:
        with self._changed:
            return set(self._under_way)


def _step(name: str, do: Callable[[], Any]) -> Any:
    """A step that cannot even say what it came to, because the database is away say, is not done: its run is left, and
    taken up again by the next round but one."""

    def done() -> Any:
        try:
            return do()
        except BlankLogoError as error:
            log.warning("step %r is to be begun again: %s", name, error)
            raise Leaving from error

    return DBOS.run_step({"name": name}, done)


def _sqlite(url: str) -> Engine:
    """As DBOS would open it, but that its connections are few and hold little."""
    open_database(url).dispose()  # WAL stays in the file; DBOS itself leaves the mode as it finds it
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection, _record) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA foreign_keys = ON")
        hold_little(connection)

    return engine


@contextmanager
def _border() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        words = " ".join(str(getattr(error, "orig", None) or error).split())
        raise UnavailableError(f"the runs' database let us down: {words}") from error


class _Json(Serializer):
    """JSON: what was written is read by later versions too, and reading it runs nothing."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=repr)

    def deserialize(self, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "blanklogo_json"
