"""What the steps of a run do: bytes into the storage, a call on the engine, a look at what came of it."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blanklogo.engines.base import Engine
from blanklogo.engines.fleet import heard_out
from blanklogo.errors import (
    BlankLogoError,
    CancelledError,
    CrashError,
    NotFoundError,
    ProcessingError,
    TransferError,
    UnavailableError,
    VerificationError,
    WriteError,
)
from blanklogo.service.jobs.course import Outcome
from blanklogo.service.jobs.fetching import Fetcher
from blanklogo.service.jobs.job import DAYS, Run, StoredJob
from blanklogo.service.jobs.options import order_fields, suffix_of
from blanklogo.service.jobs.recall import Recall, completed_values, result_key
from blanklogo.service.jobs.states import DOWNLOADING, FINALIZING, STARTING, State, step_of
from blanklogo.service.jobs.store import JobStore
from blanklogo.service.jobs.watch import Watch
from blanklogo.service.storage import Storage, Stored
from blanklogo.service.storage.meter import too_large
from blanklogo.types import Event, MediaLimits, Order, Progress

_TELL_SECONDS = 0.5  # between two writes of how far a run is
_SIGNED_SPARE_SECONDS = 600  # for which a signed URL outlives the run that it is for
_ROUNDING_BYTES = 501  # a report says sizes in MB with three digits
_SCRATCH = re.compile(r"/[^\s:'\"]*/blanklogo-[^/\s]+/(?:in|out|marks)/")  # where a worker keeps what it works on
_MAY_PASS = (CrashError, TransferError, UnavailableError, WriteError)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a job may take.

    Attributes:
        max_input_bytes: of a video.
        max_output_bytes: of its result, which visually lossless settings may make larger than the input was.
        run_seconds: from a run's beginning to its end.
        pauses_seconds: before each further attempt, while what went wrong may pass.
        retention_seconds: for which a result is kept.
        media: of what a video holds; held by the worker that opens it.
    """

    max_input_bytes: int = 500_000_000
    max_output_bytes: int = 2_000_000_000
    run_seconds: float = 3600.0
    pauses_seconds: tuple[float, ...] = (5.0, 10.0, 20.0)
    retention_seconds: float = 7 * DAYS
    media: MediaLimits = field(default_factory=MediaLimits)


class Works:
    """The steps of `course`.

    Args:
        fetcher: brings a video from a URL.
        leaving: set when this process is about to end; what a step does then is begun again by the next.
    """

    def __init__(
        self,
        store: JobStore,
        storage: Storage,
        engine: Engine,
        fetcher: Fetcher,
        limits: Limits,
        leaving: threading.Event,
    ) -> None:
        self._store = store
        self._storage = storage
        self._engine = engine
        self._fetcher = fetcher
        self._limits = limits
        self._leaving = leaving
        self._recall = Recall(store, storage)

    @property
    def pauses_seconds(self) -> tuple[float, ...]:
        return self._limits.pauses_seconds

    def begin(self, run: Run) -> bool:
        if self._store.begin(run) is None:
            return False
        self._store.advance(run, STARTING)
        return True

    def fetch(self, run: Run, attempt: int) -> Outcome:
        def work(job: StoredJob, watch: Watch) -> None:
            self._store.note(run, num_attempts=attempt)
            if job.input_key is None:
                self._store.advance(run, DOWNLOADING)
                self._fetch_url(job, watch)
            elif job.input_bytes is None:
                self._look_at_upload(job)

        return self._outcome(run, work)

    def remove(self, run: Run) -> Outcome:
        def work(job: StoredJob, watch: Watch) -> Mapping[str, Any]:
            if recalled := self._recall.made(job):
                return recalled
            key = result_key(job)
            result = heard_out(self._engine, self._order(job, key), self._hearing(run), watch)
            return {"key": key, "report": result["report"]}

        return self._outcome(run, work)

    def verify(self, run: Run, made: Mapping[str, Any]) -> Outcome:
        def work(job: StoredJob, watch: Watch) -> Mapping[str, Any]:
            self._store.advance(run, FINALIZING)
            found = self._digest(made["key"], self._limits.max_output_bytes)
            said_bytes = made["report"]["output_size_mb"] * 1e6
            if abs(found.num_bytes - said_bytes) > _ROUNDING_BYTES:
                came = f"a result of {found.num_bytes} bytes where {said_bytes:.0f} were reported"
                raise VerificationError(came, hint="try again")
            return {**made, "num_bytes": found.num_bytes, "sha256": found.sha256}

        return self._outcome(run, work)

    def pause(self, run: Run, seconds: float) -> bool:
        job = self._store.get(run.job_id)
        return job is not None and self._watch(job).wait(seconds)

    def end(self, run: Run, outcome: Outcome) -> None:
        if "error" not in outcome:
            self._completed(run, outcome["value"])
        elif outcome["error"]["error"] == CancelledError.__name__:
            self._store.end(run, State.CANCELLED)
        else:
            self._store.end(run, State.FAILED, error=outcome["error"])

    def tidy(self, run: Run) -> None:
        job = self._store.get(run.job_id)
        if job is None or job.run != run or not job.state.is_over:
            return
        kept = {job.output_key, None if job.state is State.COMPLETED else job.input_key}
        for key in list(self._storage.listed(f"{job.owner}/{job.id}/")):
            if key not in kept:
                self._storage.delete(key)
        self._storage.sweep(0.0, f"{job.owner}/{job.id}/")  # nobody writes to a job that is over
        if job.state is State.COMPLETED and job.upload_id is not None:
            self._storage.delete_prefix(f"{job.owner}/{job.upload_id}/")

    def _completed(self, run: Run, made: Mapping[str, Any]) -> None:
        values = completed_values(made, self._store.clock() + self._limits.retention_seconds)
        self._store.end(run, State.COMPLETED, **values)
        job = self._store.get(run.job_id)
        if job is not None and job.run == run and job.state is State.COMPLETED:
            self._recall.remember(job)

    def _outcome(self, run: Run, work: Callable[[StoredJob, Watch], Any]) -> Outcome:
        """What work came to. Raises Leaving; nothing else, so that one job's trouble stays its own."""
        job = self._store.get(run.job_id)
        if job is None:
            return _failure(NotFoundError(f"{run.job_id} is gone"))
        watch = self._watch(job)
        try:
            if watch():
                raise CancelledError("stopped")
            return {"value": work(job, watch)}
        except BlankLogoError as error:
            return _failure(watch.blamed(error))
        except Exception as error:
            log.exception("a step of %s failed in a way that is not foreseen", run)
            return _failure(watch.blamed(ProcessingError(f"unexpected {type(error).__name__}", hint="report it")))

    def _watch(self, job: StoredJob) -> Watch:
        return Watch(self._store, job, self._limits.run_seconds, self._leaving)

    def _fetch_url(self, job: StoredJob, watch: Watch) -> None:
        assert job.input_url is not None  # a job has an upload or a URL
        key = f"{job.owner}/{job.id}/input{suffix_of(job.input_name)}"
        with self._fetcher.fetched(job.input_url, self._limits.max_input_bytes, watch) as path:
            stored = self._storage.put(key, _pieces(path), self._limits.max_input_bytes)
        self._store.note(job.run, input_key=key, input_bytes=stored.num_bytes, input_sha256=stored.sha256)

    def _look_at_upload(self, job: StoredJob) -> None:
        assert job.input_key is not None
        found = self._digest(job.input_key, self._limits.max_input_bytes)
        self._store.note(job.run, input_bytes=found.num_bytes, input_sha256=found.sha256)

    def _digest(self, key: str, max_bytes: int) -> Stored:
        """Of what somebody brought by a signed URL; an object store's own hold no limit."""
        if self._storage.stat(key).num_bytes > max_bytes:
            raise too_large(max_bytes)
        return self._storage.digest(key)

    def _order(self, job: StoredJob, key: str) -> Order:
        assert job.input_key is not None
        seconds = self._limits.run_seconds + _SIGNED_SPARE_SECONDS
        return Order(
            self._storage.sign_get(job.input_key, seconds),
            self._storage.sign_put(key, seconds, self._limits.max_output_bytes, is_result=True),
            name=f"video{suffix_of(job.input_name)}",
            limits=self._limits.media,
            **order_fields(job.request),
        )

    def _hearing(self, run: Run) -> Callable[[Event], None]:
        """Writes down how far the run is, now and then, and at once when another step begins."""
        told: list[tuple[float, str]] = [(0.0, "")]

        def hear(event: Event) -> None:
            if not isinstance(event, Progress):
                return
            step, now = step_of(event), time.monotonic()
            at_seconds, words = told[0]
            if step.words != words or now - at_seconds >= _TELL_SECONDS:
                told[0] = (now, step.words)
                self._store.advance(run, step)

        return hear


def may_pass(error: BlankLogoError) -> bool:
    """Whether the same work may do better later: a worker that died, a line that broke, a disk that was full. Not what
    the video or the options are to blame for, and not what took too long or too much memory."""
    return isinstance(error, _MAY_PASS)


def _failure(error: BlankLogoError) -> Outcome:
    told = type(error)(
        _without_folders(error.came) or "",
        accepted=_without_folders(error.accepted),
        hint=_without_folders(error.hint),
    )
    return {"error": told.as_dict(), "may_pass": may_pass(error)}


def _without_folders(text: str | None) -> str | None:
    """A worker's words, without its own folder's path, which an owner has no use for."""
    return text and _SCRATCH.sub("", text)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece
