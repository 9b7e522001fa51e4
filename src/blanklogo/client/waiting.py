"""A job followed to its end: by server-sent events, and by looking now and then where those do not get through."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blanklogo.client.access import Access
from blanklogo.client.answers import error_of, is_transient, read
from blanklogo.client.asking import asked, spread
from blanklogo.client.effects import Answer, Close, Flow, LineError, Next, Open, Sleep, told
from blanklogo.client.events import EventReader, ServerEvent
from blanklogo.client.results import Job
from blanklogo.errors import NotFoundError, PendingError, UnavailableError

PING_SECONDS = 15.0  # the service's, of a stream in which nothing else is said
_SILENCE_SECONDS = 3 * PING_SECONDS  # then the line is taken for dead
_POLL_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # between looks, growing to the last; anew after each change
_OUTAGE_SECONDS = 120.0  # for which a service may be away: it goes on with its jobs when it comes back

Hear = Callable[[Job], Any]


@dataclass
class _Following:
    """What is known of a job while it is followed."""

    access: Access
    job_id: str
    hear: Hear | None
    end_seconds: float | None
    last: Job | None = None
    last_event_id: str = ""
    num_polls: int = 0
    has_events: bool = True  # until a stream ends without one

    @property
    def left_seconds(self) -> float:
        return float("inf") if self.end_seconds is None else self.end_seconds - time.monotonic()

    def heard(self, job: Job) -> Flow[None]:
        """Tells a change, once."""
        if job != self.last:
            self.last, self.num_polls = job, 0
            yield from told(self.hear, job)


def job_of(access: Access, job_id: str) -> Flow[Job]:
    """How a job is."""
    answer = yield from asked(access.request("GET", f"/api/v1/jobs/{job_id}"))
    return read(answer, Job.of_view)


def followed(access: Access, job_id: str, hear: Hear | None, timeout_seconds: float | None) -> Flow[Job]:
    """The job when it is over, however it ended.

    Raises:
        PendingError: it is not, and the time is.
        NotFoundError: there is no such job.
        UnavailableError: the service was away for too long.
    """
    end_seconds = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    following = _Following(access, job_id, hear, end_seconds)
    while True:
        if following.has_events:
            yield from _stream(following)
        if not (following.last and following.last.is_over):
            yield from _look(following)
        if following.last and following.last.is_over:
            return following.last
        wait = spread(_POLL_SECONDS[min(following.num_polls, len(_POLL_SECONDS) - 1)])
        following.num_polls += 1
        if following.left_seconds <= 0:
            raise PendingError(f"{job_id} is not over yet", hint="nothing is lost; wait for it again")
        yield Sleep(max(min(wait, following.left_seconds), 0))


def _stream(following: _Following) -> Flow[None]:
    """Hears events until the job is over, the stream ends, or the time does. Without an event, no stream is asked for
    again."""
    reader, following.has_events = EventReader(), False
    silence_seconds = max(min(_SILENCE_SECONDS, following.left_seconds), 0.01)
    more = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    if following.last_event_id:
        more["Last-Event-ID"] = following.last_event_id
    path = f"/api/v1/jobs/{following.job_id}/events"
    request = following.access.request("GET", path, read_seconds=silence_seconds)
    try:
        answer: Answer = yield Open(request.with_headers(**more))
        if not answer.is_good:
            if not is_transient(answer):
                raise error_of(answer)
            return
        while following.left_seconds > 0 and (piece := (yield Next())) is not None:
            for event in reader.feed(piece):
                yield from _noted(following, event)
            if following.last and following.last.is_over:
                break
        yield Close()
    except LineError:
        return


def _noted(following: _Following, event: ServerEvent) -> Flow[None]:
    if event.name not in ("progress", "completed", "failed", "cancelled"):  # a newer service's
        return
    job = read(Answer(200, {}, event.data.encode()), Job.of_view)
    following.has_events, following.last_event_id = True, event.id
    yield from following.heard(job)


def _look(following: _Following) -> Flow[None]:
    """Asks once, and again while the service is away, until that is too long."""
    away_since_seconds = time.monotonic()
    while True:
        try:
            job = yield from job_of(following.access, following.job_id)
        except NotFoundError:
            raise
        except UnavailableError:
            if time.monotonic() - away_since_seconds > min(_OUTAGE_SECONDS, following.left_seconds):
                raise
            continue  # `job_of` has paused
        yield from following.heard(job)
        return
