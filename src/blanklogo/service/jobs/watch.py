"""Whether a run is to stop: its owner asked, its time is over, or this process is leaving."""

from __future__ import annotations

import threading
import time

from blanklogo.errors import BlankLogoError, BudgetError, CancelledError
from blanklogo.service.jobs.durable import Leaving
from blanklogo.service.jobs.job import Run, StoredJob
from blanklogo.service.jobs.store import JobStore

ASK_SECONDS = 0.25  # how often the database is asked: a cancel is to reach the engine within a second


class Watch:
    """Asked by work between its pieces, from one thread.

    Args:
        limit_seconds: for the whole run, pauses between attempts included.
        leaving: set when this process is about to end.
    """

    def __init__(self, store: JobStore, job: StoredJob, limit_seconds: float, leaving: threading.Event) -> None:
        self._store = store
        self._run: Run = job.run
        self._limit_seconds = limit_seconds
        self._end_seconds = (job.started_seconds or store.clock()) + limit_seconds
        self._leaving = leaving
        self._asked_at_seconds = -ASK_SECONDS
        self._is_asked = False

    def __call__(self) -> bool:
        if self._leaving.is_set():
            return True
        now = time.monotonic()
        if now - self._asked_at_seconds >= ASK_SECONDS:
            self._is_asked = self._store.is_cancel_asked(self._run)
            self._asked_at_seconds = time.monotonic()
        return self._is_asked or self.is_over

    @property
    def is_over(self) -> bool:
        """Whether the run's time is."""
        return self._store.clock() >= self._end_seconds

    def blamed(self, error: BlankLogoError) -> BlankLogoError:
        """The error that a step ended with, by its true reason. Raises Leaving when it was this process's end."""
        if self._leaving.is_set():
            raise Leaving from error
        if isinstance(error, CancelledError) and not self._is_asked and self.is_over:
            return BudgetError(f"the job took longer than {self._limit_seconds:g} s", hint="a shorter video")
        return error

    def wait(self, seconds: float) -> bool:
        """Sleeps; false as soon as the run is to stop. Raises Leaving."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self():
                break
            self._leaving.wait(min(ASK_SECONDS, max(end - time.monotonic(), 0)))
        if self._leaving.is_set():
            raise Leaving
        return not self()
