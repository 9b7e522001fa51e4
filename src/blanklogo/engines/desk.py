"""Where calls wait and workers ask for the next one; the one place that says how many workers there are to be."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from enum import Enum, auto

from blanklogo.engines.base import EngineStats
from blanklogo.engines.call import LocalCall
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import BlankLogoError, CancelledError, LoadError, UnavailableError

_LOOK_SECONDS = 0.5  # how often an idle worker looks whether its process is still there
_MAX_DEATHS = 3  # of workers while they load, until those who wait are told


class _State(Enum):
    LOADING = auto()
    IDLE = auto()
    BUSY = auto()
    LEAVING = auto()
    SPENT = auto()  # leaving too, after its `max_calls`


class Closing(Enum):
    """Whether, and how, the desk is being closed."""

    NO = auto()
    PATIENT = auto()
    AT_ONCE = auto()


@dataclass(frozen=True)
class Badge:
    """A worker's name, and its place among `num_places` (which of the GPUs is its own)."""

    name: str
    place: int


class Desk:
    """Every method may be called from any thread.

    Args:
        spec: limits.
        num_places: workers at once.
        hire: starts a worker with this badge; returns at once. The worker's thread tells the desk what becomes of it
            by `loaded`, `died_loading` or `could_not_load`, and last of all and always by `left`.
    """

    def __init__(self, spec: EngineSpec, num_places: int, hire: Callable[[Badge], None]) -> None:
        self._spec = spec
        self._num_places = num_places
        self._hire = hire
        self._changed = threading.Condition(threading.RLock())
        self._queue: deque[LocalCall] = deque()
        self._workers: dict[Badge, _State] = {}
        self._num_started = 0
        self._num_renewed = 0
        self._num_deaths = 0  # of workers while they loaded, one after the other
        self._is_loading_vain = False  # the last one could not load: no other is started until somebody asks again
        self._refusal: UnavailableError | None = None
        self.closing = Closing.NO

    # For the engine

    def open(self) -> None:
        """Starts the workers that are kept even when there is no work."""
        with self._changed:
            self._staff()

    def put(self, call: LocalCall) -> None:
        """Queues a call. Raises UnavailableError when the desk takes no more."""
        with self._changed:
            if self._refusal is not None:
                raise copy(self._refusal)
            self._is_loading_vain = False
            self._queue.append(call)
            self._staff()
            self._changed.notify_all()

    def withdraw(self, call: LocalCall) -> None:
        """Ends a call that still waits; one that a worker has is left to its supervisor."""
        with self._changed:
            if call in self._queue:
                self._queue.remove(call)
                call.fail(CancelledError("stopped before it began"))

    def refuse(self, error: UnavailableError) -> None:
        """From now on, nothing is taken; what waits ends with this."""
        with self._changed:
            self._refusal = self._refusal or error
            self._end_queue(error)

    def close(self, *, is_patient: bool) -> None:
        """Ends what waits, and returns when the last worker has left."""
        with self._changed:
            self._refusal = UnavailableError("the engine is closed", hint="make another")
            if self.closing is not Closing.AT_ONCE:
                self.closing = Closing.PATIENT if is_patient else Closing.AT_ONCE
            self._end_queue(CancelledError("the engine was closed before it began"))
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._workers)

    @property
    def stats(self) -> EngineStats:
        with self._changed:
            ages = [time.monotonic() - call.queued_at_seconds for call in self._queue]
            return EngineStats(
                num_workers=len(self._workers),
                num_idle=self._count(_State.IDLE),
                num_queued=len(ages),
                oldest_queued_seconds=max(ages, default=0.0),
                num_started=self._num_started,
                num_renewed=self._num_renewed,
                num_busy=self._count(_State.BUSY),
            )

    # For a worker's supervisor

    def is_wanted(self) -> bool:
        """Whether one more worker would serve somebody: a call that waits, or the number that is to be kept."""
        with self._changed:
            has_work = bool(self._queue) or self._num_staying <= self._spec.min_workers
            return has_work and self.closing is Closing.NO

    def loaded(self, badge: Badge) -> None:
        with self._changed:
            self._workers[badge] = _State.IDLE
            self._num_deaths = 0

    def died_loading(self, badge: Badge, error: LoadError) -> None:
        """Something ended it (the system, when memory is short): that may pass, so it is tried a few times."""
        with self._changed:
            self._num_deaths += 1
            if self._num_deaths >= _MAX_DEATHS:
                self._num_deaths = 0
                self.could_not_load(badge, error)

    def could_not_load(self, badge: Badge, error: LoadError) -> None:
        """Tells all who wait, unless another worker can still serve them."""
        with self._changed:
            self._workers[badge] = _State.LEAVING
            self._is_loading_vain = True
            if not self._count(_State.IDLE) and not self._count(_State.BUSY):
                self._end_queue(error)

    def next_call(self, badge: Badge, is_alive: Callable[[], bool]) -> LocalCall | None:
        """Waits for a call; None when the worker is to leave: idle for the window, dead, or the desk closed."""
        idle_since = time.monotonic()
        with self._changed:
            self._workers[badge] = _State.IDLE
            while is_alive():
                if self._queue:
                    self._workers[badge] = _State.BUSY
                    return self._queue.popleft()
                left = idle_since + self._spec.scaledown_window_seconds - time.monotonic()
                if self._may_leave(is_window_over=left <= 0):
                    break
                self._changed.wait(min(left, _LOOK_SECONDS) if left > 0 else _LOOK_SECONDS)
            self._workers[badge] = _State.LEAVING
            return None

    def spent(self, badge: Badge) -> None:
        """The worker takes no more calls, well as it is: it has done as many as one may."""
        with self._changed:
            self._workers[badge] = _State.SPENT
            self._staff()

    def put_back(self, call: LocalCall) -> None:
        """A call whose worker died goes to the head of the queue; it ends when the desk takes no more."""
        with self._changed:
            if self._refusal is not None:
                call.fail(CancelledError("the engine was closed before it began"))
                return
            call.queued_at_seconds = time.monotonic()
            self._queue.appendleft(call)
            self._changed.notify_all()

    def look_at_queue(self) -> None:
        """Ends the calls that have waited too long. Supervisors ask for it while their workers load or work."""
        limit = self._spec.max_queue_seconds
        with self._changed:
            now = time.monotonic()
            for call in [call for call in self._queue if limit is not None and now - call.queued_at_seconds > limit]:
                self._queue.remove(call)
                age = now - call.queued_at_seconds
                hint = "later, another engine, or more workers"
                call.fail(UnavailableError(f"no worker was free for {age:.1f} s (limit {limit:g} s)", hint=hint))

    def left(self, badge: Badge) -> None:
        """The worker is gone, whatever became of it; another is started if it is needed."""
        with self._changed:
            self._num_renewed += self._workers.pop(badge, None) is _State.SPENT
            if self._queue and not self._workers:
                self._is_loading_vain = False  # whoever still waits counted on this one
            self._staff()
            self._changed.notify_all()

    # Inside, with the lock held

    def _staff(self) -> None:
        """Starts workers while fewer are there, or on their way, than calls and `min_workers` ask for."""
        while self.closing is Closing.NO and not self._is_loading_vain and self._refusal is None:
            wanted = max(self._count(_State.BUSY) + len(self._queue), self._spec.min_workers)
            if self._num_staying >= wanted or len(self._workers) >= self._num_places:
                return
            self._num_started += 1
            places = {badge.place for badge in self._workers}
            place = min(place for place in range(self._num_places) if place not in places)
            badge = Badge(f"worker-{self._num_started}", place)
            self._workers[badge] = _State.LOADING
            self._hire(badge)

    def _may_leave(self, *, is_window_over: bool) -> bool:
        if self.closing is not Closing.NO or self._refusal is not None:
            return True
        return is_window_over and self._num_staying > self._spec.min_workers

    @property
    def _num_staying(self) -> int:
        return len(self._workers) - self._count(_State.LEAVING) - self._count(_State.SPENT)

    def _count(self, state: _State) -> int:
        return sum(each is state for each in self._workers.values())

    def _end_queue(self, error: BlankLogoError) -> None:
        while self._queue:
            self._queue.popleft().fail(error)
