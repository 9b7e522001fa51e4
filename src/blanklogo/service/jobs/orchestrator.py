"""One process that does runs, among others that do: it says that it lives, and takes up what dead ones left."""

from __future__ import annotations

import logging
import threading
import time

from blanklogo.errors import BlankLogoError
from blanklogo.service.jobs.crew import Crew
from blanklogo.service.jobs.durable import Durable
from blanklogo.service.jobs.tending import Tending

_ENDING_SECONDS = 20.0  # for steps that are given up to end, their workers' grace included

log = logging.getLogger(__name__)


class Orchestrator:
    """Everything that does runs in this process.

    Args:
        name: of its own, new with every start.
        leaving: set while steps under way are to be given up, to be begun again by whoever takes the run up next.
        is_alone: whether no other process can have this database, so that whoever is in the crew has died.
    """

    def __init__(
        self, name: str, crew: Crew, durable: Durable, tending: Tending, leaving: threading.Event, *, is_alone: bool
    ) -> None:
        self.name = name
        self._crew = crew
        self._durable = durable
        self.tending = tending
        self._leaving = leaving
        self._is_alone = is_alone
        self._heard_seconds = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._rounds, name="orchestrator", daemon=True)

    def start(self) -> None:
        """Takes up what was left, and what comes. Raises UnavailableError: the database is away."""
        self._crew.enter(self.name)
        if self._is_alone:
            self._crew.strike_off(all_but=self.name)
        self._durable.start()
        self._heard_seconds = time.monotonic()
        self._thread.start()
        self.tending.start()
        log.info("orchestrator %s takes up jobs", self.name)

    def once(self) -> None:
        """One round: it lives, who does not is struck off, and their runs are queued again."""
        is_known = self._crew.beat(self.name)
        if not is_known or self._leaving.is_set():
            self._begin_again(is_known=is_known)
        self._heard_seconds = time.monotonic()
        for name in self._crew.strike_off():
            log.warning("orchestrator %s was not heard of for %g s", name, self._crew.lease_seconds)
        for run_id in self._durable.take_up(self._crew.names):
            log.warning("the run %s is queued again: who had it is gone", run_id)

    def close(self) -> None:
        """Gives up what is under way; nothing is left running, and others go on with it without waiting for a lease."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._leaving.set()
        self.tending.close()
        self._durable.close()
        if not self._durable.wait_idle(_ENDING_SECONDS):
            log.warning("a step did not end within %g s", _ENDING_SECONDS)
        try:
            self._crew.leave(self.name)
        except BlankLogoError as error:
            log.warning("orchestrator %s could not sign off: %s", self.name, error)

    def _rounds(self) -> None:
        while not self._ended.is_set():
            try:
                self.once()
            except BlankLogoError as error:
                log.warning("orchestrator %s: %s", self.name, error)
                self._doubt()
            except Exception:
                log.exception("orchestrator %s: a round failed in a way that is not foreseen", self.name)
                self._doubt()
            self._ended.wait(self._crew.beat_seconds)

    def _doubt(self) -> None:
        """Who could not be heard for the length of a lease must believe that others have its runs by now."""
        if time.monotonic() - self._heard_seconds > self._crew.lease_seconds and not self._leaving.is_set():
            log.error("orchestrator %s could not make itself heard; it gives up what it does", self.name)
            self._leaving.set()

    def _begin_again(self, *, is_known: bool) -> None:
        """After a sleep, or a time without the database. What it had is queued again, unless others have it already."""
        log.error("orchestrator %s was out of reach; it gives up what it does and begins again", self.name)
        self._leaving.set()
        self._durable.wait_idle(_ENDING_SECONDS)
        if not is_known:
            self._crew.enter(self.name)
        self._durable.put_back_all()
        self._leaving.clear()
