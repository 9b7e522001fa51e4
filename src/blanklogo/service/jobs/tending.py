"""What must be done from time to time: runs that were forgotten are taken up, and files that have had their time go."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import delete, select

from blanklogo.errors import BlankLogoError, ProcessingError
from blanklogo.service.database import reading, writing
from blanklogo.service.jobs.crew import Crew
from blanklogo.service.jobs.durable import Runs
from blanklogo.service.jobs.fetching import Fetcher
from blanklogo.service.jobs.job import StoredJob
from blanklogo.service.jobs.states import State
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.jobs.table import uploads
from blanklogo.service.readiness import forget_trials
from blanklogo.service.repeats import Repeats
from blanklogo.service.storage import Storage

_QUIET_SECONDS = 30.0  # a job of which so long nothing was heard is looked after
_SWEEP_SECONDS = 3600.0  # between two looks for what killed processes left half-written

log = logging.getLogger(__name__)


class Tending:
    """Several processes may tend the same jobs: each thing done comes to the same when it is done twice.

    Args:
        crew: who there is; what others left on this machine's disk goes.
        every_seconds: between two rounds.
    """

    def __init__(
        self, store: JobStore, storage: Storage, runs: Runs, fetcher: Fetcher, crew: Crew, every_seconds: float = 30.0
    ) -> None:
        self._store = store
        self._repeats = Repeats(store.database, store.clock)
        self._storage = storage
        self._runs = runs
        self._fetcher = fetcher
        self._crew = crew
        self._every_seconds = every_seconds
        self._swept_seconds = 0.0
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._rounds, name="tending", daemon=True)

    def start(self) -> None:
        """From now on, beginning with a round at once."""
        self._thread.start()

    def close(self) -> None:
        """Returns when the round under way is over."""
        self._leaving.set()
        if self._thread.ident is not None:
            self._thread.join()

    def once(self, quiet_seconds: float = _QUIET_SECONDS) -> None:
        """One round."""
        now = self._store.clock()
        unfinished = self._store.unfinished(now - quiet_seconds)
        known = self._runs.known(job.run for job in unfinished)
        for job in unfinished:
            self._look_after(job, known.get(str(job.run)))
        for job in self._store.expiring(now):
            self._expire(job)
        self._forget_uploads(now)
        self._repeats.forget()
        self._fetcher.tidy(self._crew.names)
        if now >= self._swept_seconds + _SWEEP_SECONDS:
            self._storage.sweep()
            forget_trials(self._storage, now)
            self._swept_seconds = now

    def _rounds(self) -> None:
        quiet_seconds = 0.0  # the process before was killed, perhaps between a job's row and its run
        while not self._leaving.is_set():
            try:
                self.once(quiet_seconds)
            except BlankLogoError as error:  # the database or the storage is away: the next round may find it
                log.warning("tending the jobs: %s", error)
            except Exception:
                log.exception("tending the jobs failed in a way that is not foreseen")
            quiet_seconds = _QUIET_SECONDS
            self._leaving.wait(self._every_seconds)

    def _look_after(self, job: StoredJob, is_over: bool | None) -> None:
        """A job whose row came to be, but not its run (None), gets it. One whose run is over without a word failed."""
        if is_over is None:
            self._runs.put(job.run, job.owner)
        elif is_over:
            error = ProcessingError("the job's work ended without a word", hint="try the job again")
            if self._store.end(job.run, State.FAILED, error=error.as_dict()):
                log.error("the run %s ended without a word", job.run)

    def _expire(self, job: StoredJob) -> None:
        self._storage.delete_prefix(f"{job.owner}/{job.id}/")
        if job.upload_id is not None:
            self._storage.delete_prefix(f"{job.owner}/{job.upload_id}/")
        self._store.expired(job)
        self._runs.forget(job.run)

    def _forget_uploads(self, now_seconds: float) -> None:
        """Uploads that no job took."""
        old = (uploads.c.job_id.is_(None), uploads.c.expires_seconds <= now_seconds)
        with reading(self._store.database) as connection:
            found = connection.execute(select(uploads.c.id, uploads.c.owner).where(*old).limit(100)).all()
        for upload_id, owner in found:
            with writing(self._store.database) as connection:
                gone = connection.execute(delete(uploads).where(uploads.c.id == upload_id, *old)).rowcount
            if gone:
                self._storage.delete_prefix(f"{owner}/{upload_id}/")
