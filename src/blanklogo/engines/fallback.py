"""Several engines behind one: a call that cannot be served by the first goes to the next, and says so.

    with FallbackEngine([ModalEngine(spec), PoolEngine(spec)]) as engine:
        result = engine.submit(order).result()
        print(result["engine"], result["num_attempts"])

When to go on is decided in `engines.healing`. Nothing is silent: each further attempt is a notice that says what
failed and what is tried instead, the attempts are counted, and the result names the engine and the GPU that did it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from blanklogo.engines.base import Call, CallStats, Engine, EngineStats, Message
from blanklogo.engines.call import LocalCall
from blanklogo.engines.healing import Attempt, next_attempt
from blanklogo.errors import BlankLogoError, CancelledError, EngineError, OptionError, UnavailableError
from blanklogo.types import Order

_QUEUE_HINT = "later, another engine, or more workers"


class FallbackEngine(Engine):
    """Tries engines in order. It owns them, and closes them when it is closed.

    Args:
        engines: for the same workload, the wanted one first. `spec` is the first one's.

    Raises:
        OptionError: no engines, or engines for several workloads.
    """

    name = "fallback"

    def __init__(self, engines: Sequence[Engine]) -> None:
        workloads = sorted({engine.workload for engine in engines})
        if len(workloads) != 1:
            raise OptionError(f"engines for {', '.join(workloads) or 'nothing'}", accepted="one workload for all")
        super().__init__(engines[0].spec, engines[0].workload)
        self.engines = tuple(engines)
        self._lock = threading.Lock()
        self._journeys: set[_Journey] = set()
        self._is_closed = False

    def submit(self, order: Order | Message) -> Call:
        given = order.as_dict() if isinstance(order, Order) else dict(order)
        journey = _Journey(self, given)
        with self._lock:
            if self._is_closed:
                raise UnavailableError("the engine is closed", hint="make another")
            self._journeys.add(journey)
            journey.start()
        return journey.call

    @property
    def stats(self) -> EngineStats:
        """Workers of all engines; the queue is this engine's own, a call's age counted from when it was given here."""
        each = [engine.stats for engine in self.engines]
        with self._lock:
            ages = [journey.age_seconds for journey in self._journeys if not journey.has_begun]
        return EngineStats(
            num_workers=sum(one.num_workers for one in each),
            num_idle=sum(one.num_idle for one in each),
            num_queued=len(ages),
            oldest_queued_seconds=max(ages, default=0.0),
            num_started=sum(one.num_started for one in each),
            num_renewed=sum(one.num_renewed for one in each),
            num_busy=sum(one.num_busy for one in each),
        )

    def close(self, *, is_patient: bool = True) -> None:
        with self._lock:
            self._is_closed = True
        for engine in self.engines:
            engine.close(is_patient=is_patient)
        with self._lock:
            journeys = list(self._journeys)
        for journey in journeys:
            journey.join()

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def forget(self, journey: _Journey) -> None:
        """It is over."""
        with self._lock:
            self._journeys.discard(journey)


class _Journey(threading.Thread):
    """One call's way through the engines."""

    def __init__(self, engine: FallbackEngine, given: Message) -> None:
        super().__init__(name="fallback", daemon=True)
        self.call = LocalCall(given, self._cancel)
        self._engine = engine
        self._lock = threading.Lock()
        self._inner: Call | None = None
        self._has_heard = False  # an event of the attempt under way
        self._is_taken_back = False
        self._num_attempts = 0  # of the attempts that are over
        self._waited_seconds = 0.0  # for workers, in those

    @property
    def age_seconds(self) -> float:
        """Since the call was given."""
        return time.monotonic() - self.call.submitted_at_seconds

    @property
    def has_begun(self) -> bool:
        """Whether a worker has it; an engine that does not tell is believed when it tells an event."""
        inner = self._inner
        return self._has_heard or (inner is not None and inner.stats.queued_seconds is not None)

    def run(self) -> None:
        try:
            self.call.finish(self._result())
        except BlankLogoError as error:
            self.call.fail(error)
        except Exception as error:  # nobody may wait for ever, whatever an engine raises
            self.call.fail(EngineError(f"an engine broke its promise: {error!r}", hint="report it"))
        finally:
            self._engine.forget(self)

    def _result(self) -> Message:
        attempt, later = Attempt(self._engine.engines[0], self.call.order), self._engine.engines[1:]
        while True:
            try:
                result = self._tried(attempt)
                gpu = next(iter(attempt.engine.spec.gpu), None)
                return result | {"engine": attempt.engine.name, "gpu": gpu, "num_attempts": self._num_attempts}
            except BlankLogoError as error:
                then = self._allowed(next_attempt(attempt, error, self.call.order, later), error)
                self.call.tell({"type": "notice", "message": f"{attempt}: {error.came}; now {then}"})
                if then.engine is not attempt.engine:
                    later = later[later.index(then.engine) + 1 :]
                attempt = then

    def _allowed(self, then: Attempt | None, error: BlankLogoError) -> Attempt:
        if self.call.is_cancel_asked:
            raise CancelledError("stopped by the caller") from error
        if self._engine.is_closed and not self.has_begun:
            raise CancelledError("the engine was closed before it began") from error
        if then is None or self._engine.is_closed:
            raise error
        return then

    def _tried(self, attempt: Attempt) -> Message:
        """The result of one attempt. Raises whatever ended it."""
        self._has_heard = self._is_taken_back = False
        self._inner = None
        began_at_seconds, stats = time.monotonic(), CallStats()
        try:
            inner = attempt.engine.submit(attempt.order)
            self._follow(inner)
            with self._bounded_wait(inner, attempt.engine.spec.max_queue_seconds):
                self._pass_events_on(inner)
            stats = inner.stats
            return inner.result()
        except CancelledError as error:
            if self._is_taken_back and not self.call.is_cancel_asked:
                age = time.monotonic() - began_at_seconds
                raise UnavailableError(f"no worker was free for {age:.1f} s", hint=_QUEUE_HINT) from error
            raise
        finally:
            waited = stats.queued_seconds
            self._note(stats)
            self._num_attempts += stats.num_attempts
            self._waited_seconds += time.monotonic() - began_at_seconds if waited is None else waited

    def _pass_events_on(self, inner: Call) -> None:
        for event in inner.events():
            self._has_heard = True
            if event["type"] != "result":
                self._note(inner.stats)
                self.call.tell(event)

    @contextmanager
    def _bounded_wait(self, inner: Call, limit_seconds: float | None) -> Iterator[None]:
        """Takes the call back when no worker has it in time: not every provider bounds its queue."""
        if limit_seconds is None:
            yield
            return
        timer = threading.Timer(limit_seconds, self._take_back, [inner])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _take_back(self, inner: Call) -> None:
        if not self.has_begun:
            self._is_taken_back = True
            inner.cancel()

    def _note(self, stats: CallStats) -> None:
        """The attempt's figures as this call's, which counts all attempts and all waiting."""
        figures = stats.as_dict() | {"num_attempts": self._num_attempts + stats.num_attempts}
        if stats.queued_seconds is not None:
            figures["queued_seconds"] = self._waited_seconds + stats.queued_seconds
        self.call.note(**figures)

    def _follow(self, inner: Call) -> None:
        with self._lock:
            self._inner = inner
        if self.call.is_cancel_asked:
            inner.cancel()

    def _cancel(self, call: LocalCall) -> None:
        with self._lock:
            inner = self._inner
        if inner is not None:
            inner.cancel()
