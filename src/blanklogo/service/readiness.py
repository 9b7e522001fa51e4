"""Whether what the service stands on does its work, really asked, and not more often than is good."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine as Database
from sqlalchemy import text

from blanklogo.engines.base import Engine
from blanklogo.errors import BlankLogoError, CallerError, PendingError, ProcessingError, UnavailableError
from blanklogo.service.database import reading
from blanklogo.service.storage import Storage
from blanklogo.types import Order

_WORKER_SECONDS = 60.0  # for a worker to load and answer
_GOOD_SECONDS = 600.0  # for which a worker's answer is believed: asking keeps it from leaving, which would cost
_BAD_SECONDS = 15.0
_FOLDER = "readiness"
_TRIAL_SECONDS = 600.0  # far more than a look at the storage takes

log = logging.getLogger(__name__)


@dataclass
class _Answer:
    is_good: bool = False
    until_seconds: float = 0.0


class Readiness:
    """Args: database, storage, engine: what is asked; no engine: this process does no jobs."""

    def __init__(self, database: Database, storage: Storage, engine: Engine | None) -> None:
        self._database = database
        self._storage = storage
        self._engine = engine
        self._engine_answer = _Answer()
        self._lock = threading.Lock()

    def look(self) -> dict[str, str]:
        """Each part: "ok" or "unavailable"; the log says why."""
        found = {
            "database": _asked("the database", self._ask_database),
            "storage": _asked("the storage", self._ask_storage),
        }
        if (engine := self._engine) is not None:
            found["engine"] = _asked("the engine", lambda: self._ask_engine(engine))
        return found

    def _ask_database(self) -> None:
        with reading(self._database) as connection:
            connection.execute(text("SELECT 1"))

    def _ask_storage(self) -> None:
        """Brings a few bytes, reads them back, and removes them."""
        key, sent = f"{_FOLDER}/{secrets.token_hex(8)}", secrets.token_bytes(16)
        self._storage.put(key, iter([sent]), len(sent))
        try:
            if b"".join(self._storage.read(key)) != sent:
                raise UnavailableError("the storage gave other bytes than it took")
        finally:
            self._storage.delete(key)

    def _ask_engine(self, engine: Engine) -> None:
        """By one caller at a time: the others hear the last answer at once, as anyone may ask, and threads are few."""
        answer = self._engine_answer
        if time.monotonic() >= answer.until_seconds and self._lock.acquire(blocking=False):
            try:
                answer.is_good = _does_worker_answer(engine)
                answer.until_seconds = time.monotonic() + (_GOOD_SECONDS if answer.is_good else _BAD_SECONDS)
            finally:
                self._lock.release()
        if not answer.is_good:
            raise UnavailableError("no worker of the engine answered when it was last asked")


def forget_trials(storage: Storage, now_seconds: float) -> None:
    """Removes what a look at the storage left there when its process was killed in the middle."""
    for stat in list(storage.stats(f"{_FOLDER}/")):
        if stat.modified_seconds < now_seconds - _TRIAL_SECONDS:
            storage.delete(stat.key)


def _does_worker_answer(engine: Engine) -> bool:
    """A call that every loaded worker refuses: its video is none. One at work has proved itself already."""
    try:
        if engine.stats.num_busy:
            return True
        call = engine.submit(Order(b"no video"))
        try:
            call.result(_WORKER_SECONDS)
        except PendingError:
            call.cancel()
            raise
    except (CallerError, ProcessingError):
        return True
    except BlankLogoError as error:
        log.warning("the engine: %s", error)
        return False
    return True


def _asked(what: str, ask: Callable[[], None]) -> str:
    try:
        ask()
    except BlankLogoError as error:
        log.warning("%s is not ready: %s", what, error)
        return "unavailable"
    return "ok"
